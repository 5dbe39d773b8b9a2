"""Other ways to apply an edit, each as ``apply(before, old, new) -> str`` that raises to refuse.

Run as a program by a Python that has them installed, it reads edits from standard input, a JSON
object a line, and writes what each peer makes of them.
"""

import json
import sys
import time
from collections.abc import Callable

Apply = Callable[[str, str, str], str]


def exact(before: str, old: str, new: str) -> str:
    """Exact and unique, or nothing: deepagents, OpenHands."""
    if before.count(old) != 1:
        raise ValueError(f"{before.count(old)} matches")
    return before.replace(old, new)


def grok_build(before: str, old: str, new: str) -> str:
    """The same with line ends set aside: a file with any CRLF is matched as LF, and written back
    with CRLF throughout."""
    if "\r\n" in before:
        return exact(before.replace("\r\n", "\n"), old, new).replace("\n", "\r\n")
    return exact(before, old, new)


def first_match(before: str, old: str, new: str) -> str:
    """The first exact match, whatever else there is."""
    if old not in before:
        raise ValueError("no match")
    return before.replace(old, new, 1)


def installed() -> dict[str, Apply]:
    """Peers from packages, where these can be imported."""
    return {name: apply for name, load in LOADERS.items() if (apply := load())}


def _aider() -> Apply | None:
    try:
        from aider.coders.editblock_coder import do_replace
    except ImportError:
        return None

    def apply(before: str, old: str, new: str) -> str:
        after = do_replace("file.py", before, old + "\n", new + "\n", ("```", "```"))
        if not after:
            raise ValueError("no match")
        return str(after)

    return apply


def _diff_match_patch() -> Apply | None:
    try:
        from diff_match_patch import diff_match_patch
    except ImportError:
        return None
    tool = diff_match_patch()
    # A model does not say where in the file its text stands, so that no place is too far away.
    tool.Match_Distance = 100_000_000

    def apply(before: str, old: str, new: str) -> str:
        after, done = tool.patch_apply(tool.patch_make(old, new), before)
        if not all(done):
            raise ValueError("a part did not apply")
        return str(after)

    return apply


LOADERS: dict[str, Callable[[], Apply | None]] = {
    "aider": _aider,
    "diff-match-patch": _diff_match_patch,
}


def attempt(apply: Apply, edit: dict[str, str]) -> dict[str, object]:
    """What became of one edit: its text, or why it was refused, and the milliseconds."""
    began = time.perf_counter()
    try:
        result: dict[str, object] = {"text": apply(edit["before"], edit["old"], edit["new"])}
    except Exception as error:  # noqa: BLE001 - however a peer refuses, it refuses
        result = {"refusal": f"{type(error).__name__}: {error}"}
    return {**result, "ms": (time.perf_counter() - began) * 1e3}


def main() -> None:
    """Answer edits until standard input ends; the first line names the peers."""
    peers = installed()
    print(json.dumps(list(peers)), flush=True)
    for line in sys.stdin:
        edit = json.loads(line)
        print(json.dumps({name: attempt(apply, edit) for name, apply in peers.items()}), flush=True)


if __name__ == "__main__":
    main()
