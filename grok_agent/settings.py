"""Where the gateway is, which key and model to use, and the limits: the one reader of the
environment and of ``.env``, but for the place of caches (:mod:`grok_agent.folders`)."""

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from platformdirs import user_state_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from grok_agent.errors import MissingKeyError, SettingsError
from grok_agent.profile import GROK_BUILD

VARIABLES: dict[str, tuple[str, ...]] = {
    "base_url": ("GROK_BASE_URL",),
    "api_key": ("GROK_API_KEY", "XAI_API_KEY"),
    "model": ("GROK_MODEL",),
    "connect_timeout_s": ("GROK_CONNECT_TIMEOUT_S",),
    "request_timeout_s": ("GROK_REQUEST_TIMEOUT_S",),
    "answer_timeout_s": ("GROK_ANSWER_TIMEOUT_S",),
    "max_wait_s": ("GROK_MAX_WAIT_S",),
    "max_retries": ("GROK_MAX_RETRIES",),
    "max_usd": ("GROK_MAX_USD",),
    "max_steps": ("GROK_MAX_STEPS",),
    "max_seconds": ("GROK_MAX_SECONDS",),
    "max_total_tokens": ("GROK_MAX_TOTAL_TOKENS",),
    "max_usd_per_day": ("GROK_MAX_USD_PER_DAY",),
    "currency": ("GROK_CURRENCY",),
    "currency_rate": ("GROK_CURRENCY_RATE",),
    "state_dir": ("GROK_STATE_DIR",),
    "library": ("GROK_LIBRARY",),
}
"""Environment variables by field; the first that is set and not blank wins."""


class Settings(BaseModel):
    """Frozen settings. Three values move to another gateway: base_url, api_key, model.

    Times are in seconds, money in US dollars; ``max_usd_per_day`` counts days in UTC, and
    ``currency_rate`` is the price of one dollar in ``currency``. The key is held as a secret and
    never printed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = "https://api.x.ai/v1"
    api_key: SecretStr | None = None
    model: str = Field(default=GROK_BUILD.name, min_length=1)
    connect_timeout_s: float = Field(default=10, gt=0)
    request_timeout_s: float = Field(default=900, gt=0)
    answer_timeout_s: float = Field(default=1800, gt=0)
    max_wait_s: float = Field(default=300, ge=0)
    max_retries: int | None = Field(default=None, ge=0)
    max_usd: float = Field(default=1.0, gt=0)
    max_steps: int = Field(default=60, gt=0)
    max_seconds: float = Field(default=1800, gt=0)
    max_total_tokens: int | None = Field(default=None, gt=0)
    max_usd_per_day: float | None = Field(default=None, gt=0)
    currency: str = "CNY"
    currency_rate: Decimal | None = Field(default=None, gt=0)
    state_dir: Path = Field(default_factory=lambda: user_state_path("grok-agent", appauthor=False))

    library: str | None = None

    @property
    def library_place(self) -> str:
        """The prompt library's file or address: ``library``, else a file in ``state_dir``."""
        return self.library or str(self.state_dir / "library.sqlite3")

    @field_validator("base_url")
    @classmethod
    def _is_http_url(cls, url: str) -> str:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http(s) URL")
        return url.strip().rstrip("/")

    @field_validator("currency")
    @classmethod
    def _is_currency(cls, name: str) -> str:
        code = _code(name)
        if len(code) != 3 or not (code.isascii() and code.isalpha()):
            raise ValueError(f"{name!r} is no code of three letters, such as CNY")
        return code

    @classmethod
    def from_env(
        cls,
        *,
        environ: Mapping[str, str] | None = None,
        env_file: Path | None = Path(".env"),
        **overrides: Any,
    ) -> Self:
        """Read ``environ`` (default: the process environment), then ``env_file`` for what is unset.

        ``overrides`` that are not None win over both. Raises :class:`SettingsError` for a value
        that cannot be used, naming the variable; the caller mends it.

        A ``.env`` file can be part of somebody else's repository, so a key from the process
        environment is never sent to an address that only the file names. A rate belongs to the
        currency beside it: where another currency wins, the rate does not come along.
        """
        environ = os.environ if environ is None else environ
        in_file = dotenv_values(env_file) if env_file and env_file.is_file() else {}
        given = {name: value for name, value in overrides.items() if value is not None}
        from_process = _pick(environ)
        from_file = _pick(in_file)
        from_file.pop("library", None)  # nor does such a file say where prompts are sent to
        values = _merged(from_file, from_process, given)
        address_from_file = "base_url" in from_file.keys() - from_process.keys() - given.keys()
        if address_from_file and "api_key" in given.keys() | from_process.keys():
            raise SettingsError(
                f"{env_file} sets GROK_BASE_URL, but the key comes from the environment, and a"
                " key is not sent to an address that a file in this folder names.",
                next_step="Set both in the same place, or pass --base-url.",
            )
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingsError(
                _explain(error), next_step="Correct it in the environment, .env or the option."
            ) from None

    def require_key(self) -> str:
        """The API key in clear, for the one place that sends it; raises MissingKeyError."""
        if self.api_key is None or not self.api_key.get_secret_value().strip():
            raise MissingKeyError(
                "There is no API key.",
                next_step="Set GROK_API_KEY (or XAI_API_KEY) in the environment or in .env,"
                " or add --offline to use the embedded gateway.",
            )
        return self.api_key.get_secret_value().strip()


def _pick(source: Mapping[str, str | None]) -> dict[str, str]:
    found = {}
    for field, names in VARIABLES.items():
        for name in names:
            if (value := source.get(name)) and value.strip():
                found[field] = value.strip()
                break
    return found


def _merged(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """All values, those of later sources before those of earlier ones."""
    values: dict[str, Any] = {"currency": Settings.model_fields["currency"].default}
    for source in sources:
        if _code(source.get("currency", values["currency"])) != _code(values["currency"]):
            values.pop("currency_rate", None)
        values |= source
    return values


def _code(currency: object) -> str:
    return str(currency).strip().upper()


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = str(first["loc"][0])
    names = VARIABLES.get(field, (field,))
    return f"{names[0]} cannot be used: {first['msg'].removeprefix('Value error, ')}."
