"""What a chat model was not given comes from the settings, under one name each."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from grok_agent.gateway.client import sendable_key
from grok_agent.settings import Settings

_SPELLINGS = {
    "model_name": "model",
    "openai_api_key": "api_key",
    "openai_api_base": "base_url",
    "request_timeout": "timeout",
}
"""LangChain's long names for fields, as they come back when a saved model is loaded."""

FROM_SETTINGS = {
    "base_url": "base_url",
    "api_key": "api_key",
    "model": "model",
    "timeout": "request_timeout_s",
    "connect_timeout_s": "connect_timeout_s",
    "answer_timeout_s": "answer_timeout_s",
    "max_wait_s": "max_wait_s",
    "max_retries": "max_retries",
    "max_usd_per_day": "max_usd_per_day",
    "state_dir": "state_dir",
}
"""What is read from the settings where it is not given, under the name that it has there."""

MAY_BE_NONE = {"max_retries", "max_usd_per_day"}
"""Those in which None says something: without a limit."""


def fill(values: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a chat model, completed by :meth:`Settings.from_env`.

    The environment is not read when nothing is missing. Raises SettingsError for a value that
    cannot be used, MissingKeyError without a key.
    """
    values = {_SPELLINGS.get(name, name): value for name, value in values.items()}
    plain = {
        name: values[name]
        for name in FROM_SETTINGS
        if isinstance(values.get(name), str | int | float | SecretStr | Path)
    }  # a function for the key, or a time-out of another kind, is the parent's to judge
    given = {field: plain.get(name) for name, field in FROM_SETTINGS.items()}
    unsaid = {
        name
        for name in FROM_SETTINGS
        if plain.get(name) is None and not (name in MAY_BE_NONE and name in values)
    }
    if unsaid:
        settings = Settings.from_env(**given)
    else:
        settings = Settings.from_env(environ={}, env_file=None, **given)
    for name, field in FROM_SETTINGS.items():
        if name in plain or values.get(name) is None:
            values[name] = getattr(settings, field)
    if isinstance(values["api_key"], SecretStr | None):
        values["api_key"] = SecretStr(sendable_key(settings))
    return values
