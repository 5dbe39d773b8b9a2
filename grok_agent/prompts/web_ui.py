"""Prompts as infotext of AUTOMATIC1111's web UI and Forge: out, and in again."""

import re

from grok_agent.prompts.exporting import Export, Notes, keywords, negatives, unweighted, weighs
from grok_agent.prompts.infotext import Infotext, write_infotext
from grok_agent.prompts.samplers import WEB_UI_SAMPLERS, WEB_UI_SCHEDULES
from grok_agent.prompts.schema import Lora, PromptSpec
from grok_agent.prompts.weights import write_weighted

_COMMANDS = re.compile(r"\b(AND|BREAK)\b")


def to_infotext(spec: PromptSpec) -> Export:
    """``spec`` as infotext that the web UIs take back; Flux gets its own words for guidance."""
    notes = Notes(spec)
    flux = spec.target == "flux"
    weigh = unweighted if flux else list
    positive = _said(write_weighted(weigh(keywords(spec, notes))), notes, "positive")
    negative = _said(write_weighted(weigh(negatives(spec))), notes, "negative")
    if flux and weighs(spec):
        notes.rewrite("positive", "weights left out: Flux does not read them")
    loras = "".join(_tag(lora) for lora in spec.loras)
    pairs = {
        "Steps": str(spec.steps),
        "Sampler": WEB_UI_SAMPLERS[spec.sampler],
        "Schedule type": WEB_UI_SCHEDULES[spec.scheduler],
        "CFG scale": "1" if flux else f"{spec.cfg:g}",
        "Seed": str(spec.seed),
        "Size": f"{spec.width}x{spec.height}",
    }
    if flux:
        pairs["Distilled CFG Scale"] = f"{spec.cfg:g}"
    notes.drop(
        "infotext has no place for it", "title", "palette", "variants", "safety_note", "references"
    )
    notes.drop("the keyword form is used", "sentence")
    notes.rewrite("language", "English: the text encoder does not understand Chinese")
    text = write_infotext(Infotext(", ".join(filter(None, (positive, loras))), negative, pairs))
    return notes.export("a1111", text)


def _tag(lora: Lora) -> str:
    return f"<lora:{lora.name}:{lora.weight:g}>"


def _said(text: str, notes: Notes, name: str) -> str:
    """``text`` without what the web UIs take for a command."""
    quiet = _COMMANDS.sub(lambda word: word[0].lower(), text)
    if quiet != text:
        notes.rewrite(name, "AND and BREAK in small letters: as capitals they are commands")
    return quiet
