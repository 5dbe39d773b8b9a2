"""Where caches, records and the user's own rules lie; apart from the settings, which take longer to
load than a cached answer. Nothing here is read from ``.env``: a file in somebody else's repository
does not say where to write, nor what is allowed."""

import os
from pathlib import Path

RUNS_FOLDER, UNDOS_FOLDER = "runs", "undos"
"""Folders, in the state folder, with the records of runs and of what was taken back."""


def cache_folder() -> Path:
    """The folder of what can be worked out again: GROK_CACHE_DIR, else the user's cache folder."""
    from platformdirs import user_cache_path

    given = os.environ.get("GROK_CACHE_DIR", "").strip()
    return Path(given) if given else user_cache_path("grok-agent", appauthor=False)


def config_folder() -> Path:
    """The folder of the user's own rules: GROK_CONFIG_DIR, else the user's configuration folder."""
    from platformdirs import user_config_path

    given = os.environ.get("GROK_CONFIG_DIR", "").strip()
    return Path(given) if given else user_config_path("grok-agent", appauthor=False)
