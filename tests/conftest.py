"""Every test starts from an empty environment and keeps its state in a folder of its own."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

PREFIXES = ("GROK_", "XAI_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_")


@pytest.fixture(autouse=True)
def empty_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """No key, no gateway, no ``.env`` from the developer's machine reaches a test."""
    for name in list(os.environ):
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)
    state = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("GROK_STATE_DIR", str(state))
    monkeypatch.setenv("GROK_CACHE_DIR", str(state / "cache"))
    monkeypatch.setenv("GROK_CONFIG_DIR", str(state / "config"))
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))
    return state
