"""What the rules say of a command line: each part of it is judged by itself."""

from collections.abc import Callable, Iterator

from grok_agent.tools.rules import SILENT, Place, Rules, Ruling, all_of
from grok_agent.tools.shell_parts import ShellPart, shell_parts
from grok_agent.tools.shell_wrappers import commands_within
from grok_agent.tools.tool_kinds import COMMAND_TOOL

HARMLESS = Ruling("allow", "it touches no file")
NOT_TAKEN_APART = Ruling("ask", "the command line cannot be taken apart")


def on_command(
    command: str, rules: Rules, place: Place, harmless: Callable[[ShellPart], bool]
) -> Ruling:
    """What ``rules`` say of ``command``: denied when one part of it is, allowed when each is.

    ``harmless`` says which parts need no rule beside others that one allows. A line that cannot be
    taken apart is asked for where a rule might deny something in it.
    """
    whole = rules.on_tool(COMMAND_TOOL)
    if whole.effect in ("deny", "ask"):
        return whole
    parts = shell_parts(command)
    if parts is None:
        return NOT_TAKEN_APART if rules.limit_commands else whole
    rulings = [_on_part(part, rules, place, harmless) for part in _judged(parts)]
    if all(ruling in (SILENT, HARMLESS) for ruling in rulings):
        return SILENT
    return all_of(rulings)


def _judged(parts: tuple[ShellPart, ...]) -> Iterator[ShellPart]:
    for part in parts:
        itself, inner = commands_within(part)
        if itself:
            yield part
        yield from inner


def _on_part(
    part: ShellPart, rules: Rules, place: Place, harmless: Callable[[ShellPart], bool]
) -> Ruling:
    if part.kind == "command":
        files = [_on_named_file(word, rules, place) for word in part.words[1:]]
        limits = [ruling for ruling in files if ruling.effect in ("deny", "ask")]
        ruling = all_of([*limits, rules.on_words(part.words)])
    else:
        ruling = rules.on_file(part.kind, part.words[0], place)
        if ruling.effect is None:  # leave for every command is leave for its files
            ruling = rules.on_tool(COMMAND_TOOL)
    return HARMLESS if ruling.effect is None and harmless(part) else ruling


def _on_named_file(word: str, rules: Rules, place: Place) -> Ruling:
    """Limits on what may be a file, as a word or as the value of an option."""
    names = {word, word.rpartition("=")[2]} - {""}
    rulings = [rules.on_file("reads", name, place) for name in names]
    rulings += [rules.on_file("writes", name, place) for name in names]
    return next((r for effect in ("deny", "ask") for r in rulings if r.effect == effect), SILENT)
