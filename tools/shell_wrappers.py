"""Commands that start other commands: which ones stand in their words.

What is started goes on to be judged by itself. Where that cannot be told, it is unknown, and
nothing but a rule for every command allows it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grok_agent.tools.shell_parts import RESERVED, UNKNOWN, ShellPart, shell_parts

MAX_DEPTH = 12

ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=", re.ASCII)


@dataclass(frozen=True)
class Wrapper:
    """A program whose operands are a command.

    ``valued`` options take the next word as their value, ``flags`` none; ``operands`` come before
    the command. A ``transparent`` one does nothing of its own, so that its command alone counts.
    """

    valued: str = ""
    flags: str = ""
    operands: int = 0
    transparent: bool = False


WRAPPERS: Mapping[str, Wrapper] = {
    "env": Wrapper("u C", "i 0", transparent=True),
    "command": Wrapper("", "p", transparent=True),
    "builtin": Wrapper(transparent=True),
    "exec": Wrapper("a", "c l", transparent=True),
    "nohup": Wrapper(transparent=True),
    "nice": Wrapper("n", "", transparent=True),
    "time": Wrapper("", "p", transparent=True),
    "timeout": Wrapper("k s", "v", operands=1, transparent=True),
    "stdbuf": Wrapper("i o e", "", transparent=True),
    "setsid": Wrapper("", "c f w", transparent=True),
    "coproc": Wrapper(transparent=True),
    "sudo": Wrapper("u g h p C T R D r t", "A b E e H i K k n P S s"),
    "doas": Wrapper("u C", "n s L"),
    "xargs": Wrapper("a d E I L n P s", "0 r t x p o"),
    "ionice": Wrapper("c n", "t"),
    "taskset": Wrapper("", "a", operands=1),
    "chroot": Wrapper(operands=1),
    "flock": Wrapper("w E", "s x n u o F", operands=1),
    "strace": Wrapper("o e s p", "f q v"),
    "busybox": Wrapper(),
    "toybox": Wrapper(),
    "watch": Wrapper("n", "d t b e g c x"),
}

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "su", "rbash"})

STARTING_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "rg": ("--pre", "--hostname-bin"),
    "sort": ("--compress-program",),
    "tar": (
        *("--to-command", "--use-compress-program", "-I", "--checkpoint-action", "--rsh-command"),
        *("-F", "--info-script", "--new-volume-script"),
    ),
    "rsync": ("-e", "--rsh", "--rsync-path"),
    "scp": ("-S", "-o"),
    "ssh": ("-o",),
    "man": ("-P", "--pager", "-H", "--html"),
    "zip": ("-TT", "--unzip-command"),
    "split": ("--filter",),
    "git": (
        *("--exec-path", "--config-env", "--upload-pack", "--receive-pack", "--exec", "--extcmd"),
        *("--open-files-in-pager", "-O"),
    ),
}
"""Options whose value is a command, by program; long ones may be shortened."""

UNREADABLE = frozenset({"parallel", "ssh", "entr", "at", "batch", "nsenter", "unshare", "script"})
"""Programs that start what stands in their words, in ways that are not followed here."""

PLAIN_SED = re.compile(r"[\d$,]*[pdq=]|s([/|#,])(?:(?!\1)[^\\\n]|\\[^\n])*\1(?:(?!\1)[^\\\n])*\1g?")
PLAIN_SED_OPTIONS = frozenset({"-n", "-E", "-r", "-i", "-u", "-z", "--quiet", "--in-place"})
AWK_STARTS = re.compile(r"system|\||getline|@|>|-f|close")


def commands_within(part: ShellPart, depth: int = 0) -> tuple[bool, tuple[ShellPart, ...]]:
    """Whether the words of ``part`` are to be judged themselves, and what they start.

    The first is False only for what does nothing but start the second.
    """
    if part.kind != "command" or depth > MAX_DEPTH:
        return True, () if part.kind != "command" else (_unknown(),)
    words = part.words
    name = program(words)
    rest = words[_position(words) + 1 :]
    if wrapper := WRAPPERS.get(name):
        return _unwrapped(part, wrapper, words[: _position(words)], rest, depth)
    return True, tuple(_all_within(_started(name, rest), depth))


def program(words: Sequence[str]) -> str:
    """The name of the program that ``words`` start, without its folder."""
    at = _position(words)
    return words[at].rpartition("/")[2] if at < len(words) else ""


def _position(words: Sequence[str]) -> int:
    """Where the program stands: after assignments."""
    return next((at for at, word in enumerate(words) if not ASSIGNMENT.match(word)), len(words))


def _unknown() -> ShellPart:
    return ShellPart("command", (UNKNOWN,))


def _all_within(started: Iterator[ShellPart], depth: int) -> Iterator[ShellPart]:
    for part in started:
        own, inner = commands_within(part, depth + 1)
        if own:
            yield part
        yield from inner


def _unwrapped(
    part: ShellPart, wrapper: Wrapper, before: Sequence[str], rest: Sequence[str], depth: int
) -> tuple[bool, tuple[ShellPart, ...]]:
    """What a wrapper starts; unknown where its options are."""
    at, operands, valued = 0, wrapper.operands, wrapper.valued.split()
    while at < len(rest):
        word = rest[at]
        if word == "--":
            at += 1
            break
        if not word.startswith("-") or word == "-":
            break
        if word in ("-v", "-V") and program(part.words) == "command":
            return True, ()
        if word[1:] in valued:
            at += 2
        elif _has_value_in_it(word, valued) or set(word[1:]) <= set(wrapper.flags):
            at += 1
        else:
            return True, (_unknown(),)
    inner = (*before, *rest[at + operands :])
    if not any(not ASSIGNMENT.match(word) for word in inner):
        return True, ()
    if program(part.words) == "watch":
        return True, tuple(_all_within(_line(" ".join(inner)), depth))
    if program(part.words) == "xargs":
        inner = (*inner, UNKNOWN)
    started = tuple(_all_within(iter([ShellPart("command", inner)]), depth))
    return not wrapper.transparent, started


def _has_value_in_it(word: str, valued: Sequence[str]) -> bool:
    return len(word) > 2 and word[1] in valued


def _started(name: str, rest: Sequence[str]) -> Iterator[ShellPart]:
    """What a program starts that is no wrapper."""
    if name in SHELLS:
        yield from _script(rest)
    elif name == "eval":
        yield from _line(" ".join(rest))
    elif name == "trap" and rest and rest[0] not in ("-l", "-p", "-", "--"):
        yield from _line(rest[0])
    elif name == "find":
        yield from _executed(rest)
    elif name == "git":
        yield from _of_git(rest)
    elif name in ("awk", "gawk", "mawk", "nawk"):
        if any(AWK_STARTS.search(word) for word in rest):
            yield _unknown()
    elif name in ("sed", "gsed"):
        yield from _of_sed(rest)
    elif name in UNREADABLE or name in RESERVED or UNKNOWN in name:
        yield _unknown()
    yield from _by_option(STARTING_OPTIONS.get(name, ()), rest)


def _line(text: str) -> Iterator[ShellPart]:
    """The parts of a command line that stands in a word."""
    found = shell_parts(text.replace(UNKNOWN, "$_"))
    yield from found or ()
    if found is None or UNKNOWN in text:
        yield _unknown()


def _script(rest: Sequence[str]) -> Iterator[ShellPart]:
    """What a shell runs: the text after -c, a file, or else what comes in."""
    for at, word in enumerate(rest):
        if word.startswith("-") and not word.startswith("--") and "c" in word:
            yield from _line(rest[at + 1]) if at + 1 < len(rest) else (_unknown(),)
            return
    if not any(word and not word.startswith(("-", "+")) for word in rest):
        yield _unknown()


def _executed(rest: Sequence[str]) -> Iterator[ShellPart]:
    """The commands of ``find``, and the files that it writes."""
    words = list(rest)
    for at, word in enumerate(words):
        if word in ("-exec", "-execdir", "-ok", "-okdir"):
            ends = [end for end in range(at + 1, len(words)) if words[end] in (";", "+")]
            inner = words[at + 1 : ends[0] if ends else len(words)]
            yield ShellPart("command", tuple(w.replace("{}", UNKNOWN) for w in inner))
        elif word in ("-fprint", "-fprint0", "-fprintf", "-fls") and at + 1 < len(words):
            yield ShellPart("writes", (words[at + 1],))
        elif word == "-delete":
            yield ShellPart("writes", (UNKNOWN,))
        elif UNKNOWN in word and (word.startswith(("-", UNKNOWN))):
            yield _unknown()


def _of_git(rest: Sequence[str]) -> Iterator[ShellPart]:
    """Settings and subcommands by which git starts programs."""
    before = next((at for at, word in enumerate(rest) if not word.startswith("-")), len(rest))
    if any(word.startswith("-c") for word in rest[: before + 1]):
        yield _unknown()
    subcommand = rest[before:]
    if subcommand[:1] == ("bisect",) and "run" in subcommand:
        yield ShellPart("command", tuple(subcommand[subcommand.index("run") + 1 :]) or (UNKNOWN,))
    if {"foreach", "filter-branch", "difftool", "mergetool"} & set(subcommand[:2]):
        yield _unknown()
    if subcommand[:1] == ("rebase",) and any(word.startswith("-x") for word in subcommand):
        yield _unknown()


def _of_sed(rest: Sequence[str]) -> Iterator[ShellPart]:
    """sed runs and writes by its script; only plain scripts are known to do neither."""
    options = [word for word in rest if word.startswith("-")]
    others = [word for word in rest if not word.startswith("-")]
    if any(word.startswith(("-i", "--in")) for word in options):
        yield from (ShellPart("writes", (word,)) for word in others[1:] or [UNKNOWN])
    if not (set(options) <= PLAIN_SED_OPTIONS and others and PLAIN_SED.fullmatch(others[0])):
        yield _unknown()


def _by_option(options: Sequence[str], rest: Sequence[str]) -> Iterator[ShellPart]:
    for at, word in enumerate(rest):
        given, equals, value = word.partition("=")
        for option in options:
            if option.startswith("--"):
                matches = len(given) > 3 and option.startswith(given)
            else:
                matches = word.startswith(option)
                value, equals = word[len(option) :], word[len(option) :]
            if matches:
                following = rest[at + 1] if at + 1 < len(rest) else UNKNOWN
                yield from _line((value if equals else following).removeprefix("exec="))
