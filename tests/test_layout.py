"""The layout holds: packages are listed, imports go downward, the light names stay light."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {"grok_agent": ROOT / "grok_agent", "grok_agent.tools": ROOT / "tools"}
SOURCES["grok_agent.graphs"] = ROOT / "graphs"

FLOORS = (
    ("blobs", "errors", "folders", "settings", "profile"),
    ("gateway", "chat_model"),
    (
        *("context", "vision", "prompts", "journal", "library"),
        *(
            "large_texts",
            "frames",
            "thread_file",
            "checkpoints",
            "on_threads",
            "work_log",
            "run_lock",
        ),
    ),
    ("tools",),
    ("graphs",),
    (
        *("offline", "console", "running", "doctor", "report", "usage_report", "conversion"),
        *("repository_runs", "run_list", "started", "librarian", "prompting"),
        *("plan_view", "running_bill", "typed_lines", "verification_words"),
        *("commands", "cli", "__main__"),
    ),
)
"""Rooms by floor, lowest first; a file imports from its own floor or from those below it."""

UPWARD = {
    ("chat_model", "context"): "grok_agent.context.token",  # tokens, token_ratio
    ("chat_model", "vision"): "grok_agent.vision.reencode",
}
"""Exceptions: the chat model counts tokens, and makes pictures smaller for a gateway that finds a
request too large. What does it knows nothing of models."""


def modules() -> dict[str, Path]:
    found = {}
    for package, folder in SOURCES.items():
        for path in folder.rglob("*.py"):
            inside = path.relative_to(folder)
            if package == "grok_agent" and inside.parts[0] in ("tools", "graphs"):
                continue  # the links for editors
            parts = inside.with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = path
    return found


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def floor(module: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if room(module) in rooms)


def imports(path: Path) -> set[str]:
    """Modules of this package that a file imports at run time (not under TYPE_CHECKING)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("grok_agent.")}


def test_every_package_is_listed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    inits = {name for name, path in modules().items() if path.name == "__init__.py"}
    assert set(listed) == inits


def test_the_links_are_relative() -> None:
    for name in ("tools", "graphs"):
        link = ROOT / "grok_agent" / name
        assert not link.is_symlink() or str(link.readlink()) == f"../{name}"


@pytest.mark.parametrize("module", sorted(name for name in modules() if room(name)))
def test_imports_go_downward(module: str) -> None:
    for imported in imports(modules()[module]):
        if allowed := UPWARD.get((room(module), room(imported))):
            assert imported.startswith(allowed)
            continue
        assert floor(imported) <= floor(module), f"{module} imports {imported} from a floor above"


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import grok_agent", ("langchain_core", "pydantic", "typer", "numpy", "httpx2")),
        ("import grok_agent.errors, grok_agent.profile", ("langchain_core", "pydantic")),
        ("import grok_agent.cli", ("langchain_core", "langgraph", "openai", "numpy", "PIL")),
        ("import grok_agent.tools", ("numpy", "PIL", "langgraph")),
    ],
)
def test_light_imports_stay_light(statement: str, unwanted: tuple[str, ...]) -> None:
    code = f"{statement}; import sys; print(*[m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_can_be_imported() -> None:
    import grok_agent

    for name in grok_agent.__all__:
        assert getattr(grok_agent, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        grok_agent.nothing  # noqa: B018
