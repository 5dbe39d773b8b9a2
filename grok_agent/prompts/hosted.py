"""Prompts for models behind a service: Midjourney, gpt-image and grok-imagine."""

from math import log

from grok_agent.prompts.exporting import Export, Language, Notes, avoidance, keywords, prose
from grok_agent.prompts.schema import PromptSpec
from grok_agent.prompts.sizes import ratio_of
from grok_agent.prompts.weights import Weighted

GPT_IMAGE_SIZES = ("1024x1024", "1536x1024", "1024x1536")
"""What gpt-image takes as ``size``."""

GROK_IMAGINE_RATIOS = (
    *("1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2"),
    *("9:19.5", "19.5:9", "9:20", "20:9", "1:2", "2:1"),
)
"""What grok-imagine takes as ``aspect_ratio`` beside ``auto``."""

TWO_K_PIXELS = 1536 * 1536
"""From this area on a picture is asked for in 2k."""

MIDJOURNEY_MOST_CHARACTERS = 6000
_SAMPLING = ("steps", "sampler", "scheduler", "cfg", "seed", "loras")
_ASIDE = ("title", "palette", "variants", "safety_note", "references")


def to_midjourney(spec: PromptSpec) -> Export:
    """``spec`` as one line for Midjourney: words, then ``--ar``, ``--no`` and ``--seed``."""
    notes = Notes(spec)
    words = ", ".join(_plain(word, notes, "positive") for word in keywords(spec, notes))
    parts = [words, f"--ar {_whole_ratio(spec, notes)}"]
    if spec.negative:
        listed = (
            _plain(Weighted(word.en, word.weight), notes, "negative") for word in spec.negative
        )
        parts.append(f"--no {', '.join(listed)}")
    if spec.seed >= 0:
        parts.append(f"--seed {spec.seed}")
    notes.drop("Midjourney has no such setting", "steps", "sampler", "scheduler", "cfg", "loras")
    notes.drop("the line has no place for it", *_ASIDE)
    notes.drop("the keyword form is used", "sentence")
    if spec.width * spec.height != 1024 * 1024:
        notes.rewrite("width", "only the aspect ratio is passed on")
    return notes.export("midjourney", " ".join(parts))


def to_gpt_image(spec: PromptSpec, *, language: Language = "en", n: int = 1) -> Export:
    """``spec`` as the body of a request to OpenAI's image endpoint."""
    notes = Notes(spec)
    size = min(GPT_IMAGE_SIZES, key=lambda size: _ratio_distance(size.replace("x", ":"), spec))
    if size != f"{spec.width}x{spec.height}":
        notes.rewrite("width", f"size set to {size}, the nearest of those that there are")
    notes.drop("gpt-image has no such setting", *_SAMPLING)
    notes.drop("the request has no place for it", *_ASIDE)
    text = _wish(spec, language, notes)
    return notes.export("gpt-image", {"model": "gpt-image-1", "prompt": text, "n": n, "size": size})


def to_grok_imagine(spec: PromptSpec, *, language: Language = "en", n: int = 1) -> Export:
    """``spec`` as the body of a request to xAI's image endpoint; ``n`` is 1 to 10."""
    notes = Notes(spec)
    ratio = min(GROK_IMAGINE_RATIOS, key=lambda ratio: _ratio_distance(ratio, spec))
    if ratio != spec.aspect_ratio:
        notes.rewrite("aspect_ratio", f"set to {ratio}, the nearest of those that there are")
    resolution = "2k" if spec.width * spec.height >= TWO_K_PIXELS else "1k"
    notes.rewrite("width", f"asked for as {ratio} in {resolution}: there is no size")
    notes.drop("grok-imagine has no such setting", *_SAMPLING)
    notes.drop("the request has no place for it", *_ASIDE)
    body = {
        "model": "grok-imagine",
        "prompt": _wish(spec, language, notes),
        "n": n,
        "aspect_ratio": ratio,
        "resolution": resolution,
    }
    return notes.export("grok-imagine", body)


def _wish(spec: PromptSpec, language: Language, notes: Notes) -> str:
    """Prose, with what shall not be there said as a wish."""
    if spec.negative:
        notes.rewrite("negative", "said as a wish in the prompt: there is no negative prompt")
    return prose(spec, language, notes) + avoidance(spec.negative, language)


def _plain(word: Weighted, notes: Notes, name: str) -> str:
    """A keyword whose dashes cannot be taken for a parameter and whose comma for a separator."""
    text = word.text.replace("--", "-").replace("::", ":").replace(",", " ")
    text = " ".join(text.split())
    if text != word.text:
        notes.rewrite(name, "commas, double dashes and double colons taken out of keywords")
    if word.weight != 1:
        notes.rewrite(name, "weights left out: Midjourney weighs parts by ::, not by brackets")
    return text


def _whole_ratio(spec: PromptSpec, notes: Notes) -> str:
    width, height = spec.aspect_ratio.split(":")
    if width.strip().isdigit() and height.strip().isdigit():
        return f"{int(width)}:{int(height)}"
    notes.rewrite("aspect_ratio", "in whole numbers")
    return f"{round(float(width) * 100)}:{round(float(height) * 100)}"


def _ratio_distance(ratio: str, spec: PromptSpec) -> float:
    return abs(log(ratio_of(ratio)) - log(spec.width / spec.height))
