"""The planner's repository skills, driven over the real tools on awkward repositories."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grok_agent.offline.skills import Skill
from grok_agent.offline.skills.describe import Describe
from grok_agent.offline.skills.rename import Rename
from grok_agent.offline.skills.rename_edits import plan_edits
from grok_agent.offline.skills.rename_task import read_rename
from grok_agent.offline.skills.review import Review
from grok_agent.offline.skills.smoke_tests import SmokeTests
from grok_agent.offline.skills.tidy import Tidy
from grok_agent.offline.transcript import Transcript
from grok_agent.offline.wire import ChatRequest, Turn
from grok_agent.tools import repository_tools
from grok_agent.tools.edit import apply_edit
from grok_agent.tools.workspace import Workspace

Message = dict[str, Any]
SKILLS: list[Skill] = [Rename(), Tidy(), Review(), SmokeTests(), Describe()]


class Session:
    """One conversation between a skill and the tools, as the agent's loop would hold it."""

    def __init__(self, root: Path, skill: Skill, task: str, job: str, permission: str) -> None:
        self.skill = skill
        workspace = Workspace(root, permission=permission)
        self.tools = {tool.name: tool for tool in repository_tools(workspace)}
        self.messages: list[Message] = [
            {"role": "system", "content": f"You work.\nJob: {job}"},
            {"role": "user", "content": f"<user_query>\n{task}\n</user_query>"},
        ]
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.results: list[str] = []
        self.before_tools: Callable[[str], None] = lambda name: None
        self.without: set[str] = set()

    def run(self, most_turns: int = 60) -> str:
        """The skill's closing words; fails when it does not come to an end."""
        for _ in range(most_turns):
            turn = self.next_turn()
            if not turn.tool_calls:
                self.messages.append({"role": "assistant", "content": turn.content})
                return turn.content
            self._carry_out(turn)
        pytest.fail("the skill goes on for ever")

    def next_turn(self) -> Turn:
        offered = [
            {"type": "function", "function": {"name": name, "parameters": {}}}
            for name in self.tools
            if name not in self.without
        ]
        transcript = Transcript.of(ChatRequest(messages=self.messages, tools=offered))
        assert self.skill.matches(transcript)
        return self.skill.next_turn(transcript)

    def tell(self, text: str) -> str:
        """A later word from the user, and the answer to it."""
        self.messages.append({"role": "user", "content": text})
        return self.run()

    def named(self, tool: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.calls if name == tool]

    def _carry_out(self, turn: Turn) -> None:
        numbered = [(f"c{len(self.calls) + i}", call) for i, call in enumerate(turn.tool_calls)]
        made = [
            {
                "id": identity,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for identity, call in numbered
        ]
        self.messages.append({"role": "assistant", "content": "", "tool_calls": made})
        for identity, call in numbered:
            self.before_tools(call.name)
            self.calls.append((call.name, call.arguments))
            message = self.tools[call.name].invoke(
                {"type": "tool_call", "id": identity, "name": call.name, "args": call.arguments}
            )
            error = "Error: " if message.status == "error" else ""
            self.results.append(f"{error}{message.content}")
            self.messages.append(
                {"role": "tool", "tool_call_id": identity, "content": self.results[-1]}
            )


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Session]:
    def build(
        skill: Skill,
        task: str,
        files: dict[str, str | bytes],
        job: str = "refactor",
        permission: str = "all",
    ) -> Session:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Session(tmp_path, skill, task, job, permission)

    return build


def texts(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes().decode("utf-8", "surrogateescape")
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


STORE = '''"""Keys."""

__all__ = ["get_key", "get_keys", "forget_key"]


def get_key(name):
    return name


def get_keys(names):
    # 键: get_key 每个; 调用get_key函数
    return [get_key(n) for n in names]


def forget_key(name):
    get_key(name)
    return get_key
'''


# Rename


def test_a_rename_changes_whole_words_and_nothing_else(
    start: Callable[..., Session], tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {
        "store.py": STORE,
        "app/main.py": "from store import get_key\r\n\r\nprint(get_key('a'))\r\n",
        "notes.md": "get_key, get_key and get_keys\n",
        "same.py": "x = get_key\n" * 3 + "y = get_keys\n" + "x = get_key\n",
        "other.py": "forget_key = get_keys = 1\n",
        "no_newline.txt": "get_key",
    }
    session = start(Rename(), "rename the function `get_key` to `read_key` everywhere", files)
    before = texts(tmp_path)
    summary = session.run()
    assert texts(tmp_path) == {
        name: re.sub(r"\bget_key\b", "read_key", text) for name, text in before.items()
    }
    assert "Renamed `get_key` to `read_key`: 15 places in 5 files." in summary
    assert "- app/main.py: 2" in summary
    assert "A last grep finds no `get_key` as a whole word." in summary
    assert "Left alone, because other letters touch the name there: store.py:11." in summary
    assert session.named("list_dir") == [{"target_directory": "."}]
    assert not [r for r in session.results if r.startswith("Error")]


def test_a_chinese_task_and_chinese_names(start: Callable[..., Session], tmp_path: Path) -> None:
    session = start(
        Rename(),
        "把函数 计算总和 重命名为 求和",
        {"算.py": "def 计算总和(数):\n    return sum(数)\n\n\n计算总和_2 = 计算总和([1])\n"},
    )
    assert "Renamed `计算总和` to `求和`: 2 places in 1 file." in session.run()
    assert "计算总和_2 = 求和([1])" in texts(tmp_path)["算.py"]


def test_a_long_file_is_read_in_pages(start: Callable[..., Session], tmp_path: Path) -> None:
    rows = "".join(f"row{n} = {'get_key' if n % 100 == 0 else 'get_keys'}\n" for n in range(2_500))
    wide = "".join(f"get_key = {'get_keys, ' * 60}\n" for _ in range(300))
    session = start(
        Rename(), "rename get_key to read_key", {"long.py": rows + "#", "wide.py": wide}
    )
    summary = session.run()
    assert "325 places in 2 files" in summary
    assert texts(tmp_path)["long.py"] == re.sub(r"\bget_key\b", "read_key", rows + "#")
    assert texts(tmp_path)["wide.py"] == re.sub(r"\bget_key\b", "read_key", wide)
    assert {"target_file": "long.py", "offset": 501, "limit": 500} in session.named("read_file")


@pytest.mark.parametrize("lines", [1000, 1499, 1500, 1501])
def test_a_file_that_ends_with_a_page(
    start: Callable[..., Session], tmp_path: Path, lines: int
) -> None:
    text = "\n".join(["get_key or get_keys", *["x"] * (lines - 2), "get_key"])
    session = start(Rename(), "rename get_key to read_key", {"a.txt": text})
    assert "2 places in 1 file" in session.run()
    assert texts(tmp_path)["a.txt"] == re.sub(r"\bget_key\b", "read_key", text)


def test_a_cut_list_of_hits_does_not_hide_files(
    start: Callable[..., Session], tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {
        f"f{n:02}.py": f"get_key({'1' * 400})\n" * 20 for n in range(30)
    }
    session = start(Rename(), "rename get_key to read_key", files)
    assert "600 places in 30 files" in session.run()
    assert "truncated" in session.results[1]
    assert "get_key" not in "".join(texts(tmp_path).values())


def test_files_that_cannot_be_read_are_named_and_hide_nothing(
    start: Callable[..., Session], tmp_path: Path
) -> None:
    generated = f"get_key = '{'x' * 300_000}'\n" + "get_key\n" * 3_000
    files: dict[str, str | bytes] = {
        "a_generated,{x}.txt": generated,
        "z.py": "get_key = 1\n",
        "latin.txt": "caf\u00e9 get_key\n".encode("latin-1"),
        "stray.txt": b"get_key get_keys \xff \xe4\xbd\xa0\n",
    }
    session = start(Rename(), "rename get_key to read_key", files)
    summary = session.run()
    assert "- z.py: 1" in summary
    assert "because it could not be read: a_generated,{x}.txt" in summary
    assert (tmp_path / "latin.txt").read_bytes() == "caf\u00e9 read_key\n".encode("latin-1")
    stray = (tmp_path / "stray.txt").read_bytes()
    assert stray.startswith(b"read_key") or "Not changed in stray.txt" in summary
    assert texts(tmp_path)["a_generated,{x}.txt"] == generated


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("rename get_key to read_key", "`read_key` is already used in a.py:2"),
        ("rename missing to found", "I found no `missing` as a whole word in the repository."),
        ("rename missing to read_key", "`read_key` stands in a.py:2: it may be renamed already."),
        ("rename get_key to my-key", "`my-key` is not a valid identifier."),
        ("rename get_key to class", "`class` is a keyword"),
        ("rename get_key to get_key", "The old and the new name are the same"),
        ("rename a.get_key to b.fetch", "asks for a move"),
        ("rename get_key to fetch, only in nowhere.py", "nowhere.py does not exist"),
    ],
)
def test_a_rename_that_cannot_be_is_answered_in_words(
    start: Callable[..., Session], tmp_path: Path, task: str, words: str
) -> None:
    session = start(Rename(), task, {"a.py": "get_key = 1\nread_key = 2\n"})
    summary = session.run()
    assert words in summary
    assert "othing was changed" in summary
    assert not session.named("search_replace")


def test_a_rename_may_be_limited_to_one_file(start: Callable[..., Session], tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a.py": "k = 1\n", "b/c.py": "k = 2\n"}
    session = start(Rename(), "rename the variable k to key, only in b/c.py", files)
    assert "1 place in 1 file" in session.run()
    assert texts(tmp_path) == {"a.py": "k = 1\n", "b/c.py": "key = 2\n"}


def test_refused_edits_end_the_rename_with_the_reason(
    start: Callable[..., Session], tmp_path: Path
) -> None:
    session = start(
        Rename(),
        "rename k to key",
        {f"{n}.py": "k = 1\n" for n in range(30)},
        permission="ask",
    )
    summary = session.run()
    assert "`k` was not renamed; no file was changed." in summary
    assert "search_replace was refused" in summary
    assert len(session.named("search_replace")) == 10


def test_a_file_that_changes_meanwhile_is_reported(
    start: Callable[..., Session], tmp_path: Path
) -> None:
    session = start(Rename(), "rename k to key", {"a.py": "k = 1\n", "b.py": "k = 2\n"})

    def meddle(tool: str) -> None:
        if tool == "search_replace":
            (tmp_path / "b.py").write_text("k = 3\n")

    session.before_tools = meddle
    summary = session.run()
    assert "- a.py: 1" in summary
    assert "Not changed in b.py, 1 edit refused: b.py has changed since it was read." in summary
    assert "Still there as a whole word: b.py:1." in summary


def test_without_the_editing_tool_the_places_are_named(start: Callable[..., Session]) -> None:
    session = start(Rename(), "rename k to key", {"a.py": "k = 1\n"}, permission="plan")
    assert "`k` stands in a.py. To change it I need search_replace" in session.run()
    session.without = {"grep", "search_replace"}
    assert "I need grep" in start(Rename(), "rename k to key", {}).run() or session.run()


def test_a_failed_check_is_answered_and_not_repeated(start: Callable[..., Session]) -> None:
    session = start(Rename(), "rename k to key", {"a.py": "k = 1\n"})
    session.run()
    done = len(session.calls)
    answer = session.tell("The check failed with exit code 1:\nNameError: name 'z' is not defined")
    assert "NameError: name 'z' is not defined" in answer
    assert "Renamed `k` to `key`: 1 place in 1 file." in answer
    assert len(session.calls) == done


def test_qualified_names_and_further_wishes_are_owned_up_to(
    start: Callable[..., Session],
) -> None:
    task = "Rename the method Store.get to fetch and make it faster"
    summary = start(Rename(), task, {"a.py": "get = {}.get\n"}).run()
    assert "cannot tell whose `get` it is" in summary
    assert "I did only the rename" in summary


LINES = st.lists(
    st.sampled_from(
        [
            "x = 1",
            "x",
            "xx",
            "ax",
            "x\tx",
            "foo(x, xy)",
            "",
            "    x",
            "一x",
            "x 一",
            "yx = x",
            "# x.",
        ]
    )
    | st.text(alphabet="xy =(一", max_size=6),
    max_size=12,
)


@given(LINES, st.sampled_from(["x_", "z", "yx2"]))
@example(["ax", "x", "x"], "z")
@example(["x", "x", "ax", "x"], "z")
def test_rename_edits_are_a_whole_word_substitution(lines: list[str], new: str) -> None:
    before = "\n".join(lines)
    wanted = re.sub(r"\bx\b", new, before)
    windows = before.replace("\n", "\r\n")
    after = before
    for edit in plan_edits(before, "x", new):
        after = apply_edit(after, edit.old, edit.new, edit.replace_all)
        windows = apply_edit(windows, edit.old, edit.new, edit.replace_all)
    assert after == wanted
    assert windows == wanted.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "task",
    [
        "rename the function get_key to read_key",
        "Rename `get_key` to `read_key`.",
        "please rename get_key() → read_key()",
        "Rename dotenv.main.get_key into read_key everywhere",
        "rename the get_key function to read_key",
        "rename the method get_key of class Store to read_key",
        "rename the Python helper function get_key in utils.py to read_key, updating all callers",
        "change the name of the function get_key to read_key",
        "change get_key's name to read_key",
        "change the function name from get_key to read_key",
        "`get_key` should be renamed to `read_key`",
        "The function get_key must be called read_key from now on.",
        "renaming get_key => read_key",
        "把函数 get_key 重命名为 read_key",
        "把函数get_key重命名为read_key并运行测试",
        "请将 main.py 中的函数 `get_key` 改名为 `read_key`。",
        "重命名 get_key 为 read_key",
        "把函数 get_key 改成 read_key",
        "把get_key的名字改为read_key",
    ],
)
def test_many_ways_to_ask_for_a_rename(task: str) -> None:
    found = read_rename(task)
    assert found
    assert (found.old, found.new, found.problem) == ("get_key", "read_key", "")


# Which task is whose


def owner(task: str, job: str = "refactor") -> str:
    transcript = Transcript(task=task, job=job, tools=frozenset())
    return ",".join(type(s).__name__ for s in SKILLS if s.matches(transcript))


@pytest.mark.parametrize("job", ["", "refactor", "script", "ask"])
@pytest.mark.parametrize(
    "task",
    [
        "make it faster",
        "add a feature to rename files",
        "add a rename command to the cli",
        "rename things to be clearer",
        "rename the functions to snake_case",
        "rename utils.py to helpers.py",
        "rename the module utils to helpers",
        "don't rename foo to bar",
        "why was foo renamed to bar?",
        "rename get_key to something better",
        "把 timeout 改成 30",
        "把文件 a.py 重命名为 b.py",
        "不要重命名 foo 为 bar",
        "fix the failing test",
        "add a code review page",
        "explain the function parse in main.py",
        "what is the capital of France?",
        "write a parser",
        "format the date as ISO",
        "优化性能",
        "",
    ],
)
def test_other_tasks_are_nobodys(task: str, job: str) -> None:
    assert owner(task, job) == ""


@pytest.mark.parametrize(
    ("task", "job", "name"),
    [
        ("rename a to b", "refactor", "Rename"),
        ("tidy the code", "refactor", "Tidy"),
        ("run ruff's fixes", "script", "Tidy"),
        ("run ruff --fix", "refactor", "Tidy"),
        ("fix all lint errors", "refactor", "Tidy"),
        ("remove unused imports", "refactor", "Tidy"),
        ("整理代码", "refactor", "Tidy"),
        ("格式化代码", "", "Tidy"),
        ("look at my last changes", "review", "Review"),
        ("Review this repository", "", "Review"),
        ("审查代码", "", "Review"),
        ("run ruff", "script", "Review"),
        ("the parser", "tests", "SmokeTests"),
        ("write smoke tests for dotenv.main", "", "SmokeTests"),
        ("write tests for src/a.py", "refactor", "SmokeTests"),
        ("为 dotenv.main 模块编写冒烟测试", "", "SmokeTests"),
        ("What is this repository?", "ask", "Describe"),
        ("what does this project do", "", "Describe"),
        ("Please summarise this codebase", "ask", "Describe"),
        ("这个仓库是做什么的？", "ask", "Describe"),
        ("介绍一下这个项目", "ask", "Describe"),
    ],
)
def test_a_task_has_one_owner(task: str, job: str, name: str) -> None:
    assert owner(task, job) == name


# Tidy and review

SLOPPY = "import os\nimport sys\n\nprint(sys.argv, undefined)\n"


def test_tidy_applies_ruffs_safe_fixes(start: Callable[..., Session], tmp_path: Path) -> None:
    session = start(Tidy(), "tidy the code", {"a.py": SLOPPY, "b.py": "x = 1\n"})
    summary = session.run()
    assert texts(tmp_path)["a.py"] == SLOPPY.replace("import os\n", "")
    assert [c["command"].split()[:3] for c in session.named("run_terminal_command")] == [
        ["ruff", "check", "--fix"]
    ]
    assert "unused-import" in summary
    assert "F821" in summary


def test_tidy_formats_only_when_asked(start: Callable[..., Session], tmp_path: Path) -> None:
    session = start(
        Tidy(), "tidy and format the code in src/", {"src/a.py": "x=1\n", "b.py": "y=1\n"}
    )
    session.run()
    assert texts(tmp_path) == {"src/a.py": "x = 1\n", "b.py": "y=1\n"}


def test_tidy_says_what_leave_it_needs(start: Callable[..., Session], tmp_path: Path) -> None:
    session = start(Tidy(), "tidy the code", {"a.py": SLOPPY}, permission="edits")
    summary = session.run()
    assert "--permission all" in summary
    assert texts(tmp_path) == {"a.py": SLOPPY}


@pytest.mark.parametrize(("skill", "task"), [(Tidy(), "tidy it"), (Review(), "review it")])
def test_a_missing_ruff_is_explained(
    start: Callable[..., Session], skill: Skill, task: str
) -> None:
    session = start(skill, task, {"a.py": SLOPPY}, job="" if task == "tidy it" else "review")
    answers = iter(
        [
            "exit: 127\nbash: line 1: ruff: command not found\n",
            "exit: 1\n/usr/bin/python: No module named ruff\n",
        ]
    )
    for _ in range(2):
        call = session.next_turn().tool_calls[0]
        function = {"name": call.name, "arguments": json.dumps(call.arguments)}
        made = {"id": call.arguments["command"], "type": "function", "function": function}
        session.messages += [
            {"role": "assistant", "content": "", "tool_calls": [made]},
            {"role": "tool", "tool_call_id": made["id"], "content": next(answers)},
        ]
    turn = session.next_turn()
    assert not turn.tool_calls
    assert "python -m pip install ruff" in turn.content


def test_review_quotes_the_line_of_each_finding(
    start: Callable[..., Session], tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {"pkg/a.py": SLOPPY, "broken.py": "def f(:\n    名 = 1\n"}
    session = start(Review(), "anything", files, job="review", permission="plan")
    report = session.run()
    assert "pkg/a.py:1  F401  `os` imported but unused\n    import os" in report
    assert "pkg/a.py:4  F821  Undefined name `undefined`\n    print(sys.argv, undefined)" in report
    assert "broken.py:1  invalid-syntax" in report
    assert texts(tmp_path) == {k: str(v) for k, v in files.items()}


def test_review_of_many_findings_ends(start: Callable[..., Session]) -> None:
    files: dict[str, str | bytes] = {f"m{n}.py": "import os\n" * 5 for n in range(100)}
    session = start(Review(), "review", files, job="review")
    report = session.run()
    assert "findings in the repository" in report
    assert "The output was cut" in report
    assert 40 <= len(session.named("read_file")) <= 60


def test_review_of_a_clean_or_foreign_repository(start: Callable[..., Session]) -> None:
    session = start(Review(), "review", {"a.js": "var x\n"}, job="review")
    assert "ruff has no findings" in session.run()


# Smoke tests

MODULE = '''"""Reads keys."""

import dataclasses

LIMIT = 3


class Store:
    def get(self): ...


@dataclasses.dataclass(frozen=True)
class Key:
    name: str


def load(path="x"):
    raise SystemExit("must not be called")


async def fetch(): ...


def _private(): ...


if __name__ == "__main__":
    load()
'''


@pytest.mark.parametrize(
    ("files", "task", "dotted"),
    [
        ({"src/keys/__init__.py": "", "src/keys/main.py": MODULE}, "keys.main", "keys.main"),
        ({"keys/__init__.py": "", "keys/main.py": MODULE}, "keys/main.py", "keys.main"),
        ({"main.py": MODULE}, "the module main", "main"),
        ({"lib/__init__.py": MODULE}, "package lib", "lib"),
        ({"ns/main.py": "from . import other\n" + MODULE, "ns/other.py": ""}, "main", "ns.main"),
    ],
)
def test_smoke_tests_are_written_and_pass(
    start: Callable[..., Session], tmp_path: Path, files: dict[str, Any], task: str, dotted: str
) -> None:
    session = start(SmokeTests(), f"write smoke tests for {task}", files, job="tests")
    summary = session.run()
    written = next((tmp_path / "tests").iterdir())
    text = written.read_text()
    assert f'MODULE = "{dotted}"' in text
    assert '"load"' in text
    assert '"fetch"' in text
    assert 'CLASSES = [\n    "Store",\n    "Key",\n]' in text
    assert "_private" not in text
    assert "load()" not in text
    assert f"Wrote tests/{written.name}." in summary
    assert "passes" in summary
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", str(written)]
    assert subprocess.run(ruff, capture_output=True, check=False).returncode == 0
    alone = subprocess.run([sys.executable, str(written)], capture_output=True, check=False)
    assert alone.stdout.strip() == b"ok"


def test_existing_tests_are_never_overwritten(
    start: Callable[..., Session], tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {"a.py": MODULE, "test/test_a_smoke.py": "mine = 1\n"}
    start(SmokeTests(), "smoke tests for a.py", files, job="tests").run()
    assert texts(tmp_path)["test/test_a_smoke.py"] == "mine = 1\n"
    assert "test/test_a_smoke_2.py" in texts(tmp_path)


@pytest.mark.parametrize(
    ("files", "task", "words"),
    [
        ({"a.py": "x\n"}, "cover everything", "the task names none"),
        ({"a.py": "x = 1\n"}, "smoke tests for nowhere", "I found no Python module nowhere"),
        (
            {"a/m.py": "x = 1\n", "b/m.py": "x = 1\n"},
            "smoke tests for m.py",
            "may be any of a/m.py, b/m.py",
        ),
        ({"a.py": "def f(:\n"}, "smoke tests for a.py", "not Python that can be parsed"),
        ({"a.py": "def main(): ...\nmain()\n"}, "smoke tests for a.py", "main() in line 2"),
        ({"a.py": b"x\0y = 1\n"}, "smoke tests for a.py", "could not read a.py"),
    ],
)
def test_no_smoke_tests_without_a_module_that_can_be_imported(
    start: Callable[..., Session], tmp_path: Path, files: dict[str, Any], task: str, words: str
) -> None:
    session = start(SmokeTests(), task, files, job="tests")
    assert words in session.run()
    assert sorted(texts(tmp_path)) == sorted(files)


def test_smoke_tests_that_fail_or_may_not_run_are_told_as_such(
    start: Callable[..., Session], tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {"a.py": "import no_such_module_at_all\n\n\ndef f(): ...\n"}
    summary = start(SmokeTests(), "smoke tests for a.py", files, job="tests").run()
    assert "does not pass" in summary
    assert "no_such_module_at_all" in summary
    refused = start(SmokeTests(), "smoke tests for a.py", {}, job="tests", permission="edits")
    assert "They were not run: run_terminal_command was refused" in refused.run()
    unwritten = start(SmokeTests(), "smoke tests for a.py", {}, job="tests", permission="ask")
    answer = unwritten.run()
    assert "was not written" in answer
    assert "def test_module_can_be_imported" in answer


# Describe


def test_describe_speaks_in_the_repositorys_own_words(start: Callable[..., Session]) -> None:
    files: dict[str, str | bytes] = {
        "README.md": "# Keys\n\n[![build](x)](y)\n\nKeys keeps keys\nin one place.\n\n## Use\n",
        "pyproject.toml": '[project]\nname = "keys"\ndescription = "Keeps keys"\n'
        '[project.scripts]\nkeys = "keys.cli:main"\n',
        "keys/__init__.py": "",
        "keys/cli.py": "x = 1\n",
        "tools/go.py": 'if __name__ == "__main__":\n    pass\n',
        "web/app.ts": "",
    }
    answer = start(Describe(), "what is this repository?", files, job="ask").run()
    assert "pyproject.toml names it `keys`: Keeps keys" in answer
    assert "README.md calls it “Keys”.\n> Keys keeps keys in one place." in answer
    assert "- keys/: 2 files" in answer
    assert "Python 3" in answer
    assert "- command keys: keys.cli:main (pyproject.toml)" in answer
    assert "- tools/go.py" in answer
    assert "build" not in answer


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "empty"),
        ({"x.bin": b"\0"}, "no README and no manifest"),
        ({"README": b"\0\1", "package.json": "{"}, "no README and no manifest"),
        ({"package.json": '{"name": "web", "bin": {"w": "w.js"}}'}, "command w: w.js"),
        ({"Cargo.toml": '[package]\nname = "crab"\n'}, "Cargo.toml names it `crab`"),
        ({"go.mod": "module example/x\n\ngo 1.22\n"}, "go.mod names it `example/x`"),
        ({"README.rst": "====\nName\n====\n\nWords here.\n"}, "> Words here."),
    ],
)
def test_describe_copes_with_little(
    start: Callable[..., Session], files: dict[str, Any], words: str
) -> None:
    assert words in start(Describe(), "what is this repository?", files, job="ask").run()


def test_describe_counts_what_is_only_summarised(start: Callable[..., Session]) -> None:
    files: dict[str, str | bytes] = {f"many/deep/file_{n:04}.py": "" for n in range(900)}
    answer = start(Describe(), "what is this repository?", files | {"a.py": ""}, job="ask").run()
    assert "- many/: 900 files" in answer
    assert "Python 901" in answer
