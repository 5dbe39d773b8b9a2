"""Which calls run, ask or are refused in each mode."""

import shlex
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grok_agent import Workspace, repository_tools
from grok_agent.errors import PermissionDeniedError
from grok_agent.tools.permission import MODES, Mode


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "src").mkdir(parents=True)
    (tmp_path / "root" / "src" / "a.py").touch()
    (tmp_path / "secret").touch()
    (tmp_path / "root" / "leaves").symlink_to("../secret")
    return tmp_path / "root"


def verdict(root: Path, mode: Mode, tool: str, **arguments: object) -> str:
    return Workspace(root, permission=mode).decide(tool, arguments).verdict


@pytest.mark.parametrize(
    ("tool", "arguments", "verdicts"),
    [
        ("read_file", {"target_file": "a"}, "allow allow allow allow"),
        ("todo_write", {"todos": []}, "allow allow allow allow"),
        ("search_replace", {"file_path": "a"}, "deny ask allow allow"),
        ("write", {"file_path": "a"}, "deny ask allow allow"),
        ("run_terminal_command", {"command": "ls -la src"}, "allow allow allow allow"),
        ("run_terminal_command", {"command": "pytest"}, "deny ask ask allow"),
        ("run_terminal_command", {}, "deny ask ask allow"),
        ("send_mail", {}, "deny ask ask allow"),
    ],
)
def test_verdicts_by_mode(
    root: Path, tool: str, arguments: dict[str, object], verdicts: str
) -> None:
    found = [verdict(root, mode, tool, **arguments) for mode in MODES]
    assert " ".join(found) == verdicts


@pytest.mark.parametrize(
    "command",
    [
        "ls",
        "pwd",
        "ls -la src",
        "cat src/a.py",
        "cat -n 'src/a.py'",
        "head -20 src/a.py",
        "tail -n 5 src/a.py",
        "wc -l src/a.py",
        "ruff check",
        "ruff check . --output-format=concise",
        "ruff check --select E,F src",
        "ruff format --check .",
        "ruff --version",
        "python --version",
    ],
)
def test_commands_known_to_read_only(root: Path, command: str) -> None:
    assert verdict(root, "plan", "run_terminal_command", command=command) == "allow"


@pytest.mark.parametrize(
    "command",
    [
        "",
        "rm -rf src",
        "ls; rm x",
        "ls && rm x",
        "ls | tee x",
        "ls > x",
        "cat < /etc/passwd",
        "ls & rm x",
        "ls\nrm x",
        "ls\rrm x",
        "ls $(rm x)",
        "ls `rm x`",
        'cat "$(rm x)"',
        "ls ${IFS}x",
        "PAGER=x ls",
        "env ls",
        "sudo ls",
        "./ls",
        "src/ls",
        "cat /etc/passwd",
        "cat ../secret",
        "cat leaves",
        "cat ~/.ssh/id_rsa",
        "cat src/*",
        "cat .git/config",
        "ls ..",
        "ls -L",
        "tail -f src/a.py",
        "wc --files0-from=../secret",
        "ruff check --fix",
        "ruff check --fix-only",
        "ruff check --unsafe-fixes --fix",
        "ruff check --add-noqa",
        "ruff check -o x",
        "ruff check --output-file x",
        "ruff check --output-file=x",
        "ruff check --config=../x",
        "ruff check --cache-dir=x",
        "ruff check --watch",
        "ruff format",
        "ruff format .",
        "ruff clean",
        "python x.py",
        "python -c pass",
        "python --version x.py",
        "git status",
        "git -c core.pager=x log",
        "rg --pre x y",
        "sort --compress-program x",
        "find . -delete",
        "find . -exec rm x",
        "xargs rm",
        "sed -i s/a/b/ src/a.py",
        "awk BEGIN",
        "tee x",
        "dd of=x",
        "cat 'unclosed",
        "cat a\\",
        "cat \0",
        "echo hi",
    ],
)
def test_commands_not_known_to_read_only(root: Path, command: str) -> None:
    assert verdict(root, "plan", "run_terminal_command", command=command) == "deny"
    assert verdict(root, "edits", "run_terminal_command", command=command) == "ask"


@pytest.mark.parametrize("options", ["", "--no-cache", "--no-fix --no-cache --exit-zero"])
def test_options_that_the_guard_adds_may_be_given_already(root: Path, options: str) -> None:
    tools = {tool.name: tool for tool in repository_tools(Workspace(root, permission="plan"))}
    call = {"command": f"ruff check {options} src", "description": "look for defects"}
    assert tools["run_terminal_command"].invoke(call).startswith("exit: 0")


def test_a_check_does_not_follow_links_out_of_the_workspace(root: Path) -> None:
    (root.parent / "secret").write_text("token = hidden(\n")
    for name in ("a.py", "b[1], *?.py"):
        (root / name).symlink_to("../secret")
    tools = {tool.name: tool for tool in repository_tools(Workspace(root, permission="plan"))}
    for command in ("ruff check", "ruff check --isolated src .", "ruff format --diff ."):
        text = tools["run_terminal_command"].invoke({"command": command, "description": "Look."})
        assert text.startswith("exit: 0")
        assert "hidden" not in text


WORDS = st.one_of(
    st.sampled_from(["ls", "cat", "ruff", "check", "--fix", "-o", ";", "|", "&&", ">", "$(x)"]),
    st.sampled_from(["src/a.py", "..", "leaves", "/etc", "-n", "\n", "'", '"', "\\", "`x`", "*"]),
    st.text(max_size=4),
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, max_size=6), gap=st.sampled_from([" ", "", "\t"]))
def test_no_command_line_with_shell_syntax_or_a_way_out_is_allowed(
    root: Path, words: list[str], gap: str
) -> None:
    command = gap.join(words)
    if verdict(root, "plan", "run_terminal_command", command=command) == "allow":
        assert not set(command) & set(";|&<>$`\\*\n\r()")
        assert not {"--fix", "-o", "..", "/etc", "leaves"} & set(shlex.split(command))


def test_a_leave_counts_for_exactly_one_call(root: Path) -> None:
    workspace = Workspace(root, permission="ask")
    write = {tool.name: tool for tool in repository_tools(workspace)}["write"]
    arguments = {"file_path": "n.txt", "content": "n"}
    refused = write.invoke({"type": "tool_call", "name": "write", "id": "1", "args": arguments})
    assert refused.status == "error"
    assert "--permission" in refused.text
    assert not (root / "n.txt").exists()
    workspace.grant("write", arguments)
    assert write.invoke(arguments) == "Created n.txt."
    with pytest.raises(PermissionDeniedError):
        workspace.require("write", {**arguments, "content": "other"})


def test_a_grant_does_not_lift_the_read_only_mode(root: Path) -> None:
    workspace = Workspace(root, permission="plan")
    workspace.grant("write", {"file_path": "n.txt", "content": "n"})
    with pytest.raises(PermissionDeniedError, match="read only"):
        workspace.require("write", {"file_path": "n.txt", "content": "n"})


def test_the_read_only_mode_offers_no_editing_tools(root: Path) -> None:
    offered = {tool.name for tool in repository_tools(Workspace(root, permission="plan"))}
    assert offered == {
        *("read_file", "list_dir", "grep", "repo_map"),
        *("run_terminal_command", "todo_write"),
    }
