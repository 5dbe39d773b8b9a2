"""Prompts from prompts, without a model: what differs, what joins, what varies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from grok_agent.errors import SettingsError
from grok_agent.prompts.problems import explain
from grok_agent.prompts.schema import PromptSpec

STYLE_FIELDS = (
    *("style", "medium", "camera", "light", "palette", "composition"),
    *("steps", "sampler", "scheduler", "cfg", "loras", "target"),
)
"""What makes the look of a picture; the rest is what it shows."""


@dataclass(frozen=True)
class Difference:
    """One field that differs; values are plain types, as in the prompt's dump."""

    field: str
    before: Any
    after: Any


def diff(before: PromptSpec, after: PromptSpec) -> list[Difference]:
    """The fields that differ, in the schema's order."""
    old, new = before.model_dump(), after.model_dump()
    return [Difference(name, old[name], new[name]) for name in old if old[name] != new[name]]


def merge(style: PromptSpec, subject: PromptSpec) -> PromptSpec:
    """What ``subject`` shows, person and keywords, in the look of ``style``.

    Keywords that were measured on a picture belong to the look. Negative keywords are joined; the
    subject's win where one of the style's is wanted.
    """
    own = [word for word in subject.positive if word.source != "measured"] or subject.positive
    look = [word for word in style.positive if word.source == "measured"]
    wanted = {
        text.casefold() for word in (*own, *look, *subject.identity) for text in (word.en, word.zh)
    }
    negative = [
        word
        for word in (*subject.negative, *style.negative)
        if not {word.en.casefold(), word.zh.casefold()} & wanted
    ]
    return _checked(
        {
            **subject.model_dump(),
            **{name: style.model_dump()[name] for name in STYLE_FIELDS},
            "title": f"{subject.title} / {style.title}"[:120],
            "sentence": {"en": "", "zh": ""},
            "positive": [word.model_dump() for word in _once((*own, *look))],
            "negative": [word.model_dump() for word in _once(negative)],
        }
    )


def vary(spec: PromptSpec, *, field: str, values: Iterable[Any]) -> list[PromptSpec]:
    """One prompt for each of ``values`` of ``field``; all else, the identity block first, stays.

    Raises :class:`SettingsError` for a field that does not exist or must not vary, and for a value
    that does not fit; the caller mends it.
    """
    if field not in PromptSpec.model_fields or field in ("identity", "version"):
        names = [name for name in PromptSpec.model_fields if name not in ("identity", "version")]
        raise SettingsError(f"{field!r} cannot vary.", next_step=f"Use one of: {', '.join(names)}.")
    base = spec.model_dump()
    if field == "aspect_ratio":
        base = {name: value for name, value in base.items() if name not in ("width", "height")}
    if field in ("width", "height"):
        base = {name: value for name, value in base.items() if name != "aspect_ratio"}
    return [_checked({**base, field: value}) for value in values]


def with_identity(spec: PromptSpec, of: PromptSpec) -> PromptSpec:
    """``spec`` with the identity block of ``of``, word for word."""
    words = {text.casefold() for word in of.identity for text in (word.en, word.zh)}
    negative = [
        word.model_dump()
        for word in spec.negative
        if not {word.en.casefold(), word.zh.casefold()} & words
    ]
    identity = [word.model_dump() for word in of.identity]
    return _checked({**spec.model_dump(), "identity": identity, "negative": negative})


def _once(words: Sequence[Any]) -> list[Any]:
    return list({word.en.casefold(): word for word in reversed(words)}.values())[::-1]


def _checked(values: dict[str, Any]) -> PromptSpec:
    try:
        return PromptSpec.model_validate(values)
    except ValidationError as error:
        raise SettingsError(
            "The prompt would not be valid: " + "; ".join(explain(error)[:5]),
            next_step="Give a value that fits.",
        ) from None
