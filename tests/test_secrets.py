"""Secrets stay here: what leaves holds placeholders, what is written the secrets again."""

import json
import os
import stat
import string
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from grok_agent import ChatGrokBuild, Outcome, Workspace, offline_model, repository_tools
from grok_agent.cli import app
from grok_agent.context.pack import pack
from grok_agent.context.secret_patterns import PLACEHOLDER, find
from grok_agent.context.secrets import Secrets
from grok_agent.errors import ToolError
from grok_agent.graphs import repository_agent, sweep_agent
from grok_agent.journal import read_journal
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, Request, Response, ToolCall, Turn

DONE = Turn(content="Done.")
API = "xai-" + "Ab3dEf6hIj9lMn2pQr5tUv8x"
KEY_LINES = [
    "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn9ygWyF8Pb",
    "q7Hn2LxVbT9ZcWm4KdYp8RfEs1GuJo6A",
    "Zk3w==",
]
PEM = "\n".join(
    ["-----BEGIN RSA PRIVATE KEY-----", *KEY_LINES, "-----END RSA PRIVATE KEY-----", ""]
)

SECRETS = {
    "aws_key_id": "AKIA" + "Q3EGRXPL7MNZ4T2W",
    "github_token": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "gitlab_token": "glpat-" + "x9Yb3Zc7Qw2Er5Tt8Uu1",
    "slack_token": "xoxb-" + "1234567890-AbCd1234EfGh5678",
    "stripe_key": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "api_key": API,
    "google_key": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "npm_token": "npm_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "web_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0."
    + "dozjgNryP4J3jVmNHl0w5N_XgL0n3",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_keys_of_services_are_found_where_they_stand(kind: str) -> None:
    secret = SECRETS[kind]
    for text in (
        secret,
        f'x = "{secret}"\r\n',
        f"curl -H 'X: {secret}' y",
        f"({secret}),",
        f"k={secret}",
    ):
        (found,) = find(text)
        assert (found.kind, text[found.start : found.end]) == (kind, secret)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://app:s3cr3tPw@db/app", "s3cr3tPw"),
        ("DB_PASSWORD: Tr0ub4dor&3xK9", "Tr0ub4dor&3xK9"),
        ('token: str = "q8Zr5Tn2Wv9Kx4Lm7Bp3"', "q8Zr5Tn2Wv9Kx4Lm7Bp3"),
        ('{"clientSecret": "q8Zr5Tn2Wv9Kx4Lm7Bp3"}', "q8Zr5Tn2Wv9Kx4Lm7Bp3"),
        ("aws_secret_access_key=wJ4lrXUtnF3MI/K7MDENG+bPxRfiCYzKq8vT2sQd", None),
        ("Authorization: Bearer 8f3kD92mX0qLpZ7vB1nC5tYr", "8f3kD92mX0qLpZ7vB1nC5tYr"),
        ("--api-key=q8Zr5Tn2Wv9Kx4Lm7Bp3", "q8Zr5Tn2Wv9Kx4Lm7Bp3"),
    ],
)
def test_values_of_telling_names_are_found(text: str, secret: str | None) -> None:
    (found,) = find(text)
    assert text[found.start : found.end] == (secret or text.partition("=")[2])


@pytest.mark.parametrize(
    "text",
    [
        '"integrity": "sha512-wJ4lrXUtnF3MI/K7MDENG+bPxRfiCYzKq8vT2sQd=="',
        "token_id = '123e4567-e89b-12d3-a456-426614174000'",
        "api_key: 123e4567-e89b-12d3-a456-426614174000",
        "commit 92a58680cafe0cafe92a58680cafe0cafe92a586",
        'password_hash = "5f4dcc3b5aa765d61d8327deb882cf99"',
        "token = get_token2(user)",
        "password = self.config.password2",
        'api_key = os.environ["XAI_API_KEY"]',
        "api_key: ${XAI_API_KEY_2}",
        'password = "changeme123!"',
        'password = "test-Passw0rd!"',
        "redis://user:password@localhost/0",
        "https://user:${TOKEN}@host/x",
        "sk-learn-estimator-container-2023-box-1",
        "AKIAIOSFODNN7EXAMPLE",
        "max_tokens: 123456789012",
        'secret = "2026-11-23T01:02:03"',
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk",
        "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn9\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn9\n-----END PUBLIC KEY-----",
    ],
)
def test_hashes_stand_ins_and_code_pass_unharmed(text: str) -> None:
    assert Secrets().hide(text) == text


def test_a_private_key_keeps_its_lines_and_each_of_them_is_known_by_itself() -> None:
    for text in (PEM, PEM.replace("\n", "\r\n")):
        secrets = Secrets()
        hidden = secrets.hide(text)
        assert hidden.count("\n") == text.count("\n")
        assert not any(line in hidden for line in KEY_LINES)
        assert secrets.hide(f"12→{KEY_LINES[1]}") != f"12→{KEY_LINES[1]}"
        assert secrets.restore(hidden) == text


def test_a_key_in_one_line_of_json_is_found() -> None:
    text = json.dumps({"private_key": PEM})
    secrets = Secrets()
    assert not any(line in secrets.hide(text) for line in KEY_LINES[:2])
    assert secrets.restore(secrets.hide(text)) == text


TEXTS = st.lists(
    st.one_of(
        st.sampled_from([*SECRETS.values(), PEM, "api_key = ", '"', "\n", "\r\n", "://a:", "@b"]),
        st.text(max_size=8),
        st.text(string.ascii_letters + string.digits, min_size=12, max_size=40),
    ),
    max_size=8,
).map("".join)


@given(TEXTS)
def test_hiding_is_stable_keeps_lines_and_is_undone_by_restoring(text: str) -> None:
    secrets = Secrets()
    hidden = secrets.hide(text)
    assert secrets.restore(hidden) == text
    assert secrets.hide(text) == hidden
    assert secrets.hide(hidden) == hidden
    assert hidden.count("\n") == text.count("\n")
    assert Secrets().hide(text) == hidden  # another run, the same placeholders


def test_what_was_learned_later_does_not_change_what_left_before() -> None:
    secrets = Secrets()
    before = secrets.hide("it says q8Zr5Tn2Wv9Kx4Lm7Bp3")
    secrets.learn('token = "q8Zr5Tn2Wv9Kx4Lm7Bp3"')
    assert secrets.hide("it says q8Zr5Tn2Wv9Kx4Lm7Bp3") == before
    assert "q8Zr5Tn2Wv9Kx4Lm7Bp3" not in secrets.hide("now it says q8Zr5Tn2Wv9Kx4Lm7Bp3")


# In a workspace

CONFIG = f'NAME = "app"\nAPI_KEY = "{API}"\nDEBUG = True\n'


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "config.py").write_text(CONFIG)
    (root / ".env").write_text("DB_PASSWORD=tiger7\nSESSION='zQ8rT5nW2vK9xL4m'\nPORT=8080\n")
    (root / ".gitignore").write_text(".env\n")
    return root


def invoke(workspace: Workspace, name: str, **arguments: Any) -> str:
    tools = {tool.name: tool for tool in repository_tools(workspace)}
    return str(tools[name].invoke(arguments))


def test_an_edit_whose_old_text_holds_a_placeholder_is_right(repo: Path) -> None:
    workspace = Workspace(repo)
    shown = invoke(workspace, "read_file", target_file="config.py")
    assert API not in shown
    (placeholder,) = PLACEHOLDER.findall(shown)
    old, new = f'API_KEY = "{placeholder}"\nDEBUG = True', f'KEY = "{placeholder}"\nDEBUG = False'
    invoke(workspace, "search_replace", file_path="config.py", old_string=old, new_string=new)
    assert (repo / "config.py").read_text() == f'NAME = "app"\nKEY = "{API}"\nDEBUG = False\n'
    invoke(workspace, "write", file_path="copy.py", content=shown.partition("→")[2])
    assert API in (repo / "copy.py").read_text()


def test_another_process_knows_the_placeholders_of_the_file_that_it_edits(repo: Path) -> None:
    (placeholder,) = PLACEHOLDER.findall(
        invoke(Workspace(repo), "read_file", target_file="config.py")
    )
    workspace = Workspace(repo)
    workspace.read("config.py")
    old, new = f'"{placeholder}"', f'"{placeholder}" or None'
    invoke(workspace, "search_replace", file_path="config.py", old_string=old, new_string=new)
    assert f'"{API}" or None' in (repo / "config.py").read_text()


def test_a_person_who_is_asked_sees_the_edit_without_the_secret(repo: Path) -> None:
    heard: list[Any] = []
    workspace = Workspace(repo, permission="ask", ask_leave=heard.append)
    (placeholder,) = PLACEHOLDER.findall(invoke(workspace, "read_file", target_file="config.py"))
    edit = {"file_path": "config.py", "old_string": f'API_KEY = "{placeholder}"', "new_string": "A"}
    planner = script(calls(("search_replace", edit)), DONE)
    repository_agent(watched(planner, []), workspace).invoke({"task": "edit"})
    assert f'-API_KEY = "{placeholder}"\n+A' in heard[0]["calls"][0]["preview"]
    assert API in (repo / "config.py").read_text()


def test_a_placeholder_that_was_made_up_is_refused(repo: Path) -> None:
    said = invoke(
        Workspace(repo), "write", file_path="n.py", content="hidden_secret_api_key_0123456789ab"
    )
    assert "no secret" in said
    assert not (repo / "n.py").exists()


def test_a_file_that_holds_such_a_text_itself_can_be_edited(repo: Path) -> None:
    text = "see hidden_secret_api_key_0123456789ab\n"
    (repo / "notes.md").write_text(text)
    workspace = Workspace(repo)
    invoke(workspace, "read_file", target_file="notes.md")
    invoke(workspace, "search_replace", file_path="notes.md", old_string=text, new_string=text * 2)
    assert (repo / "notes.md").read_text() == text * 2


def test_part_of_a_key_does_not_show_it(repo: Path) -> None:
    (repo / "deploy.txt").write_text(PEM)
    workspace = Workspace(repo)
    for offset in range(1, 5):
        shown = invoke(workspace, "read_file", target_file="deploy.txt", offset=offset, limit=1)
        assert not any(line in shown for line in KEY_LINES[:2])  # the third shows two bytes
    found = invoke(Workspace(repo), "grep", pattern=KEY_LINES[1][:8])
    assert "deploy.txt" in found
    assert KEY_LINES[1] not in found


def test_no_command_gets_a_secret_and_its_output_shows_none(repo: Path) -> None:
    workspace = Workspace(repo, permission="all")
    (placeholder,) = PLACEHOLDER.findall(invoke(workspace, "read_file", target_file="config.py"))
    run = {"description": "Look."}
    said = invoke(workspace, "run_terminal_command", command=f"echo {placeholder} > out", **run)
    assert said.startswith("exit: 0")
    assert (repo / "out").read_text().strip() == placeholder
    said = invoke(workspace, "run_terminal_command", command="cat .env config.py", **run)
    for secret in ("tiger7", "zQ8rT5nW2vK9xL4m", API):
        assert secret not in said
    assert "PORT=8080" in said


@pytest.mark.parametrize("name", [".env", "link", "id_rsa", "deploy/.env.production", "a.pem"])
def test_files_that_look_like_secrets_are_not_read_without_leave(repo: Path, name: str) -> None:
    (repo / "link").symlink_to(".env")
    (repo / "deploy").mkdir()
    for file in ("id_rsa", "deploy/.env.production", "a.pem"):
        (repo / file).write_text("PASSWORD=tiger7\n")
    for mode in ("plan", "ask", "edits"):
        workspace = Workspace(repo, permission=mode)  # type: ignore[arg-type]
        assert workspace.decide("read_file", {"target_file": name}).verdict == "ask"
        assert "refused" in invoke(workspace, "read_file", target_file=name)
        assert "PASSWORD" not in invoke(workspace, "grep", pattern="PASS")
        verdict = workspace.decide("run_terminal_command", {"command": f"cat {name}"}).verdict
        assert verdict == ("deny" if mode == "plan" else "ask")


def test_leave_shows_the_file_without_its_values(repo: Path) -> None:
    workspace = Workspace(repo, permission="edits")
    workspace.grant("read_file", {"target_file": ".env"})
    said = invoke(workspace, "read_file", target_file=".env")
    assert "DB_PASSWORD=hidden_secret_" in said
    assert "tiger7" not in said


def test_a_pipe_named_like_a_secret_is_not_waited_for(repo: Path) -> None:
    if hasattr(os, "mkfifo"):
        os.mkfifo(repo / "a.env")
    (repo / "b.env").mkdir()
    assert API not in invoke(Workspace(repo), "read_file", target_file="config.py")


# What leaves


def test_nothing_that_leaves_or_is_recorded_holds_a_secret(repo: Path, tmp_path: Path) -> None:
    (repo / "README.md").write_text(f"# App\nUse {SECRETS['github_token']} to log in.\n")
    (repo / "show.py").write_text("print(open('config.py').read()); raise SystemExit(1)\n")
    edit = {"file_path": "config.py", "old_string": "DEBUG = True", "new_string": "DEBUG = False"}
    planner = script(
        calls(("read_file", {"target_file": "config.py"})),
        calls(("search_replace", edit), ("grep", {"pattern": "KEY"})),
        DONE,
        DONE,
        DONE,
    )
    sent: list[str] = []
    workspace = Workspace(repo, permission="all")
    agent = repository_agent(
        watched(planner, sent), workspace, check="python show.py", journal_dir=tmp_path / "runs"
    )
    task = f"log in with {SECRETS['stripe_key']}"
    state = agent.invoke({"task": task}, {"configurable": {"thread_id": "t"}})
    outcome = Outcome.from_dict(state["outcome"])
    assert outcome.changed_files == ["config.py"]
    assert "DEBUG = False" in (repo / "config.py").read_text()
    journal = json.dumps(read_journal(tmp_path / "runs" / "t"))
    assert len(sent) >= 3
    for text in (*sent, journal):
        for secret in (API, SECRETS["github_token"], SECRETS["stripe_key"]):
            assert secret not in text
    for before, after in pairwise(sent):
        was, now = json.loads(before)["messages"], json.loads(after)["messages"]
        assert now[: len(was)] == was


def test_the_key_of_the_gateway_is_a_secret_as_well(repo: Path) -> None:
    key = "my-very-own-gateway-key"
    (repo / "notes.md").write_text(f"the key is {key}\n")
    sent: list[str] = []
    planner = script(calls(("read_file", {"target_file": "notes.md"})), DONE)
    model = watched(planner, sent, api_key=key)
    repository_agent(model, Workspace(repo)).invoke({"task": f"what is {key} for"})
    assert len(sent) == 2
    assert not any(key in text for text in sent)


def test_a_sweep_sends_no_secret_and_proves_quotes_of_hidden_lines(repo: Path) -> None:
    def planner(request: Any) -> Turn:
        said = str(request.messages[-1]["content"])
        if "<shard" not in said:
            return Turn(content="Done.")
        (placeholder,) = set(PLACEHOLDER.findall(said))
        quote = f'API_KEY = "{placeholder}"'
        finding = {
            "file": "config.py",
            "line": 2,
            "quote": quote,
            "severity": "high",
            "what": "key",
        }
        return Turn(tool_calls=(ToolCall("report_findings", {"findings": [finding], "notes": ""}),))

    sent: list[str] = []
    state = sweep_agent(watched(planner, sent), Workspace(repo, permission="plan")).invoke(
        {"task": "review"}
    )
    assert [each["line"] for each in state["outcome"]["findings"]] == [2]
    assert sent
    assert not any(API in text for text in sent)


def test_a_pack_hides_and_says_where(repo: Path) -> None:
    packed = pack(repo, "the key", 4_000)
    assert API not in packed.text
    assert [(each.path, each.line, each.kind) for each in packed.hidden] == [
        ("config.py", 2, "api_key")
    ]
    told = CliRunner().invoke(app, ["pack", "--repo", str(repo), "--explain", "--budget", "4000"])
    assert "config.py:2 api_key" in told.stderr
    assert API not in told.output
    whole = CliRunner().invoke(app, ["pack", "--repo", str(repo), "--explain"])
    assert "config.py:2 api_key" in whole.stderr
    assert API not in whole.output


def test_the_key_of_placeholders_is_for_its_user_alone(empty_environment: Path) -> None:
    Secrets().hide(API)
    files = list(empty_environment.rglob("placeholders.key"))
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_an_unknown_placeholder_says_what_to_do() -> None:
    with pytest.raises(ToolError, match="word for word"):
        Secrets().restore({"a": ["hidden_secret_token_0123456789ab"]})


def watched(
    planner: Callable[[ChatRequest], Turn], sent: list[str], **options: Any
) -> ChatGrokBuild:
    """A model on the embedded gateway; ``sent`` gets each body as it leaves."""

    class Watching(OfflineGateway):
        def handle(self, request: Request) -> Response:
            sent.append(request.body.decode())
            return super().handle(request)

    return offline_model(Watching(planner=planner), **options)


def script(*turns: Turn) -> Callable[[ChatRequest], Turn]:
    """A planner that answers with ``turns``."""
    waiting = iter(turns)
    return lambda request: next(waiting)


def calls(*named: tuple[str, dict[str, Any]]) -> Turn:
    return Turn(tool_calls=tuple(ToolCall(name, arguments) for name, arguments in named))
