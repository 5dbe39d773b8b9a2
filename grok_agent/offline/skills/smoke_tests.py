"""The skill that writes smoke tests for one Python module."""

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from grok_agent.offline.skills.outputs import (
    Command,
    is_done,
    read_command,
    read_hits,
    read_page,
    read_tree,
)
from grok_agent.offline.skills.reading import Unreadable, first_sentence, read_whole
from grok_agent.offline.skills.smoke_module import ModuleNames, import_path, read_names, write_test
from grok_agent.offline.transcript import Exchange, Transcript
from grok_agent.offline.wire import ToolCall, Turn

SHELL = "run_terminal_command"
WANTED = re.compile(
    r"\bsmoke[\s-]?tests?\b|冒烟测试"
    r"|\b(?:write|add|create|generate)\s+(?:me\s+)?(?:some\s+|a\s+|basic\s+|simple\s+|unit\s+)*tests?\s+"
    r"(?:for|covering)\s+(?:the\s+)?(?:module\s+|[`'\"]?[\w/.-]+(?:\.py\b|\s+module\b))"
    r"|(?:编写|写|添加|生成|补充)\S{0,6}测试",
    re.IGNORECASE,
)
NAME = r"[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*"
TARGETS = [
    re.compile(p, re.ASCII | re.IGNORECASE)
    for p in (
        r"(?P<name>(?:[\w.-]+/)*[\w-]+\.py)\b",
        rf"[`'\"](?P<name>{NAME})[`'\"]",
        rf"(?:\bmodule|\bpackage|模块|包)\s*(?:called\s+|named\s+)?(?P<name>{NAME})",
        rf"(?P<name>{NAME})\s*(?:module\b|package\b|模块|包)",
        rf"\b(?:for|of|covering|cover|to|test)\s+(?:the\s+)?(?P<name>{NAME})",
        rf"(?:为|给|对|测试)\s*(?P<name>{NAME})",
        rf"\A\s*(?P<name>{NAME})\s*\Z",
    )
]
NO_MODULE = re.compile(
    r"the|a|an|this|that|my|our|each|every|all|it|its|module|modules|package|packages"
    r"|repository|repo|project|code|codebase|everything|smoke|tests|test|unit|file|files"
    r"|function|functions|class|classes|called|named|python|me",
    re.IGNORECASE,
)
FOLDERS = ("tests", "test")
OUTLINE = r"^(?:(?:async def|def|class|import|from) |\w+ ?[:=])"
GONE = re.compile(r"does not exist|not found|no such file", re.IGNORECASE)
RUNNERS = ("python -m pytest -q {}", "python {}", "python3 {}")
NO_RUNNER = re.compile(r"No module named ['\"]?pytest|not found|is not recognized")
OUTPUT_LINES = 15


class SmokeTests:
    """Finds the module, reads its public names, writes and runs a test file of its own.

    The tests import the module and look at its names; they call nothing. An existing file is
    never overwritten.
    """

    def matches(self, t: Transcript) -> bool:
        """Whether tests are asked for: any task of that job, else a task that says so."""
        if t.job == "tests":
            return True
        return t.job in ("", "script", "refactor") and bool(WANTED.search(t.task))

    def next_turn(self, t: Transcript) -> Turn:
        """The next tool calls, or the closing account."""
        missing = sorted({"list_dir", "grep", "read_file", "write"} - t.tools)
        if missing:
            return Turn(
                content=f"To write tests I need {' and '.join(missing)}, which I was not given."
            )
        target = _target(t.task)
        if not target:
            return Turn(
                content="I write smoke tests for one Python module, and the task names none, so"
                " nothing was written. Name it: write smoke tests for src/package/module.py."
            )
        step = SmokeRun(t, target).next_step()
        if isinstance(step, str):
            return Turn(content=step)
        return Turn(reasoning=f"Smoke tests for {target}.", tool_calls=tuple(step))


def _target(task: str) -> str:
    """The module that a task names, as a path or a dotted name; empty when it names none."""
    for pattern in TARGETS:
        for match in pattern.finditer(task):
            if not NO_MODULE.fullmatch(match["name"]):
                return match["name"].removeprefix("./")
    return ""


@dataclass(frozen=True)
class SmokeRun:
    """How far the work has come, told from the transcript alone; paths are relative."""

    transcript: Transcript
    target: str

    def next_step(self) -> list[ToolCall] | str:
        """The next tool calls, or the closing words."""
        if not self._listing("."):
            glob = "**/{" + ",".join(self._file_names()) + "}"
            search = {"pattern": OUTLINE, "glob": glob, "head_limit": 2000}
            return [_list("."), ToolCall("grep", search)]
        module = self._module()
        if isinstance(module, list):
            return self._not_one(module)
        calls = self._looks(module)
        if calls:
            return calls
        text = read_whole(self.transcript, module)
        if isinstance(text, ToolCall):
            return [text]
        if isinstance(text, Unreadable):
            return f"I could not read {module}: {text.why} Nothing was written."
        names = read_names(text.text)
        if names is None:
            return f"{module} is not Python that can be parsed here, so no tests were written."
        if names.runs_on_import:
            return (
                f"Importing {module} would run {names.runs_on_import} at once, so I wrote no test"
                ' that imports it. Move that call under `if __name__ == "__main__":` first.'
            )
        return self._write_and_run(module, names)

    def _file_names(self) -> list[str]:
        if self.target.endswith(".py"):
            return [PurePosixPath(self.target).name]
        last = self.target.rpartition(".")[2]
        return [f"{last}.py", f"{last}/__init__.py"]

    def _listing(self, folder: str) -> Exchange | None:
        for listing in self.transcript.results("list_dir"):
            if listing.arguments.get("target_directory") == folder:
                return listing
        return None

    def _files_in(self, folder: str) -> set[str]:
        """The files that listings of ``folder`` and of the whole repository name, by path."""
        files: set[str] = set()
        for where in (".", folder):
            if (listing := self._listing(where)) and not listing.is_error:
                prefix = "" if where == "." else f"{where}/"
                files |= {prefix + file for file in read_tree(listing.result).files}
        return files

    def _module(self) -> str | list[str]:
        """The one module that is meant, else all candidates."""
        files = {path for path in self._files_in(".") if path.endswith(".py")}
        for search in self.transcript.results("grep"):
            hits = read_hits(search.result)
            files |= set(hits.files) if hits else set()
        if self.target in files:
            return self.target
        fitting = sorted((f for f in files if self._fits(f)), key=lambda f: (f.count("/"), f))
        outside_tests = [f for f in fitting if not set(FOLDERS) & set(PurePosixPath(f).parts)]
        found = outside_tests or fitting
        return found[0] if len(found) == 1 else found

    def _fits(self, path: str) -> bool:
        if self.target.endswith(".py"):
            return f"/{path}".endswith(f"/{self.target}")
        dotted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return f".{dotted}".endswith(f".{self.target}")

    def _not_one(self, found: list[str]) -> str:
        if not found:
            return f"I found no Python module {self.target} here. Nothing was written."
        listed = ", ".join(found[:10]) + (" ..." if len(found) > 10 else "")
        return f"{self.target} may be any of {listed}. Name its path. Nothing was written."

    def _looks(self, module: str) -> list[ToolCall]:
        """What must be seen before writing: the module, its folders, the folder of tests."""
        parents = [str(p) for p in PurePosixPath(module).parents if p.name]
        root = self._listing(".")
        tests = self._tests_folder()
        exists = root is not None and tests in read_tree(root.result).folders
        folders = [*parents, tests] if exists else parents
        calls = [_list(folder) for folder in dict.fromkeys(folders) if not self._listing(folder)]
        text = read_whole(self.transcript, module)
        return [*calls, text] if isinstance(text, ToolCall) else calls

    def _tests_folder(self) -> str:
        root = self._listing(".")
        folders = read_tree(root.result).folders if root else ()
        return next((name for name in FOLDERS if name in folders), FOLDERS[0])

    def _write_and_run(self, module: str, names: ModuleNames) -> list[ToolCall] | str:
        writes = self.transcript.results("write")
        if not writes:
            path = self._free_path(module)
            if isinstance(path, ToolCall):
                return [path]
            text = self._text(module, names, path)
            return [ToolCall("write", {"file_path": path, "content": text})]
        path, text = (str(writes[-1].arguments.get(key)) for key in ("file_path", "content"))
        if writes[-1].is_error or not is_done(writes[-1].result):
            why = first_sentence(writes[-1])
            return f"{path} was not written: {why}\nThis would be its text:\n\n{text}"
        return self._run(path, module, names)

    def _free_path(self, module: str) -> str | ToolCall:
        """A file name that is not taken, or the read that shows whether it is."""
        folder = self._tests_folder()
        file = PurePosixPath(module)
        stem = re.sub(r"\W", "_", file.parent.name if file.stem == "__init__" else file.stem)
        taken = self._files_in(folder)
        listing = self._listing(folder)
        is_cut = bool(listing and not listing.is_error and "... [" in listing.result)
        for number in range(1, 100):
            path = f"{folder}/test_{stem}_smoke{f'_{number}' if number > 1 else ''}.py"
            if path in taken:
                continue
            reads = self.transcript.results("read_file")
            read = next((e for e in reads if e.arguments.get("target_file") == path), None)
            if read is None and is_cut:
                return ToolCall("read_file", {"target_file": path, "limit": 1})
            if read is None or (not read_page(read.result) and GONE.search(read.result)):
                return path
        return f"{folder}/test_{stem}_smoke_100.py"

    def _text(self, module: str, names: ModuleNames, path: str) -> str:
        dotted, root = self._import_path(module, names)
        return write_test(dotted, names, root, depth=path.count("/"))

    def _import_path(self, module: str, names: ModuleNames) -> tuple[str, PurePosixPath]:
        parents = [str(p) for p in PurePosixPath(module).parents if p.name]
        packages = {p for p in parents if f"{p}/__init__.py" in self._files_in(p)}
        return import_path(module, packages, names.relative_level)

    def _run(self, path: str, module: str, names: ModuleNames) -> list[ToolCall] | str:
        account = self._account(path, module, names)
        if SHELL not in self.transcript.tools:
            return f"{account}\nThey were not run: I was not given {SHELL}."
        runs = self.transcript.results(SHELL)
        run = read_command(runs[-1].result) if runs else None
        if run and (runs[-1].is_error or (run.code is None and not run.killed)):
            return f"{account}\nThey were not run: {first_sentence(runs[-1])}"
        missing = run is None or (run.code != 0 and NO_RUNNER.search(run.output))
        if missing and len(runs) < len(RUNNERS):
            command = RUNNERS[len(runs)].format(shlex.quote(path))
            return [ToolCall(SHELL, {"command": command, "description": "Run the new tests."})]
        assert run is not None
        return f"{account}\n{_verdict(str(runs[-1].arguments.get('command')), run)}{self._told()}"

    def _account(self, path: str, module: str, names: ModuleNames) -> str:
        dotted, _ = self._import_path(module, names)
        counts = [
            f"{noun} ({', '.join(found[:5])}{', ...' if len(found) > 5 else ''})"
            for found, noun in (
                (names.callables, f"{len(names.callables)} of its callables"),
                (names.classes, f"{len(names.classes)} of its classes"),
                (names.others, f"{len(names.others)} other exported names"),
            )
            if found
        ]
        looked = f", and looks for {' and '.join(counts)}" if counts else ""
        return (
            f"Wrote {path}. It checks that `{dotted}` can be imported{looked}."
            " Nothing is called, so what the code does is not tested."
        )

    def _told(self) -> str:
        said = self.transcript.feedback.strip()
        return f"\nTo this I was told: {said[:500]}\nI leave the file as it is." if said else ""


def _verdict(command: str, run: Command) -> str:
    tail = [line for line in run.output.split("\n") if line.strip()][-OUTPUT_LINES:]
    said = "\n".join(f"    {line[:200]}" for line in tail)
    if run.code == 0:
        return f"`{command}` passes:\n{said}"
    ended = run.killed or f"exit {run.code}"
    return f"`{command}` does not pass ({ended}); the last lines say why:\n{said}"


def _list(folder: str) -> ToolCall:
    return ToolCall("list_dir", {"target_directory": folder})
