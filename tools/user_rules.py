"""The rules that a user keeps for all runs, in one file of their own."""

import tomllib
from pathlib import Path
from typing import Any

from grok_agent.errors import SettingsError
from grok_agent.folders import config_folder
from grok_agent.tools.rules import Rules

FILE_NAME = "permissions.toml"
LISTS = ("deny", "ask", "allow")


def user_rules(file: Path | None = None) -> Rules:
    """The rules in ``file``, by default ``permissions.toml`` in the user's configuration folder.

    It holds up to three lists of texts: ``deny``, ``ask`` and ``allow``. Where there is no file,
    there are no rules. Nothing in a repository is looked at. Raises SettingsError for a file that
    cannot be read as such: rules that were meant to hold must not be missing in silence.
    """
    file = file or config_folder() / FILE_NAME
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return Rules()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{file} cannot be read: {error}.", next_step="Correct or remove it."
        ) from error
    for name, value in found.items():
        if name not in LISTS or not _is_list_of_texts(value):
            raise SettingsError(
                f"{file}: {name} is not understood.",
                next_step=f"It may hold {', '.join(LISTS)}: lists of rules, each between quotes.",
            )
    return Rules.of(**found)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
