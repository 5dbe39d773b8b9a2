"""Every picture of a request made fit for the model, and free of what its file tells."""

from collections.abc import Mapping, Sequence
from typing import Any

from grok_agent.errors import GrokAgentError
from grok_agent.gateway.fields import mapping_of, text_of
from grok_agent.gateway.ladder import Reencode, is_picture
from grok_agent.gateway.outgoing import advise
from grok_agent.profile import ImageLimits


def fit_pictures(
    messages: Sequence[dict[str, Any]], reencode: Reencode | None, limits: ImageLimits
) -> list[dict[str, Any]]:
    """The same messages with every picture in them within ``limits`` and without metadata.

    Web addresses pass as they are. A picture that cannot be sent raises its own error, for the
    caller to mend; in a tool's result its error stands in its place, because the model can ask for
    another, and a picture that is refused would spoil each later request of the conversation.
    Without ``reencode`` all pictures stay as they are.
    """
    if reencode is None:
        return list(messages)
    return [_fitted(message, reencode, limits) for message in messages]


def _fitted(message: dict[str, Any], reencode: Reencode, limits: ImageLimits) -> dict[str, Any]:
    content = mapping_of(message).get("content")
    if not isinstance(content, list) or not any(map(is_picture, content)):
        return message
    from_tool = message.get("role") == "tool"
    return {**message, "content": [_part(each, reencode, limits, from_tool) for each in content]}


def _part(part: Any, reencode: Reencode, limits: ImageLimits, from_tool: bool) -> Any:
    image: Mapping[str, Any] = mapping_of(mapping_of(part).get("image_url"))
    url = text_of(image.get("url"))
    if not is_picture(part) or url[:5].lower() != "data:":
        return part
    try:
        return {**part, "image_url": {**image, "url": reencode(url, limits)}}
    except GrokAgentError as error:
        if not from_tool:
            raise
        advise(f"picture {error.what}", f"A picture in a tool's result is not sent: {error}")
        return {"type": "text", "text": f"[A picture stood here. It cannot be sent: {error}]"}
