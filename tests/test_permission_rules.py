"""Rules for tools, paths and commands: each part of a command line is judged by itself."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from grok_agent import Workspace, offline_model, repository_tools
from grok_agent.cli import app
from grok_agent.commands.guarding import Guarding
from grok_agent.errors import PermissionDeniedError, SettingsError
from grok_agent.graphs import repository_agent, sweep_agent
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, Turn
from grok_agent.tools.permission import Decision, Mode
from grok_agent.tools.rules import Rule, Rules
from grok_agent.tools.sandbox import Limits

RULES = Rules.of(
    deny=["run_terminal_command(git push *)", "Bash(rm *)"],
    ask=["Bash(curl *)"],
    allow=[f"Bash({name} *)" for name in ("git", "ls", "pytest", "echo", "xargs", "find", "true")],
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "docs").mkdir(parents=True)
    (tmp_path / "root" / "vendor").mkdir()
    (tmp_path / "root" / "vendor" / "a.py").write_text("a = 1\n")
    (tmp_path / "root" / "link").symlink_to("vendor")
    return tmp_path / "root"


def judged(root: Path, command: str, mode: Mode = "ask", rules: Rules = RULES) -> Decision:
    workspace = Workspace(root, permission=mode, rules=rules)
    return workspace.decide("run_terminal_command", {"command": command})


@pytest.mark.parametrize(
    "command",
    [
        "git push",
        "git push origin main",
        "ls && rm x",
        "ls || rm x",
        "ls; rm x",
        "ls & rm x",
        "ls\nrm x",
        "ls | rm x",
        "ls |& rm x",
        "ls $(rm x)",
        "ls `rm x`",
        'ls "$(rm x)"',
        "ls <(rm x)",
        "ls > $(rm x)",
        "ls <<E\n$(rm x)\nE",
        "(ls; rm x)",
        "{ ls; rm x; }",
        "! rm x",
        "if ls; then rm x; fi",
        "for i in a b; do rm $i; done",
        "while rm x; do ls; done",
        "case x in x) rm x;; esac",
        "f() { rm x; }; ls",
        "A=$(rm x) ls",
        "a=(1 $(rm x))",
        "echo ${a:-$(rm x)}",
        "echo $(( $(rm x) + 1 ))",
        "[[ -n $(rm x) ]]",
        "X=1 rm y",
        "env X=1 rm y",
        "env -i -u A rm y",
        "/bin/rm x",
        "r''m x",
        "\\rm x",
        '"rm" x',
        "git -c a=b push",
        "git -C . --no-pager push x",
        "bash -c 'rm x'",
        "bash -lc 'ls; rm x'",
        'bash -c "rm $x"',
        "sh -c \"bash -c 'rm x'\"",
        "eval 'rm x'",
        "eval rm x",
        "trap 'rm x' EXIT",
        "timeout 5 rm x",
        "timeout -k 1 5 rm x",
        "nohup rm x &",
        "nice -n 5 rm x",
        "time rm x",
        "exec rm x",
        "command rm x",
        "sudo -u root rm x",
        "ls | xargs rm",
        "ls | xargs -0 -I {} rm {}",
        "find . -exec rm {} \\;",
        "find . -name x -execdir rm {} +",
        "rg --pre rm x",
        "sort --compress-program=rm x",
        "sort --compress-prog rm x",
        "tar --to-command=rm -xf a",
        "tar -I rm -xf a",
        "rsync -e 'rm x' a b",
        "git bisect run rm x",
        "busybox rm x",
        "ls > /dev/null 2>&1 && rm x",
    ],
)
def test_a_denied_command_is_found_wherever_it_stands(root: Path, command: str) -> None:
    for mode in ("plan", "ask", "edits", "all"):
        assert judged(root, command, mode).verdict == "deny"


@pytest.mark.parametrize(
    "command",
    [
        "git $X",
        "$X x",
        "$(echo rm) x",
        "r{m,x} y",
        "r? x",
        "git {push,x}",
        "echo rm x | bash",
        "bash <<E\nrm x\nE",
        "bash -s",
        "bash -c $X",
        "eval $X",
        "X=a; $X",
        "$'\\x72m' x",
        "ls 'unclosed",
        "r\\\nm x",
        "! { rm x; }",
        "if ls; then",
        "ls\rrm x",
        "ls\u00a0rm x",
        "ls \x1b[0m",
        "echo `echo \\`rm x\\``",
        "env -S 'rm x'",
        "git -c core.pager='!x' log",
        "git log --exec-path=$X",
        "awk 'BEGIN { system(\"rm x\") }'",
        "sed 's/a/rm x/e' y",
        "sudo --user=root rm x",
        "ssh host rm x",
        "find . $X rm x",
    ],
)
def test_what_may_turn_out_to_be_denied_is_asked_for_even_where_all_is_allowed(
    root: Path, command: str
) -> None:
    assert judged(root, command, "all").verdict == "ask"
    assert judged(root, command, "edits").verdict == "ask"


@pytest.mark.parametrize(
    "command",
    [
        "git status",
        "git log -5 --oneline",
        "ls && git status",
        "pytest -q tests/test_a.py 2>&1 | tail -20",
        "pytest | head -n 5 | wc -l",
        "nohup git status",
        "timeout 60 pytest -x",
        "ls | xargs echo",
        "find . -name '*.py'",
        "find . -name a -exec echo {} \\;",
        "for i in a b; do echo $i; done",
        "git status > /dev/null",
        "ls $(git status)",
        "echo 'rm x; git push'",
        "git commit -m 'rm x'",
    ],
)
def test_a_line_runs_when_each_of_its_parts_may(root: Path, command: str) -> None:
    assert judged(root, command) == Decision("allow")


@pytest.mark.parametrize(
    "command",
    [
        "ls && make",
        "ls | tee x",
        "X=1 git status",
        "PATH=. ; ls",
        "export PATH=.; ls",
        "for PATH in .; do ls; done",
        "ls() { true; }; ls",
        "/tmp/git status",
        "./ls",
        "LS",
        "lsx",
        "git status > /etc/x",
        "git status >> $X",
        "find . -delete",
        "find . -fprint x",
        "find . -exec make {} +",
        "ls | xargs make",
        "ls <(make)",
        "[ -v 'a[$(make)]' ]",
        "[[ 'a[$(make)]' -eq 1 ]]",
        "(( a[0] ))",
        "cat ../x; ls",
        "source x; ls",
        ". ./x; ls",
        "alias ls=make; ls",
        "",
        "# nothing",
    ],
)
def test_what_no_rule_allows_is_never_allowed_by_its_neighbours(root: Path, command: str) -> None:
    assert judged(root, command).verdict == "ask"


def test_rules_come_in_the_order_deny_ask_allow_whatever_order_they_were_given_in(
    root: Path,
) -> None:
    texts = {"allow": "Bash(git *)", "ask": "Bash(git p*)", "deny": "Bash(git push *)"}
    for order in (("allow", "ask", "deny"), ("deny", "ask", "allow")):
        rules = sum((Rules.of(**{effect: [texts[effect]]}) for effect in order), Rules())
        found = [judged(root, line, "all", rules) for line in ("git push", "git pull", "git log")]
        assert [each.verdict for each in found] == ["deny", "ask", "allow"]


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("vendor/a.py", "deny"),
        ("./vendor/a.py", "deny"),
        ("docs/../vendor/a.py", "deny"),
        ("VENDOR/a.py", "deny"),
        ("link/a.py", "deny"),
        ("docs/a.md", "allow"),
        ("docs/deep/a.md", "allow"),
        ("docsx/a.md", "ask"),
        ("a.py", "ask"),
    ],
)
def test_path_rules_see_through_links_and_spellings(root: Path, path: str, verdict: str) -> None:
    rules = Rules.of(deny=["Edit(vendor/**)"], allow=["write(docs/**)"])
    workspace = Workspace(root, permission="ask", rules=rules)
    for tool in ("write", "search_replace"):
        assert workspace.decide(tool, {"file_path": path}).verdict == verdict


def test_a_denied_path_is_closed_to_every_tool_and_in_every_mode(root: Path) -> None:
    (root / "notes.txt").write_text("hidden words\n")
    rules = Rules.of(deny=["read_file(notes*)", "write(vendor/**)"])
    workspace = Workspace(root, permission="all", rules=rules)
    tools = {tool.name: tool for tool in repository_tools(workspace)}
    assert "hidden" not in tools["read_file"].invoke({"target_file": "notes.txt"})
    assert "hidden" not in tools["grep"].invoke({"pattern": "words"})
    assert "hidden" not in tools["grep"].invoke({"pattern": "words", "path": "notes.txt"})
    tools["rewrite_code"].invoke({"pattern": "a", "rewrite": "b", "language": "python"})
    tools["read_file"].invoke({"target_file": "vendor/a.py"})
    tools["write"].invoke({"file_path": "vendor/a.py", "content": "b = 1\n"})
    assert (root / "vendor" / "a.py").read_text() == "a = 1\n"
    for command in (
        "cat notes.txt",
        "head -1 ./notes.txt",
        "cp --x=notes.txt y",
        "ls > vendor/a.py",
    ):
        assert workspace.decide("run_terminal_command", {"command": command}).verdict == "deny"
    assert workspace.decide("run_terminal_command", {"command": "cat n*"}).verdict == "ask"


def test_a_sweep_leaves_out_what_may_not_be_read(root: Path) -> None:
    (root / "notes.txt").write_text("hidden words\n" * 20)
    (root / "notes.py").write_text("def hidden_words(): ...\n")
    (root / "app.py").write_text("a = 1\n")
    sent: list[str] = []

    def planner(request: ChatRequest) -> Turn:
        sent.append(str(request.messages))
        return Turn(content="Nothing.")

    workspace = Workspace(root, permission="plan", rules=Rules.of(deny=["read_file(notes*)"]))
    model = offline_model(OfflineGateway(planner=planner))
    outcome = sweep_agent(model, workspace).invoke({"task": "review"})["outcome"]
    assert {"path": "notes.txt", "reason": "needs leave"} in outcome["left_out"]
    assert sent
    repository_agent(model, workspace, job="ask", sweep="never").invoke({"task": "hidden words"})
    assert "hidden words" not in sent[0]
    assert not any("hidden_words" in text for text in sent)


def test_a_tool_can_be_denied_as_a_whole(root: Path) -> None:
    workspace = Workspace(root, permission="all", rules=Rules.of(deny=["rename_symbol", "Bash"]))
    assert workspace.decide("rename_symbol", {"target": "a"}).verdict == "deny"
    assert workspace.decide("run_terminal_command", {"command": "ls"}).verdict == "deny"
    assert workspace.decide("write", {"file_path": "a"}).verdict == "allow"


def test_no_rule_lifts_the_read_only_mode_for_edits(root: Path) -> None:
    workspace = Workspace(root, permission="plan", rules=Rules.of(allow=["write", "Bash(touch *)"]))
    assert workspace.decide("write", {"file_path": "docs/a"}).verdict == "deny"
    tools = {tool.name: tool for tool in repository_tools(workspace)}
    tools["run_terminal_command"].invoke({"command": "touch made", "description": "Try."})
    assert not (root / "made").exists()


def test_leave_for_a_call_and_its_like(root: Path) -> None:
    workspace = Workspace(root, permission="ask")
    command = {"command": "git status -s"}
    with pytest.raises(PermissionDeniedError):
        workspace.require("run_terminal_command", command)
    workspace.leaves.remember("run_terminal_command", command)
    workspace.require("run_terminal_command", {"command": "git status"})
    for other in ("git push", "git status; rm x", "git status $(rm x)"):
        with pytest.raises(PermissionDeniedError):
            workspace.require("run_terminal_command", {"command": other})


@pytest.mark.parametrize(
    "command", ["python -c 'a'", "rm x", "bash -c 'ls'", "X=1 ls", "$X", "a* b"]
)
def test_leave_for_what_can_do_anything_is_for_one_call(root: Path, command: str) -> None:
    workspace = Workspace(root, permission="ask")
    workspace.leaves.remember("run_terminal_command", {"command": command})
    workspace.require("run_terminal_command", {"command": command})
    with pytest.raises(PermissionDeniedError):
        workspace.require("run_terminal_command", {"command": f"{command} x"})


@pytest.mark.parametrize("text", ["", "(a)", "write(", "a b", "todo_write(x)", "rm *", "Bash(x) y"])
def test_a_rule_that_cannot_be_read_is_an_error_and_not_silence(text: str) -> None:
    with pytest.raises(SettingsError, match="rule"):
        Rule.parse("deny", text)


# From the command line


def refactor(root: Path, *options: str) -> Result:
    (root / "app.py").write_text("def foo():\n    return 1\n\n\nfoo()\n")
    task = ["--offline", "--repo", str(root), "--permission", "edits", "rename foo to bar"]
    return CliRunner().invoke(app, ["refactor", *options, *task])


def test_a_rule_of_the_command_line_or_of_the_users_file_ends_what_it_denies(
    root: Path, empty_environment: Path
) -> None:
    assert refactor(root).exit_code == 0
    assert "bar" in (root / "app.py").read_text()
    refused = refactor(root, "--deny", "Edit(app.py)", "--allow", "Edit")
    assert refused.exit_code == 3
    assert "nobody can allow it" in refused.output
    assert "bar" not in (root / "app.py").read_text()
    (empty_environment / "config").mkdir()
    (empty_environment / "config" / "permissions.toml").write_text('ask = ["Edit(*.py)"]\n')
    assert refactor(root).exit_code == 3  # nobody is there to be asked
    assert "bar" not in (root / "app.py").read_text()


@pytest.mark.parametrize("text", ['deny = "x"', "deny = [1]", "other = []", "deny = [", "\x00"])
def test_a_file_of_rules_that_cannot_be_read_ends_the_program(
    root: Path, empty_environment: Path, text: str
) -> None:
    (empty_environment / "config").mkdir()
    (empty_environment / "config" / "permissions.toml").write_text(text)
    ended = refactor(root)
    assert (ended.exit_code, "permissions.toml" in ended.output) == (2, True)
    assert "bar" not in (root / "app.py").read_text()


def test_options_of_the_sandbox_become_limits() -> None:
    limits = Guarding(
        network=True, sandbox=False, writable=(Path("~/x"),), memory_gb=0.5, max_tasks=9
    ).limits()
    assert (limits.network, limits.sandbox, limits.shared_memory) == (True, False, False)
    assert limits.writable == (Path.home() / "x",)
    assert (limits.max_memory_bytes, limits.max_tasks) == (1 << 29, 9)
    assert Guarding().limits() == Limits()


# Generated command lines

DENIED = ["rm x", "git push", "git push -f a", "git -c a=b push", "/usr/bin/rm -r x", "'rm' x"]
ALLOWED = ["ls", "ls -la a", "git status", "pytest -q", "echo 'a;b'", "true"]
OTHERS = ["make", "touch a", "python x.py", "X=1 ls", "./ls"]
FRAMES = [
    *(
        "{}",
        "( {} )",
        "{{ {}; }}",
        "! {}",
        "{} > /dev/null",
        "true && {}",
        "{} || true",
        "true; {}",
    ),
    *("true\n{}", "true | {}", "{} | true", "{} &", "echo $({})", 'echo "$({})"', "ls <({})"),
    *("if true; then {}; fi", "for i in a; do {}; done", "nohup {}", "timeout 9 {}", "env {}"),
    *("true # {}\n{}", "case a in b) {};; esac"),
]
SIMPLE_ONLY = {"nohup {}", "timeout 9 {}", "env {}"}


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, set[str]]:
    """A command line, and which kinds of commands it runs."""
    kinds: set[str] = set()
    pieces = []
    for _ in range(draw(st.integers(1, 3))):
        kind, words = draw(
            st.sampled_from(
                [("denied", w) for w in DENIED]
                + [("allowed", w) for w in ALLOWED * 3]
                + [("other", w) for w in OTHERS]
            )
        )
        kinds.add(kind)
        for depth in range(draw(st.integers(0, 3))):
            frame = draw(st.sampled_from(FRAMES))
            if frame not in SIMPLE_ONLY or (depth == 0 and "=" not in words):
                words = frame.replace("{{", "\1").replace("}}", "\2").replace("{}", words)
                words = words.replace("\1", "{").replace("\2", "}")
        pieces.append(words)
    line = pieces[0]
    for piece in pieces[1:]:
        line += draw(st.sampled_from(["; ", " && ", " || ", "\n"])) + piece
    return line.replace("& ;", "&").replace("& &&", "&& ").replace("& ||", "||"), kinds


@settings(max_examples=1000, suppress_health_check=list(HealthCheck))
@given(made=lines(), mode=st.sampled_from(["plan", "ask", "edits", "all"]))
def test_one_denied_part_denies_and_one_part_without_leave_keeps_from_running(
    root: Path, made: tuple[str, set[str]], mode: Mode
) -> None:
    line, kinds = made
    verdict = judged(root, line, mode).verdict
    if "cannot be taken apart" in judged(root, line, mode).reason:
        assert verdict == "ask"
    elif "denied" in kinds:
        assert verdict == "deny"
    elif "other" in kinds:
        assert verdict == {"plan": "deny", "all": "allow"}.get(mode, "ask")
    elif mode != "plan":
        assert verdict == "allow"


TOKENS = st.sampled_from(
    [
        *("rm", "x", "git", "push", "ls", "true", "echo", "env", "xargs", "bash", "-c", "eval"),
        *("exec", "command", "timeout 3", "A=1", "A=rm", "$A", "{", "}", "(", ")", "()", "!"),
        *(";", "&&", "||", "|", "&", "\n", "$(", "`", "'", '"', "\\", "<(", "{rm,x}", "r", "m"),
        *("$'rm'", '$"rm"', "${A}", "${B:-rm}", "#", "<<E\n", "\nE\n", "if", "then", "fi", "do"),
        *("for i in rm;", "done", "case", "esac", "in", "[[", "]]", "((", "))", "f", "-x", "--"),
    ]
)
STUB = '#!/bin/bash\necho "${0##*/} $*" >> "$LOG"\n'


@pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs bash")
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    line=st.one_of(
        st.lists(st.tuples(TOKENS, st.sampled_from([" ", " ", ""])), max_size=9).map(
            lambda pairs: "".join(token + gap for token, gap in pairs)
        ),
        lines().map(lambda made: made[0]),
    )
)
def test_bash_itself_runs_nothing_denied_in_a_line_that_was_allowed(
    root: Path, tmp_path: Path, line: str
) -> None:
    if judged(root, line, "all").verdict != "allow":
        return
    ran = ran_by_bash(tmp_path / "stubs", line)
    denied = [each for each in ran if each.split()[:1] == ["rm"] or each.startswith("git push")]
    assert not denied, (line, ran)


def ran_by_bash(stubs: Path, line: str) -> list[str]:
    """The commands that bash starts for ``line``, none of which does anything."""
    log, work = stubs / "log", stubs / "work"
    if not stubs.exists():
        work.mkdir(parents=True)
        for name in ("rm", "git", "ls", "x", "m", "r", "f", "pytest", "make", "python", "touch"):
            (stubs / name).write_text(STUB)
            (stubs / name).chmod(0o700)
        for name in ("env", "xargs", "timeout", "bash", "nohup"):
            (stubs / name).symlink_to(shutil.which(name) or "/nowhere")
    log.write_text("")
    environment = {"PATH": str(stubs), "LOG": str(log)}
    subprocess.run(
        ["bash", "--norc", "-c", line],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
        check=False,
    )
    return log.read_text().splitlines()
