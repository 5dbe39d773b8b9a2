"""Makes a picture that is on its way fit for the model; the hook of the chat model."""

from grok_agent.profile import ImageLimits
from grok_agent.vision.prepare import data_url, is_prepared, prepare


def reencode(url: str, limits: ImageLimits) -> str:
    """The picture in the data URL ``url`` as a JPEG data URL within ``limits``.

    What was made here for these limits stays as it is, so that no picture loses twice. Raises
    ToolError for what is no readable picture.
    """
    return url if is_prepared(url, limits) else data_url(prepare(url, limits))
