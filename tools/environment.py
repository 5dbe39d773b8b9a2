"""The environment that a command gets: the caller's, without keys."""

import os
import re
import sys
import sysconfig
from collections.abc import Collection, Mapping
from pathlib import Path

from grok_agent.errors import SettingsError
from grok_agent.settings import Settings

SECRET_NAME = re.compile(
    r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|COOKIE|AUTH", re.IGNORECASE
)
OTHERS_LEFT_OUT = re.compile(
    r"^(GROK|XAI|OPENAI|LANGSMITH|LANGCHAIN|RUFF)_"
    r"|^(DBUS|SSH|GPG)_",  # ways to talk to what holds keys
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@"  # a URL with a password
    r"|\b(sk|xai|gsk|pk|rk)-[\w-]{16}|\bgh[pousr]_\w{20}|\bgithub_pat_\w{20}|\bglpat-[\w-]{20}"
    r"|\bxox[abpr]-[\w-]{10}|\bA[KS]IA[A-Z0-9]{16}\b|\bAIza[\w-]{30}|\beyJ[\w-]{10,}\.eyJ[\w-]{10}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY",
)
LEAST_SECRET = 8  # characters; shorter values stand in others by chance


def command_environment(environ: Mapping[str, str], box: Path) -> dict[str, str]:
    """``environ`` for a command: without keys and passwords, the running Python first on PATH.

    Left out is what is named like a secret, looks like one, or holds the value of one, be it from
    another variable or from the settings. Temporary files and caches go to ``box``, and Python
    writes no bytecode, so that running code leaves none of this in the workspace.
    """
    secrets = _secret_values(environ)
    kept = {name: value for name, value in environ.items() if not _is_secret(name, value, secrets)}
    path = [folder for folder in kept.get("PATH", os.defpath).split(os.pathsep) if folder]
    first = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    temporary = str(box / "tmp")
    return kept | {
        "PATH": os.pathsep.join(dict.fromkeys([*first, *filter(os.path.isabs, path)])),
        "TMPDIR": temporary,
        "TMP": temporary,
        "TEMP": temporary,
        "XDG_CACHE_HOME": str(box / "cache"),
        "npm_config_cache": str(box / "cache" / "npm"),
        "npm_config_userconfig": os.devnull,
        "PYTHONDONTWRITEBYTECODE": "1",
        "RUFF_CACHE_DIR": str(box / "ruff"),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_PAGER": "cat",
        "PAGER": "cat",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }


def _secret_values(environ: Mapping[str, str]) -> set[str]:
    values = {
        value.strip()
        for name, value in environ.items()
        if SECRET_NAME.search(name) and not Path(value).exists()
    }
    try:
        key = Settings.from_env().api_key
    except SettingsError:
        key = None
    if key:
        values.add(key.get_secret_value().strip())
    return {value for value in values if len(value) >= LEAST_SECRET}


def _is_secret(name: str, value: str, secrets: Collection[str]) -> bool:
    return bool(
        SECRET_NAME.search(name)
        or OTHERS_LEFT_OUT.search(name)
        or SECRET_VALUE.search(value)
        or any(secret in value for secret in secrets)
    )
