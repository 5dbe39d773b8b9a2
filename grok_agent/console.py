"""What people and pipes see: progress on standard error, results on standard output.

Text of models, files and gateways is data: control characters, which a terminal would obey, are
made visible before anything is printed.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from grok_agent.plan_view import PlanView
from grok_agent.profile import OFFLINE_MODEL
from grok_agent.running_bill import RunningBill, cached_share
from grok_agent.typed_lines import TypedLines
from grok_agent.verification_words import in_words

if TYPE_CHECKING:  # rich takes as long to load as a whole repository to pack
    from rich.console import Console
    from rich.status import Status

    from grok_agent.gateway.ledger import Cost
    from grok_agent.graphs.state import Outcome
    from grok_agent.vision.features import ImageFeatures

OFFLINE_NOTE = "The embedded gateway answers: a deterministic offline planner, not grok-build-0.1."
MAX_ARGUMENT_CHARACTERS = 60
HOW_TO_STEER = "Type a line to say something to the run; Ctrl-C stops it."
TELLING_ARGUMENTS = (
    "pattern",
    "file_path",
    "target_file",
    "target_directory",
    "command",
    "question",
    "image",
)
"""The arguments that say in one word what a tool call is about, the most telling first."""

CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")
CONTROLS.pop(ord("\n"))
CONTROLS.pop(ord("\t"))


class Reporter(Protocol):
    """Shows the events of a run while it goes on; a context manager around the run."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was found."""

    def event(self, event: Mapping[str, Any]) -> None:
        """Show one event of :mod:`grok_agent.journal`."""

    def ask_leave(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """``calls``: what the person says to each call, True, False or "always"; empty where nobody
        can be asked."""


class Lines:
    """A line for each event; on a terminal with a spinner below and questions to the person.

    Lines that the person types meanwhile go to ``say``.
    """

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._status: Status | None = None
        self._allow_all = False
        self._told_offline = False
        self._plan = PlanView()
        self._bill = RunningBill()
        self._typed = TypedLines(say) if say else None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("surveying")
            self._status.start()
        if self._typed:
            self._typed.start()
            if self._typed.works_here:
                self._console.print(HOW_TO_STEER, style="dim")
        return self

    def __exit__(self, *_: object) -> None:
        if self._typed:
            self._typed.stop()
        if self._status:
            self._status.stop()

    def event(self, event: Mapping[str, Any]) -> None:
        """Print the event's line and say in the spinner what is waited for."""
        if event.get("model") == OFFLINE_MODEL and not self._told_offline:
            self._told_offline = True
            self._console.print(OFFLINE_NOTE, style="yellow")
        self._bill.add(event)
        for line in self._lines(event):
            self._console.print(printable(line), markup=False, style=_style(event))
        if self._status:
            self._status.update("; ".join(filter(None, [_waiting_for(event), str(self._bill)])))

    def ask_leave(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Show each call and ask; ``l`` allows also what is like it, ``a`` everything that is
        asked in this run."""
        calls = question["calls"]
        if not sys.stdin.isatty():
            return {"calls": {}}
        if self._status:
            self._status.stop()
        with self._typed.silent() if self._typed else nullcontext():
            granted = {call["id"]: self._allow_all or self._answer(call) for call in calls}
        if self._status:
            self._status.start()
        return {"calls": granted}

    def _lines(self, event: Mapping[str, Any]) -> list[str]:
        if event["event"] == "tool" and event["tool"] == "todo_write" and event["ok"]:
            return self._plan.news(event["result"])
        lines = [line_of(event)]
        if event["event"] == "model" and not self._status and self._bill.is_due:
            lines.append(f"  so far {self._bill}")
        return [line for line in lines if line]

    def _answer(self, call: Mapping[str, Any]) -> bool | str:
        likes = ", ".join(call.get("likes", ()))
        from rich.text import Text

        self._console.print(Text(f"\n{call['tool']}: {printable(str(call['reason']))}", "bold"))
        self._console.print(Text(printable(str(call.get("preview", "")))))
        like = f"[l]ike it ({printable(likes)}), " if likes else ""
        asked = f"Allow? [y]es, [n]o, {like}[a]ll of this run: "
        answer = self._console.input(asked, markup=False).strip().lower()
        self._allow_all = answer.startswith("a")
        if likes and answer.startswith("l"):
            return "always"
        return self._allow_all or answer.startswith("y")


class JsonLines:
    """Every event as one line of JSON on standard output; nobody is asked anything."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to leave as it was found."""

    def event(self, event: Mapping[str, Any]) -> None:
        """Print the event at once, so that a reader can follow."""
        print(json.dumps(event, ensure_ascii=False, default=str), flush=True)

    def ask_leave(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Grant nothing: no person is there."""
        return {"calls": {}}


class Silence(JsonLines):
    """Show nothing until the end."""

    def event(self, event: Mapping[str, Any]) -> None:
        """Keep quiet."""


def reporter(
    *, as_json: bool, as_jsonl: bool, say: Callable[[str], None] | None = None
) -> Reporter:
    """The reporter for the output that was asked for; on a terminal, what the person types while
    the run goes on is handed to ``say``."""
    return JsonLines() if as_jsonl else Silence() if as_json else Lines(say)


def line_of(event: Mapping[str, Any]) -> str:
    """One line for an event; empty where there is nothing to tell. A sub-agent's has its name."""
    line = _line_of(event)
    return f"  {event['agent']}:{line.removeprefix(' ')}" if line and "agent" in event else line


def _line_of(event: Mapping[str, Any]) -> str:
    match event["event"]:
        case "start":
            return f"{event['job']}: {_first_line(event['task'])}"
        case "resume":
            return f"going on with {event['run']}"
        case "survey":
            return f"  surveyed ({event['tokens']:,} tokens in the first request)"
        case "model" if event["tool_calls"] and event["text"]:
            return f"  {_first_line(event['text'])}"
        case "history":
            sizes = f"{event['tokens_before']:,} -> {event['tokens']:,} tokens"
            return f"  tidied {sizes}: old results left the request"
        case "tool":
            mark = "denied" if event["denied"] else "ok" if event["ok"] else "error"
            return f"  {mark:6} {_call(event)} -> {_result(event)}"
        case "plan":
            return f"  plan   {len(event['shards'])} shards, {_estimated(event['estimate'])}"
        case "shard" | "join":
            return f"  {_mark(event):6} {_piece(event)}"
        case "check":
            return f"  check  {event['command']} -> exit {event['exit_code']}"
        case "steer":
            return f"  heard  {_first_line(' / '.join(event['said']))}"
        case "notice":
            return f"  note   {event['text']}"
    return ""


def print_outcome(
    outcome: "Outcome", *, places: Mapping[str, object], as_json: bool, as_jsonl: bool
) -> None:
    """The result on standard output; how it ended, its cost and where it lies on standard error."""
    if as_jsonl:
        return  # the last event was the end
    if as_json:
        found = outcome.to_dict() | {"journal": str(places["journal"])}
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    from rich.console import Console

    out = Console(highlight=False, soft_wrap=True)
    if outcome.summary:
        out.print(printable(outcome.summary), markup=False)
    if outcome.prompt:
        _print_prompt(out, outcome.prompt)
        _print_variants(out, outcome.prompt, outcome.variants)
    if outcome.diff:
        _print_diff(out, outcome.diff)
    _print_ending(outcome, places)


def cost_in_words(cost: "Cost") -> str:
    """The cost, and what the figure rests on."""
    if cost.usd is None or cost.basis == "unknown":
        return "cost unknown: the gateway sent no usage, or the model has no known price"
    if cost.usd == 0:
        return "nothing was billed"
    dollars = f"${cost.usd:.4f}"
    match cost.basis:
        case "billed":
            return f"cost {dollars}, as billed"
        case "offline":
            return f"nothing was billed; grok-build-0.1 would have cost {dollars} at list price"
        case _:
            return f"cost {dollars}, computed from the list price"


def print_features(image: Path, features: "ImageFeatures") -> None:
    """The measured features as readable lines, with a chip of each colour on a terminal."""
    from rich.console import Console

    from grok_agent.vision.features import describe

    out = Console(highlight=False, soft_wrap=True)
    out.print(printable(str(image)), style="bold", markup=False)
    out.print(printable("\n".join(describe(features))), markup=False)
    if out.is_terminal:
        _print_chips(out, [colour.hex for colour in features.palette.colours])


def printable(text: str) -> str:
    """``text`` with control characters replaced, so that a terminal shows and does not obey."""
    return text.replace("\r\n", "\n").translate(CONTROLS)


def _print_prompt(out: "Console", prompt: Mapping[str, Any]) -> None:
    from grok_agent.prompts.rendering import render
    from grok_agent.prompts.schema import PromptSpec

    spec = PromptSpec.model_validate(prompt)
    out.print()
    out.print(printable(render(spec)), markup=False)
    if out.is_terminal:
        _print_chips(out, [colour.hex for colour in spec.palette])


def _print_variants(
    out: "Console", prompt: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]
) -> None:
    """What each further prompt has otherwise than the first."""
    from grok_agent.prompts.derive import diff
    from grok_agent.prompts.schema import PromptSpec

    first = PromptSpec.model_validate(prompt)
    for number, variant in enumerate(variants, start=2):
        out.print(f"\nVariant {number} 变体", style="bold")
        for each in diff(first, PromptSpec.model_validate(variant)):
            said = json.dumps(each.after, ensure_ascii=False)
            out.print(printable(f"  {each.field}: {said}"), markup=False)


def _print_chips(out: "Console", colours: list[str]) -> None:
    from rich.markup import escape

    out.print(" ".join(f"[on {escape(colour)}]      [/]" for colour in colours))


def _print_diff(out: "Console", diff: str) -> None:
    colours = {"+": "green", "-": "red", "@": "cyan"}
    out.print()
    for line in printable(diff).splitlines():
        out.print(line, style=colours.get(line[:1], ""), markup=False)


def _print_ending(outcome: "Outcome", places: Mapping[str, object]) -> None:
    from rich.console import Console

    end = Console(stderr=True, highlight=False, soft_wrap=True)
    end.print()
    if outcome.check and not outcome.check.passed:
        end.print(printable(outcome.check.output), markup=False)
    reason = f": {outcome.reason}" if outcome.reason else ""
    style = "green" if outcome.status == "done" else "red"
    end.print(printable(f"{outcome.status}{reason}"), style=style, markup=False)
    for line in in_words(outcome.verification):
        end.print(printable(line), markup=False)
    usage = outcome.usage
    served = f"; model {printable(outcome.model)}" if outcome.model else ""
    share = cached_share(usage.cached_tokens, usage.input_tokens)
    end.print(
        f"requests: {outcome.steps}; tokens: {usage.input_tokens:,} in ({usage.cached_tokens:,}"
        f" cached, {share}), {usage.output_tokens:,} out; {outcome.seconds:.1f} s{served}",
        markup=False,
    )
    end.print(cost_in_words(outcome.cost), markup=False)
    end.print(f"journal: {places['journal']}", markup=False)
    if outcome.prompt_id is not None:
        end.print(f"saved as prompt {outcome.prompt_id} in {places['library']}", markup=False)


def _estimated(estimate: Mapping[str, Any]) -> str:
    usd = "" if estimate["usd"] is None else f", about ${estimate['usd']:.2f}"
    return f"{estimate['input_tokens']:,} tokens in {estimate['requests']} requests{usd}"


def _mark(event: Mapping[str, Any]) -> str:
    return "kept" if event["kept"] else "ok" if event["ok"] else "left"


def _piece(event: Mapping[str, Any]) -> str:
    place = f"{event['number']} of {event['of']}"
    if event["event"] == "join":
        return f"results joined, level {event['level']}: {place}"
    found = event["reason"] or f"{event['findings']} findings"
    return f"shard {place}: {_first_line(found)} in {event['seconds']:.0f} s"


def _call(event: Mapping[str, Any]) -> str:
    given = event["arguments"]
    telling = next((str(given[name]) for name in TELLING_ARGUMENTS if name in given), "")
    return f"{event['tool']} {_first_line(telling, MAX_ARGUMENT_CHARACTERS)}".rstrip()


def _result(event: Mapping[str, Any]) -> str:
    if event["tool"] == "read_file" and event["ok"]:
        return f"{len(event['result'].splitlines())} lines"
    lines = [line for line in event["result"].splitlines() if not line.startswith("<")]
    return _first_line("\n".join(lines))


def _first_line(text: str, most: int = 100) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= most else line[: most - 1] + "…"


def _style(event: Mapping[str, Any]) -> str:
    if event["event"] == "start":
        return "bold"
    failed = event["event"] == "tool" and not event["ok"]
    return "red" if failed else "yellow" if event["event"] == "notice" else "dim"


def _waiting_for(event: Mapping[str, Any]) -> str:
    if event["event"] == "model" and event["tool_calls"]:
        return f"running {len(event['tool_calls'])} tool call(s)"
    return "waiting for the model"
