"""Requests for prompts from the command line: run them, show them, write what came out."""

import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grok_agent import console
from grok_agent.conversion import print_export, read_source, write_whole
from grok_agent.folders import RUNS_FOLDER
from grok_agent.graphs.prompt import PromptRequest, prompt_agent
from grok_agent.graphs.translate import translate
from grok_agent.library import PromptLibrary
from grok_agent.prompts.exporters import export
from grok_agent.prompts.schema import PromptSpec
from grok_agent.prompts.translation import gaps
from grok_agent.running import budget_of, finish_run
from grok_agent.settings import Settings
from grok_agent.vision.prepare import prepare

if TYPE_CHECKING:
    from grok_agent.chat_model import ChatGrokBuild
    from grok_agent.graphs.state import Outcome


def run_prompt(
    text: str,
    *,
    images: Sequence[Path],
    request: PromptRequest,
    targets: Sequence[str],
    model: "Callable[[], ChatGrokBuild]",
    settings: Settings,
    save: bool,
    out: Path | None,
    as_json: bool,
    as_jsonl: bool,
) -> None:
    """Make structured prompts, keep them in the library and leave with the exit code.

    After the prompt its form for each of ``targets`` is printed; ``out`` gets a line of JSON for
    each prompt.
    """
    for target in targets:
        export(_SAMPLE, target)  # an unknown one ends the command before anything is paid for
    for image in images:
        prepare(image)  # and so does an unusable picture
    show = console.reporter(as_json=as_json, as_jsonl=as_jsonl)
    with contextlib.ExitStack() as stack:
        library = stack.enter_context(PromptLibrary(settings.library_place)) if save else None
        graph = prompt_agent(
            model(),
            request=request,
            library=library,
            budget=budget_of(settings),
            journal_dir=settings.state_dir / RUNS_FOLDER,
            on_event=show.event,
        )
        given = {"task": text, "images": [str(image.resolve()) for image in images]}
        outcome = finish_run(graph, given, show, settings, as_json=as_json, as_jsonl=as_jsonl)
    prompts = _prompts(outcome)
    if out:
        lines = [json.dumps(each.model_dump(), ensure_ascii=False) for each in prompts]
        write_whole(out, "\n".join(lines) + "\n")
    if not as_json and not as_jsonl:
        for prompt in prompts:
            for target in targets:
                print(f"\n# {target}")
                print_export(export(prompt, target))


def translate_prompt(
    source: str, *, model: "Callable[[], ChatGrokBuild]", out: Path | None
) -> None:
    """Print or write the prompt in ``source`` in both languages, and tell what stayed in one."""
    spec = read_source(source).spec
    lacking = gaps(spec)
    done = translate(spec, model()) if lacking else spec
    left = gaps(done)
    print(f"{len(lacking) - len(left)} of {len(lacking)} translated", file=sys.stderr)
    for gap in left:
        print(console.printable(f"not translated: {gap.path}: {gap.text[:80]}"), file=sys.stderr)
    text = json.dumps(done.model_dump(), ensure_ascii=False, indent=2)
    if out:
        write_whole(out, text + "\n")
    else:
        print(text)


def _prompts(outcome: "Outcome") -> list[PromptSpec]:
    dumps = [outcome.prompt, *outcome.variants] if outcome.prompt else []
    return [PromptSpec.model_validate(dump) for dump in dumps]


_SAMPLE = PromptSpec.model_validate(
    {
        "title": "x",
        "subject": {"en": "x", "zh": "x"},
        "positive": [{"en": "x", "zh": "x"}],
    }
)
