"""How fast tokens are counted: ``count`` beside tiktoken itself on the same texts.

    python benchmarks/tokens.py [--megabytes 32] [FOLDER ...]

The texts are the .py, .h, .md, .txt and .json files of the given folders (default: this Python's
library with its installed packages). Both sides count every file in turn, in one process, best of
three passes, in CPU time; counts must agree file by file. With the extra ``[fast]`` installed,
``count`` stands on toktok. Ends with status 1 where a level is missed: tiktoken's own speed, and
100 MB/s with ``[fast]``.
"""

import argparse
import importlib.util
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tiktoken import Encoding

from grok_agent.context import tokens

ENDINGS = frozenset([".py", ".h", ".md", ".txt", ".json"])
PASSES = 3
LEAST_SHARE = 0.95  # of tiktoken's speed: two runs of the same code differ by as much
LEAST_MB_S_FAST = 100.0
HOSTILE = {
    '"a" repeated': "a" * 200_000,
    "spaces": " " * 200_000,
    "newlines": "\n" * 200_000,
    "=": "=" * 200_000,
    "Han": "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(100_000)),
    "hex": "".join(f"{number * 2654435761 % 2**32:08x}" for number in range(25_000)),
}


def read_texts(folders: Sequence[Path], megabytes: float) -> list[str]:
    texts, room = [], megabytes * 1e6
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in ENDINGS and path.is_file() and room > 0:
                text = path.read_text(encoding="utf-8", errors="replace")
                texts.append(text)
                room -= len(text.encode())
    return texts


def tiktoken_counter() -> Callable[[str], int]:
    """tiktoken as it is, on the same vocabulary."""
    packed = (Path(tokens.__file__).parent / "o200k_base.tiktoken.gz").read_bytes()
    ranks = {
        token: rank
        for rank, token in enumerate(map(tokens.a2b_base64, tokens.decompress(packed).split()[::2]))
    }
    encoding = Encoding(
        "o200k_base", pat_str=tokens.O200K_PATTERN, mergeable_ranks=ranks, special_tokens={}
    )
    return lambda text: len(encoding.encode_ordinary(text))


def seconds(count: Callable[[str], int], texts: Sequence[str]) -> tuple[float, list[int]]:
    began = time.process_time()
    counted = [count(text) for text in texts]
    return time.process_time() - began, counted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folders", nargs="*", type=Path, default=[Path(sysconfig.get_path("stdlib"))]
    )
    parser.add_argument("--megabytes", type=float, default=32)
    options = parser.parse_args()

    fast = importlib.util.find_spec("toktok") is not None
    began = time.process_time()
    tokens.count("load")
    behind = "toktok" if fast else "tiktoken"
    print(f"load {time.process_time() - began:.2f} s CPU, {behind} behind count")

    texts = read_texts(options.folders, options.megabytes)
    size = sum(len(text.encode()) for text in texts) / 1e6
    theirs = tiktoken_counter()
    best_ours = best_theirs = float("inf")
    for _ in range(PASSES):
        ours_s, ours = seconds(tokens.count, texts)
        theirs_s, expected = seconds(theirs, texts)
        best_ours, best_theirs = min(best_ours, ours_s), min(best_theirs, theirs_s)
        if ours != expected:
            print("counts differ", file=sys.stderr)
            return 1
    print(f"{len(texts)} files, {size:.1f} MB, {sum(ours):,} tokens, the same on every file")
    print(f"count    {size / best_ours:7.1f} MB/s")
    print(f"tiktoken {size / best_theirs:7.1f} MB/s")
    for name, text in HOSTILE.items():
        ours_s, (number,) = seconds(tokens.count, [text])
        print(f"{name:>14}: {number:8,} tokens {ours_s * 1000:7.1f} ms")
    least = LEAST_MB_S_FAST if fast else LEAST_SHARE * size / best_theirs
    return 0 if size / best_ours >= least else 1


if __name__ == "__main__":
    sys.exit(main())
