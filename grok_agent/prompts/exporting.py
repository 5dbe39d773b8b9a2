"""What every export has in common: the payload, what was lost and what was said differently."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from grok_agent.prompts.schema import Keyword, PromptSpec
from grok_agent.prompts.sizes import SIDE_STEP_PX, nearest_size
from grok_agent.prompts.weights import Weighted

Language = Literal["en", "zh"]
Payload = str | dict[str, Any]


@dataclass(frozen=True)
class Note:
    """One field of the prompt that the target does not get as it is, and why."""

    field: str
    why: str


@dataclass(frozen=True)
class Export:
    """A prompt in the form of one target.

    ``payload`` is text, or plain types ready for JSON. ``dropped`` fields are not in it,
    ``rewritten`` ones are in another form. A field whose value is the schema's default and that
    the target has no place for is not listed.
    """

    target: str
    payload: Payload
    dropped: tuple[Note, ...] = ()
    rewritten: tuple[Note, ...] = ()


@dataclass
class Notes:
    """Collects what an exporter could not keep."""

    spec: PromptSpec
    dropped: list[Note] = field(default_factory=list)
    rewritten: list[Note] = field(default_factory=list)

    def drop(self, why: str, *names: str) -> None:
        """``names`` have no place in the target; those that hold nothing of their own are quiet."""
        self.dropped += [Note(name, why) for name in names if self._says_something(name)]

    def rewrite(self, name: str, why: str) -> None:
        """``name`` is in the payload in another form."""
        self.rewritten.append(Note(name, why))

    def size(
        self, sizes: Iterable[tuple[int, int]] = (), *, step_px: int = SIDE_STEP_PX
    ) -> tuple[int, int]:
        """Width and height in pixels as the target takes them: of ``sizes`` the nearest in shape,
        else both rounded to ``step_px``; noted if that is another size."""
        own = self.spec.width, self.spec.height
        allowed = list(sizes)
        if allowed:
            taken = own if own in allowed else nearest_size(*own, allowed)
        else:
            taken = own[0] // step_px * step_px, own[1] // step_px * step_px
        if taken != own:
            self.rewrite("width", f"size set to {taken[0]}x{taken[1]}, which the model takes")
        return taken

    def export(self, target: str, payload: Payload) -> Export:
        """The finished export."""
        rewritten = tuple(dict.fromkeys(self.rewritten))
        return Export(target, payload, tuple(self.dropped), rewritten)

    def _says_something(self, name: str) -> bool:
        value = getattr(self.spec, name)
        default = PromptSpec.model_fields[name].get_default(call_default_factory=True)
        return bool(value != default)


def keywords(spec: PromptSpec, notes: Notes) -> list[Weighted]:
    """The prompt as a list of English keywords: subject, identity, positive, then the statements.

    A statement that the keywords hold already is not said twice.
    """
    identity = [_weighted(word) for word in spec.identity]
    positive = [_weighted(word) for word in spec.positive]
    said = ", ".join(word.text for word in (*identity, *positive)).casefold()
    if spec.subject.en.casefold() not in said:
        positive.insert(0, Weighted(spec.subject.en))
    words = [positive[0], *identity, *positive[1:]]
    for name in ("style", "medium", "camera", "light", "composition"):
        value = getattr(spec, name)
        text = value if isinstance(value, str) else value.en
        if text and text.casefold() not in said:
            words.append(Weighted(text))
            notes.rewrite(name, "joined to the keywords")
    if spec.identity:
        notes.rewrite("identity", "joined to the keywords, word for word")
    return list(dict.fromkeys(words))


def negatives(spec: PromptSpec) -> list[Weighted]:
    """The negative keywords in English."""
    return [_weighted(word) for word in spec.negative]


def weighs(spec: PromptSpec) -> bool:
    """Whether any keyword has a weight other than 1."""
    return any(word.weight != 1 for word in (*spec.positive, *spec.identity, *spec.negative))


def unweighted(words: Iterable[Weighted]) -> list[Weighted]:
    """The keywords without their weights."""
    return [Weighted(word.text) for word in words]


def prose(spec: PromptSpec, language: Language, notes: Notes) -> str:
    """The prompt as sentences for models that read prose; weights have no place in it."""
    if spec.sentence.en:
        lead = getattr(spec.sentence, language)
        missing = [word for word in spec.identity if word.text(language) not in lead]
        parts = [lead, *(word.text(language) for word in missing)]
        notes.rewrite("positive", "said by the sentence form")
        for name in ("style", "camera", "light", "composition"):
            if getattr(spec, name).en and getattr(getattr(spec, name), language) not in lead:
                notes.rewrite(name, "said by the sentence form, as far as it says it")
    else:
        listed = [*spec.identity, *spec.positive]
        said = _comma(language).join(word.text(language) for word in listed)
        statements = (spec.style, spec.camera, spec.light, spec.composition)
        parts = [getattr(spec.subject, language), said, *(getattr(s, language) for s in statements)]
        if language == "en":
            parts.append(spec.medium)
    if weighs(spec):
        notes.rewrite("positive", "weights left out: the model would read them as words")
    end, blank = (".", " ") if language == "en" else ("。", "")
    said_once = dict.fromkeys(part.strip().rstrip(".。") for part in parts if part.strip())
    return blank.join(f"{part}{end}" for part in said_once)


def avoidance(words: Iterable[Keyword], language: Language) -> str:
    """Negative keywords as a positive wish, for models without a negative prompt."""
    listed = _comma(language).join(word.text(language) for word in words)
    if not listed:
        return ""
    return f" Free of {listed}." if language == "en" else f"画面中不出现{listed}。"


def _comma(language: Language) -> str:
    return ", " if language == "en" else "、"


def _weighted(word: Keyword) -> Weighted:
    return Weighted(word.en, word.weight)
