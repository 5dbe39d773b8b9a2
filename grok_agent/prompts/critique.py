"""What a careful person would say of a valid prompt before it costs a picture."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from grok_agent.prompts.clip import CHUNK_TOKENS, clip_tokens
from grok_agent.prompts.exporting import Notes, keywords
from grok_agent.prompts.remark import HAN, Remark, says
from grok_agent.prompts.schema import Keyword, PromptSpec, Target
from grok_agent.prompts.wording import against_measurement

BURNING_WEIGHT = 1.4
"""Above this, ComfyUI and the web UIs draw artefacts rather than emphasis."""

CLIP_TARGETS: frozenset[Target] = frozenset({"sd15", "sdxl", "sd3"})
"""Targets whose text goes through CLIP, 75 tokens at a time."""

OPPOSITES: tuple[tuple[frozenset[str], frozenset[str]], ...] = tuple(
    (frozenset(left.split("|")), frozenset(right.split("|")))
    for left, right in (
        ("day|daytime|midday|noon", "night|nighttime|midnight"),
        ("indoors|indoor", "outdoors|outdoor"),
        ("close-up|closeup|extreme close-up", "full body|full-body|full length|wide shot"),
        ("black and white|monochrome|greyscale|grayscale", "vivid colours|colourful|colorful"),
        ("smiling|smile|laughing", "frowning|crying|angry|serious expression"),
        ("short hair", "long hair"),
        ("straight hair", "curly hair|wavy hair"),
        ("eyes closed|closed eyes", "eyes open|looking at the camera|looking at viewer"),
        ("sunny|clear sky", "rainy|rain|overcast|stormy"),
        ("summer", "winter|snow|snowy"),
        ("minimalist|minimalism", "maximalist|cluttered|highly ornate"),
        ("high key|high-key", "low key|low-key"),
        ("symmetrical|symmetry", "asymmetrical|asymmetry"),
        ("wide angle|wide-angle", "telephoto"),
        ("young", "elderly|old man|old woman|aged"),
    )
)
"""Words of which a picture can show only one side."""

_WORDS = re.compile(r"[a-z0-9'-]+")


def critique(
    spec: PromptSpec, *, banned: Iterable[str] = (), features: Mapping[str, Any] | None = None
) -> list[Remark]:
    """Weaknesses of ``spec``: contradictions, repeated meanings, mixed languages, weights that
    burn, words cut off by the target's encoder, words of ``banned``, and what contradicts
    ``features``, the dump of what was measured on its picture. Empty when it is good."""
    return [
        *_contradictions(spec),
        *_repetitions(spec.positive),
        *_languages(spec),
        *_weights(spec),
        *_length(spec),
        *_banned(spec, [word.casefold() for word in banned if word.strip()]),
        *against_measurement(spec, features or {}),
    ]


def _contradictions(spec: PromptSpec) -> Iterator[Remark]:
    said = [(f"positive.{n}", word.en.casefold()) for n, word in enumerate(spec.positive)]
    said += [(f"identity.{n}", word.en.casefold()) for n, word in enumerate(spec.identity)]
    for name in ("subject", "style", "camera", "light", "composition"):
        said.append((name, getattr(spec, name).en.casefold()))
    for left, right in OPPOSITES:
        here, there = _first(said, left), _first(said, right)
        if here and there:
            yield Remark(
                there[0], f"{there[1]!r} contradicts {here[1]!r} in {here[0]}", "keep one of them"
            )
    for number, word in enumerate(spec.negative):
        unwanted = word.en.casefold()
        for name, text in said:
            if says(text, unwanted) and not name.startswith(("positive", "identity")):
                yield Remark(
                    f"negative.{number}",
                    f"{word.en!r} is asked for in {name}",
                    "remove one of them",
                )


def _repetitions(words: Sequence[Keyword]) -> Iterator[Remark]:
    sets = [
        (number, word.en, set(_WORDS.findall(word.en.casefold())))
        for number, word in enumerate(words)
    ]
    for (_, first, one), (number, second, other) in combinations(sets, 2):
        if one and one == other:
            yield Remark(f"positive.{number}", f"{second!r} repeats {first!r}", "keep one of them")
        elif other and other < one:
            yield Remark(f"positive.{number}", f"{second!r} is said by {first!r}", "remove it")


def _languages(spec: PromptSpec) -> Iterator[Remark]:
    for name in ("positive", "negative", "identity"):
        for number, word in enumerate(getattr(spec, name)):
            if HAN.search(word.en):
                yield Remark(f"{name}.{number}", f"{word.en!r} is Chinese in en", "translate it")
            elif " " in word.en and word.zh.casefold() == word.en.casefold():
                yield Remark(f"{name}.{number}", f"{word.zh!r} is English in zh", "translate it")


def _weights(spec: PromptSpec) -> Iterator[Remark]:
    for name in ("positive", "negative", "identity"):
        for number, word in enumerate(getattr(spec, name)):
            if word.weight > BURNING_WEIGHT:
                yield Remark(
                    f"{name}.{number}",
                    f"a weight of {word.weight:g} burns the picture",
                    f"keep it at {BURNING_WEIGHT:g} or below",
                )


def _length(spec: PromptSpec) -> Iterator[Remark]:
    if spec.target not in CLIP_TARGETS:
        return
    text = ", ".join(word.text for word in keywords(spec, Notes(spec)))
    size = clip_tokens(text)
    if size.lost:
        yield Remark(
            "positive",
            f"{size.tokens} tokens, of which CLIP reads {CHUNK_TOKENS} at a time; last come:"
            f" {size.lost[:200]}",
            "put what matters first, and remove what does not",
        )


def _banned(spec: PromptSpec, banned: Sequence[str]) -> Iterator[Remark]:
    texts = [(f"positive.{n}", word) for n, word in enumerate(spec.positive)]
    texts += [(f"identity.{n}", word) for n, word in enumerate(spec.identity)]
    for name, word in texts:
        for text in (word.en, word.zh):
            found = next((each for each in banned if says(text.casefold(), each)), None)
            if found:
                yield Remark(name, f"{found!r} is banned", "say it in other words or remove it")
                break


def _first(said: Sequence[tuple[str, str]], words: frozenset[str]) -> tuple[str, str] | None:
    for name, text in said:
        for word in sorted(words, key=len, reverse=True):
            if says(text, word):
                return name, word
    return None
