"""The main job in one minute, without a key and without network.

Copies an installed library into a scratch repository, lets the agent rename a function in it, then
turns a real portrait into a structured bilingual prompt. The embedded gateway answers: it is
deterministic and is not grok-build-0.1.
"""

import importlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRATCH = HERE.parent / ".demo"
REPOSITORY = SCRATCH / "python-dotenv"


def main() -> int:
    started = time.monotonic()
    shutil.rmtree(SCRATCH, ignore_errors=True)
    copy_library("dotenv", REPOSITORY)
    for title, arguments in (
        ("1. A repository: rename a function everywhere it is used", refactor()),
        ("2. A picture: measured features, then a structured bilingual prompt", portrait()),
    ):
        print(f"\n=== {title}\n", flush=True)
        if code := grok_agent(*arguments):
            print(f"The demo stopped: exit code {code}.", file=sys.stderr)
            return code
    print(f"\nDone in {time.monotonic() - started:.0f} s. Everything lies in {shown(SCRATCH)}.")
    print("With your own key: export GROK_API_KEY=..., and leave --offline out.")
    return 0


def copy_library(package: str, target: Path) -> None:
    """Copy an installed package into a new git repository, or a plain folder without git."""
    source = Path(str(importlib.import_module(package).__file__)).parent
    shutil.copytree(source, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    if shutil.which("git") is None:
        print("git is not installed: the scratch repository is a plain folder.")
        return
    identity = ("-c", "user.name=demo", "-c", "user.email=demo@localhost")
    for command in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-q", "-m", package)):
        subprocess.run(["git", *command], cwd=target, check=True)


def refactor() -> tuple[str, ...]:
    check = "python -B -c 'from dotenv import locate_dotenv, load_dotenv'"
    task = "rename the function find_dotenv to locate_dotenv"
    return ("refactor", "--offline", "--repo", str(REPOSITORY), "--check", check, task)


def portrait() -> tuple[str, ...]:
    text = "cinematic 85mm portrait in soft window light, no text, 电影感，柔和的肤色"
    return ("prompt", "--offline", "--image", str(HERE / "portrait.jpg"), text)


def grok_agent(*arguments: str) -> int:
    print("$ grok-agent " + " ".join(shlex.quote(shown(a)) for a in arguments), flush=True)
    environment = {**os.environ, "GROK_STATE_DIR": str(SCRATCH / "state"), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "grok_agent", *arguments]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
    return done.returncode


def shown(text: str | Path) -> str:
    """Paths below the current folder are shown relative to it."""
    return str(text).replace(f"{Path.cwd()}{os.sep}", "")


if __name__ == "__main__":
    sys.exit(main())
