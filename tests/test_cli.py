"""The command line as a person uses it: what it prints, what it changes, its exit codes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from grok_agent.cli import app
from grok_agent.library import PromptLibrary
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.server import running

PORTRAIT = Path(__file__).resolve().parent.parent / "examples" / "portrait.jpg"
VERBS = ("refactor", "tests", "review", "script", "ask")


def run(*arguments: str | Path, stdin: str | None = "") -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "shapes.py").write_text("def area(w, h):\n    return w * h\n\n\nprint(area(2, 3))\n")
    (root / "use.py").write_text("from shapes import area\n\nassert area(1, 1) == 1\n")
    (root / "README.md").write_text("# Shapes\n\nAreas of rectangles.\n")
    return root


@pytest.mark.parametrize(
    "verb", [*VERBS, "prompt", "features", "models", "doctor", "usage", "serve-offline"]
)
def test_help_of_each_command_has_an_example(verb: str) -> None:
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert "grok-agent" in result.stdout or "GROK_BASE_URL" in result.stdout


def test_rename_from_the_shell(repository: Path) -> None:
    task = "rename the function area to surface"
    check = "python -B use.py"
    result = run("refactor", "--offline", "--repo", repository, "--check", check, task)
    assert result.exit_code == 0, result.output
    assert "def surface(w, h)" in (repository / "shapes.py").read_text()
    assert "import surface" in (repository / "use.py").read_text()
    assert "+def surface(w, h):" in result.stdout
    assert "not grok-build-0.1" in result.stderr
    assert "would have cost" in result.stderr
    journal = result.stderr.split("journal: ")[1].split("\n")[0]
    assert Path(journal).is_file()


def test_a_check_that_fails_is_exit_1_and_its_output_is_shown(repository: Path) -> None:
    check = "python -c 'import sys; sys.exit(\"shapes are wrong\")'"
    task = "rename the function area to surface"
    result = run("refactor", "--offline", "--repo", repository, "--check", check, task)
    assert result.exit_code == 1
    assert "shapes are wrong" in result.stderr


def test_json_is_one_object(repository: Path) -> None:
    result = run("ask", "--offline", "--repo", repository, "--json", "what is this repository")
    assert result.exit_code == 0, result.output
    outcome = json.loads(result.stdout)
    assert outcome["status"] == "done"
    assert "Areas of rectangles" in outcome["summary"]
    assert outcome["cost"]["basis"] == "offline"


def test_jsonl_ends_with_end(repository: Path) -> None:
    result = run("ask", "--offline", "--repo", repository, "--jsonl", "what is this repository")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["start", "end"]
    assert events[-1]["outcome"]["status"] == "done"


def test_jsonl_ends_with_end_also_when_nothing_started() -> None:
    result = run("ask", "--jsonl", "--repo", "nowhere", "--offline", "what is this")
    assert result.exit_code == 2
    last = json.loads(result.stdout.splitlines()[-1])
    assert (last["event"], last["outcome"]["status"]) == ("end", "failed")


def test_the_task_comes_from_standard_input(repository: Path) -> None:
    for arguments in ((), ("-",)):
        result = run(
            "ask", "--offline", "--repo", repository, *arguments, stdin="what is this repository\n"
        )
        assert result.exit_code == 0, result.output
        assert "Areas of rectangles" in result.stdout


@pytest.mark.parametrize("verb", [*VERBS, "prompt"])
def test_a_task_of_no_characters(verb: str) -> None:
    for task in ("", "  \n"):
        result = run(verb, "--offline", stdin=task)
        assert result.exit_code == 2
        assert "The task is empty." in result.stderr
        assert run(verb, "--offline", task).exit_code == 2


def test_no_key_and_not_offline(repository: Path) -> None:
    result = run("refactor", "--repo", repository, "rename the function area to surface")
    assert result.exit_code == 3
    assert "GROK_API_KEY" in result.stderr
    assert "--offline" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("url", ["api.x.ai", "file:///etc/passwd", "https://"])
def test_a_base_url_that_is_no_url(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROK_API_KEY", "k")
    result = run("models", "--base-url", url)
    assert result.exit_code == 2
    assert "is no http(s) URL" in result.stderr


@pytest.mark.parametrize(
    ("kind", "words"),
    [("missing", "missing"), ("a file", "not a folder"), ("empty", "empty folder")],
)
def test_a_repository_that_is_none(kind: str, words: str, tmp_path: Path) -> None:
    repo = tmp_path / kind
    if kind == "a file":
        repo.write_text("text")
    elif kind == "empty":
        repo.mkdir()
    result = run("refactor", "--offline", "--repo", repo, "rename the function a to b")
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_plan_permission_changes_nothing(repository: Path) -> None:
    before = (repository / "shapes.py").read_bytes()
    task = "rename the function area to surface"
    result = run("refactor", "--offline", "--permission", "plan", "--repo", repository, task)
    assert result.exit_code == 0, result.output
    assert "Nothing was changed" in result.stdout
    assert (repository / "shapes.py").read_bytes() == before


def test_a_command_that_nobody_can_allow_is_exit_3(repository: Path) -> None:
    (repository / "untidy.py").write_text("import os\n")
    result = run("refactor", "--offline", "--repo", repository, "tidy the code")
    assert result.exit_code == 3
    assert "--permission" in result.stderr + result.stdout
    assert (repository / "untidy.py").read_text() == "import os\n"


def test_tidy_with_leave_runs_ruff(repository: Path) -> None:
    (repository / "untidy.py").write_text("import os\n")
    arguments = ("--offline", "--permission", "all", "--repo", repository)
    result = run("refactor", *arguments, "tidy the code")
    assert result.exit_code == 0, result.output
    assert "import os" not in (repository / "untidy.py").read_text()
    assert "-import os" in result.stdout


def test_review_reports_file_and_line_and_changes_nothing(repository: Path) -> None:
    (repository / "untidy.py").write_text("import os\n")
    result = run("review", "--offline", "--repo", repository, "review this")
    assert result.exit_code == 0, result.output
    assert "untidy.py:1" in result.stdout
    assert (repository / "untidy.py").read_text() == "import os\n"


@pytest.mark.parametrize(("option", "code"), [("--max-steps=1", 5), ("--max-usd=0.000001", 4)])
def test_budgets_have_their_own_codes(option: str, code: int, repository: Path) -> None:
    task = "rename the function area to surface"
    result = run("refactor", "--offline", option, "--repo", repository, task)
    assert result.exit_code == code, result.output


def test_wrong_words_are_usage_errors(repository: Path) -> None:
    assert (
        run("refactor", "--offline", "--permission", "root", "x", "--repo", repository).exit_code
        == 2
    )
    assert run("refactor", "--max-steps", "0", "x").exit_code == 2
    assert run("fly").exit_code == 2
    assert run("ask", "--offline", "--base-url", "http://x/v1", "x").exit_code == 2


def test_control_characters_are_shown_not_obeyed(repository: Path) -> None:
    (repository / "README.md").write_text("# Shapes\n\n\x1b]0;owned\x07\x1b[31mred\n")
    result = run("ask", "--offline", "--repo", repository, "what is this repository")
    assert result.exit_code == 0, result.output
    assert "\x1b]0;" not in result.output
    assert "\x07" not in result.output


def test_prompt_from_words_is_saved(empty_environment: Path) -> None:
    result = run("prompt", "--offline", "a red fox in snow, 85mm, no text, 电影感")
    assert result.exit_code == 0, result.output
    assert "fox" in result.stdout
    assert "狐" in result.stdout
    with PromptLibrary(empty_environment / "library.sqlite3") as library:
        assert [record.id for record in library.recent(5)] == [1]


def test_prompts_in_variants_for_several_programs(tmp_path: Path, empty_environment: Path) -> None:
    out = tmp_path / "prompts.jsonl"
    result = run(
        *("prompt", "--offline", "--preset", "portrait", "--n", "2", "--no-save"),
        *("--target", "a1111", "--target", "grok-imagine", "--out", out, "a fox, 电影感"),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.count("# a1111") == 2
    assert "Variant 2" in result.stdout
    assert "rewritten negative: said as a wish" in result.stderr
    first, second = (json.loads(line) for line in out.read_text(encoding="utf-8").splitlines())
    assert first["light"] != second["light"]
    assert first["subject"] == second["subject"]
    assert not (empty_environment / "library.sqlite3").exists()


@pytest.mark.parametrize(
    "options", [("--preset", "x"), ("--target", "x"), ("--n", "99"), ("--preset", "moodboard")]
)
def test_a_prompt_that_cannot_be_asked_for_costs_nothing(options: tuple[str, ...]) -> None:
    result = run("prompt", "--offline", *options, "a fox")
    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.output


def test_prompt_from_a_picture_uses_its_measured_colours() -> None:
    result = run("prompt", "--offline", "--json", "--image", PORTRAIT, "soft portrait")
    assert result.exit_code == 0, result.output
    prompt = json.loads(result.stdout)["prompt"]
    assert prompt["palette"]
    assert "measured" in {keyword["source"] for keyword in prompt["positive"]}
    assert run("prompt", "--offline", "--image", PORTRAIT).exit_code == 0


@pytest.mark.parametrize("verb", ["features", "prompt"])
@pytest.mark.parametrize("content", [b"", b"no picture", PORTRAIT.read_bytes()[:9000]])
def test_a_picture_that_is_none(
    verb: str, content: bytes, tmp_path: Path, empty_environment: Path
) -> None:
    picture = tmp_path / "bad.jpg"
    picture.write_bytes(content)
    arguments = (picture,) if verb == "features" else ("--image", picture, "a portrait")
    result = run(verb, "--offline", *arguments)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert list(empty_environment.iterdir()) == []


def test_features_for_people_and_machines() -> None:
    result = run("features", PORTRAIT)
    assert result.exit_code == 0
    assert "512" in result.stdout
    measured = json.loads(run("features", "--json", PORTRAIT).stdout)
    assert measured["palette"]["available"]


def test_models_and_version() -> None:
    result = run("models", "--offline")
    assert "grok-build-0.1  (in use)" in result.stdout
    assert "offline-planner" in json.loads(run("models", "--offline", "--json").stdout)
    assert run("version").stdout.startswith("grok-agent 0.")


class Html(BaseHTTPRequestHandler):
    """A web page where a gateway was expected."""

    def do_GET(self) -> None:
        page = b"<!DOCTYPE html><title>Welcome</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def html_server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Html) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.enable_socket
def test_a_base_url_that_answers_html(
    html_server: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROK_API_KEY", "k")
    for arguments in (("models",), ("ask", "--repo", repository, "what is this repository")):
        result = run(*arguments, "--base-url", html_server)
        assert result.exit_code == 1, result.output
        assert "/v1" in result.stderr


@pytest.mark.enable_socket
def test_an_unknown_model_is_named_with_what_there_is(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROK_API_KEY", "k")
    with running(OfflineGateway()) as url:
        result = run(
            "ask", "--base-url", url, "--model", "grok-9", "--repo", repository, "what is this"
        )
    assert result.exit_code == 1, result.output
    assert "grok-9" in result.stderr
    assert "grok-build-0.1" in result.stderr


@pytest.mark.enable_socket
def test_a_wrong_key_is_exit_3(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROK_API_KEY", "wrong-key-of-some-length")
    with running(OfflineGateway(keys={"right"})) as url:
        result = run("ask", "--base-url", url, "--repo", repository, "what is this")
    assert result.exit_code == 3, result.output
    assert "wrong-key-of-some-length" not in result.output


@pytest.mark.enable_socket
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one child")
def test_interrupted_is_130(repository: Path, empty_environment: Path) -> None:
    with running(OfflineGateway(faults=[Fault("hang", delay_s=30)])) as url:
        command = [sys.executable, "-m", "grok_agent", "ask", "--jsonl", "--base-url", url]
        child = subprocess.Popen(
            [*command, "--repo", str(repository), "what is this"],
            env={**os.environ, "GROK_API_KEY": "k"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["event"] == "start"
        child.stdout.readline()
        time.sleep(0.5)  # the request is under way
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=20)
    assert child.returncode == 130, errors
    assert json.loads(output.splitlines()[-1])["event"] == "end"
    assert "Interrupted" in errors
