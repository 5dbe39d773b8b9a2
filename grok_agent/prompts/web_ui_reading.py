"""Infotext of the web UIs becomes a draft: brackets, LoRA tags and the pairs of the last line."""

import re
from collections.abc import Callable

from pydantic import ValidationError

from grok_agent.prompts.importing import Draft, as_number
from grok_agent.prompts.infotext import read_infotext
from grok_agent.prompts.samplers import web_ui_sampler, web_ui_schedule
from grok_agent.prompts.schema import Lora
from grok_agent.prompts.weights import Weighted, read_weighted

_LORA = re.compile(r"<lora:(?P<name>[^:<>\n]+):(?P<weight>[+-]?[\d.]+)(?::[^<>\n]*)?>")
_BREAK = re.compile(r"\s*\b(?:BREAK|AND)\b\s*")
_EDIT = re.compile(r"\[(?P<before>[^\[\]|:]*):(?P<after>[^\[\]|:]*):(?P<when>[\d.]+)\]")
_CHOICE = re.compile(r"\[(?P<choices>[^\[\]]*\|[^\[\]]*)\]")
_COMMANDS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str], str], ...] = (
    (_EDIT, lambda edit: edit["after"], "of [a:b:when] only b is kept"),
    (_CHOICE, lambda choice: choice["choices"].replace("|", ","), "of [a|b] both are kept"),
    (_BREAK, lambda _: ", ", "BREAK and AND are commas now"),
)
_SIZE = re.compile(r"^\s*(\d+)\s*[xX×]\s*(\d+)\s*$")
_HANDLED = {"Size", "Sampler", "Schedule type", "Steps", "CFG scale", "Seed"}


def draft_of_infotext(text: str) -> Draft:
    """What an infotext says; a text without pairs is a positive prompt."""
    found = read_infotext(text)
    draft = Draft("infotext")
    draft.positive = _words(found.positive, "positive", draft)
    draft.negative = _words(found.negative, "negative", draft)
    pairs = dict(found.pairs)
    if size := _SIZE.match(pairs.get("Size", "")):
        draft.width, draft.height = float(size[1]), float(size[2])
    read_sampler(pairs.get("Sampler"), pairs.get("Schedule type"), draft)
    draft.number("steps", pairs.get("Steps"))
    distilled = pairs.pop("Distilled CFG Scale", None)
    draft.number("cfg", distilled or pairs.get("CFG scale"))
    draft.number("seed", pairs.get("Seed"))
    draft.left_out |= {name: value for name, value in pairs.items() if name not in _HANDLED}
    return draft


def without_loras(text: str, draft: Draft) -> str:
    """``text`` without LoRA tags, which go to the draft."""

    def take(tag: re.Match[str]) -> str:
        try:
            draft.loras.append(Lora(name=tag["name"], weight=as_number(tag["weight"]) or 0.0))
        except ValidationError:
            draft.left_out[tag[0]] = "not a LoRA that the schema takes"
        return ","

    return _LORA.sub(take, text)


def _without_commands(text: str, name: str, draft: Draft) -> str:
    """``text`` without what only the web UIs understand, and a note on what became of it."""
    for pattern, instead, why in _COMMANDS:
        changed = pattern.sub(instead, text)
        if changed != text:
            draft.change(name, why)
        text = changed
    return text


def _words(text: str, name: str, draft: Draft) -> list[Weighted]:
    return read_weighted(_without_commands(without_loras(text, draft), name, draft))


def read_sampler(sampler: str | None, schedule: str | None, draft: Draft) -> None:
    """Put our words for a sampler and its schedule into ``draft``; unknown ones are left out."""
    known, with_it = web_ui_sampler(sampler) if sampler else (None, None)
    draft.sampler = known
    if sampler and known is None:
        draft.left_out["sampler"] = sampler
    draft.scheduler = (web_ui_schedule(schedule) if schedule else None) or with_it
    if schedule and draft.scheduler is None:
        draft.left_out["scheduler"] = schedule
