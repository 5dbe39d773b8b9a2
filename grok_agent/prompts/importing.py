"""What every import has in common: a draft from foreign data becomes a valid prompt."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from grok_agent.errors import ToolError
from grok_agent.prompts.exporting import Note
from grok_agent.prompts.schema import (
    MAX_KEYWORD_CHARACTERS,
    MAX_KEYWORDS,
    MAX_TITLE_CHARACTERS,
    Lora,
    PromptSpec,
)
from grok_agent.prompts.sizes import nearest_side
from grok_agent.prompts.weights import Weighted

MAX_TITLE_WORDS = 8
_SENTENCE = re.compile(r"[.!?]\s|[.。！？]\s*$|。")
_RANGES = {"steps": (1, 150), "cfg": (0.0, 30.0), "seed": (-1, 4_294_967_295)}


@dataclass(frozen=True)
class Import:
    """A prompt that came from elsewhere.

    ``source`` names the form it was in. The foreign text has one language, which stands in both
    until it is translated. ``changed`` lists what had to be altered to be valid; ``left_out`` holds
    what the schema has no place for, by its foreign name.
    """

    spec: PromptSpec
    source: str
    changed: tuple[Note, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Draft:
    """Foreign values as they were found; None where there was none. Sizes are pixels."""

    source: str
    positive: list[Weighted] = field(default_factory=list)
    negative: list[Weighted] = field(default_factory=list)
    sentence: str = ""
    width: float | None = None
    height: float | None = None
    sampler: str | None = None
    scheduler: str | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    loras: list[Lora] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    changed: list[Note] = field(default_factory=list)

    def change(self, name: str, why: str) -> None:
        """Note that ``name`` is not as it was found."""
        self.changed.append(Note(name, why))

    def number(self, name: str, value: object) -> None:
        """Take ``steps``, ``cfg`` or ``seed`` if it is a number."""
        if (found := as_number(value)) is not None:
            self.numbers[name] = found
        elif value is not None:
            self.left_out[name] = str(value)

    def finish(self) -> Import:
        """The valid prompt; raises :class:`ToolError` when nothing positive was found."""
        words = self._keywords("positive", self.positive, taken=set())
        if not words:
            raise ToolError(
                f"This {self.source} data holds no prompt.",
                next_step="Give a picture or a text that has one.",
            )
        taken = {word["en"].casefold() for word in words}
        values: dict[str, Any] = {
            "title": _title(words[0]["en"]),
            "subject": {"en": words[0]["en"], "zh": words[0]["en"]},
            "positive": words,
            "negative": self._keywords("negative", self.negative, taken),
            "sentence": {"en": self.sentence, "zh": self.sentence},
            "loras": [lora.model_dump() for lora in self.loras[:12]],
            **self._size(),
            **self._sampling(),
        }
        if len(self.loras) > 12:
            self.change("loras", "only the first 12 are kept")
        spec = PromptSpec.model_validate(values)
        return Import(spec, self.source, tuple(dict.fromkeys(self.changed)), self.left_out)

    def _keywords(
        self, name: str, words: Iterable[Weighted], taken: set[str]
    ) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for word in words:
            text = word.text[:MAX_KEYWORD_CHARACTERS].strip()
            if text != word.text:
                self.change(name, f"keywords cut to {MAX_KEYWORD_CHARACTERS} characters")
            if word.mixed:
                self.change(name, "a weight inside a keyword now counts for all of it")
            weight = min(max(word.weight, 0.1), 2.0)
            if weight != word.weight:
                self.change(name, "weights brought into 0.1 to 2")
            key = text.casefold()
            if not text or key in found or key in taken:
                self.change(name, "repeated keywords left out")
                continue
            found[key] = {"en": text, "zh": text, "weight": weight, "source": "user"}
        if len(found) > MAX_KEYWORDS:
            self.change(name, f"only the first {MAX_KEYWORDS} keywords are kept")
        return list(found.values())[:MAX_KEYWORDS]

    def _size(self) -> dict[str, int]:
        if self.width is None or self.height is None:
            return {}
        width, height = nearest_side(self.width), nearest_side(self.height)
        if (width, height) != (self.width, self.height):
            self.change("width", f"size set to {width}x{height}: multiples of 8, 64 to 4096")
        return {"width": width, "height": height}

    def _sampling(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in self.numbers.items():
            low, high = _RANGES[name]
            kept = min(max(value, low), high)
            if kept != value:
                self.change(name, f"brought into {low:g} to {high:g}")
            values[name] = kept if name == "cfg" else int(kept)
        if self.sampler:
            values["sampler"] = self.sampler
        if self.scheduler:
            values["scheduler"] = self.scheduler
        return values


def is_prose(text: str) -> bool:
    """Whether ``text`` consists of sentences and not of keywords."""
    return _SENTENCE.search(text) is not None


def as_number(value: object) -> float | None:
    """``value`` as a finite number, also from text; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < 1e18 else None  # NaN and infinity compare false


def _title(text: str) -> str:
    return " ".join(text.split()[:MAX_TITLE_WORDS])[:MAX_TITLE_CHARACTERS]
