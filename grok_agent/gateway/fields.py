"""Fields of JSON from outside: in the type that is needed, under any of the names in use."""

import json
from collections.abc import Mapping
from typing import Any

from grok_agent.gateway.ledger import is_amount, usage_from_wire


def text_of(value: object) -> str:
    """``value`` if it is text, in whole characters."""
    return whole_characters(value) if isinstance(value, str) else ""


def whole_characters(text: str) -> str:
    """``text`` with U+FFFD for half characters (lone surrogates), which could not be sent back."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def mapping_of(value: object) -> Mapping[str, Any]:
    """``value`` if it is an object of JSON, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings_of(value: object) -> list[Mapping[str, Any]]:
    """The objects in ``value`` if it is a list, else none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def names_in(answer: Mapping[str, Any]) -> dict[str, str]:
    """What an answer or a chunk calls itself, the model that served it and its version."""
    names = {key: text_of(answer.get(key)) for key in ("id", "model", "system_fingerprint")}
    return {key: name for key, name in names.items() if name}


def reasoning_in(message: Mapping[str, Any]) -> str:
    """The reasoning in a message or delta, under either of the two names in use."""
    return text_of(message.get("reasoning_content")) or text_of(message.get("reasoning"))


def refusal_in(message: Mapping[str, Any]) -> str:
    """The words of a refusal in a message or delta, also where a LiteLLM proxy has moved them."""
    moved = mapping_of(message.get("provider_specific_fields"))
    return text_of(message.get("refusal")) or text_of(moved.get("refusal"))


def all_text(content: object) -> str:
    """The text of a message's content, a string or a list of parts."""
    if isinstance(content, list):
        return "".join(text_of(part.get("text")) for part in mappings_of(content))
    return text_of(content)


def arguments_text(arguments: object) -> str:
    """The raw text of a call's arguments; some relays send the object itself."""
    return json.dumps(arguments) if isinstance(arguments, Mapping) else text_of(arguments)


def read_usage(usage: object) -> dict[str, Any] | None:
    """Sound token counts, and the bill beside them where one was sent."""
    counts = usage_from_wire(usage)
    ticks = usage.get("cost_in_usd_ticks") if isinstance(usage, Mapping) else None
    return {**counts, "cost_in_usd_ticks": int(ticks)} if counts and is_amount(ticks) else counts
