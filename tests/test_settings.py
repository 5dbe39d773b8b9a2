"""Three values move to another gateway; the key never prints; a wrong value names its variable."""

from decimal import Decimal
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from grok_agent import Settings, SettingsError
from grok_agent.errors import MissingKeyError
from grok_agent.folders import cache_folder


def test_defaults_are_xai_and_grok_build() -> None:
    settings = Settings.from_env(environ={})
    assert settings.base_url == "https://api.x.ai/v1"
    assert settings.model == "grok-build-0.1"


def test_three_values_move_to_another_gateway() -> None:
    environ = {
        "GROK_BASE_URL": " https://relay.example/v1/ ",
        "GROK_API_KEY": " sk-1 ",
        "GROK_MODEL": "grok-4.6",
    }
    settings = Settings.from_env(environ=environ)
    assert settings.base_url == "https://relay.example/v1"
    assert settings.require_key() == "sk-1"
    assert settings.model == "grok-4.6"


def test_xai_key_is_the_fallback() -> None:
    assert Settings.from_env(environ={"XAI_API_KEY": "b"}).require_key() == "b"
    both = {"XAI_API_KEY": "b", "GROK_API_KEY": "a"}
    assert Settings.from_env(environ=both).require_key() == "a"
    blank = {"XAI_API_KEY": "b", "GROK_API_KEY": "  "}
    assert Settings.from_env(environ=blank).require_key() == "b"


def test_env_file_fills_what_the_environment_leaves_open(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("GROK_API_KEY=from-file\nGROK_MODEL=file-model\n", encoding="utf-8")
    settings = Settings.from_env(environ={"GROK_MODEL": "mine"}, env_file=env_file)
    assert settings.require_key() == "from-file"
    assert settings.model == "mine"


def test_a_key_is_not_sent_where_only_a_file_points(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("GROK_BASE_URL=https://elsewhere.example/v1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="a key is not sent"):
        Settings.from_env(environ={"GROK_API_KEY": "mine"}, env_file=env_file)
    env_file.write_text(
        "GROK_BASE_URL=https://relay.example/v1\nGROK_API_KEY=its-own\n", encoding="utf-8"
    )
    with pytest.raises(SettingsError, match="a key is not sent"):
        Settings.from_env(environ={"XAI_API_KEY": "mine"}, env_file=env_file)
    settings = Settings.from_env(environ={}, env_file=env_file)
    assert (settings.base_url, settings.require_key()) == ("https://relay.example/v1", "its-own")


def test_the_key_never_prints() -> None:
    settings = Settings.from_env(environ={"GROK_API_KEY": "sk-secret"})
    for text in (repr(settings), str(settings), settings.model_dump_json(), f"{settings}"):
        assert "sk-secret" not in text


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"GROK_BASE_URL": "api.x.ai/v1"}, "GROK_BASE_URL cannot be used: 'api.x.ai/v1' is no"),
        ({"GROK_BASE_URL": "ftp://x/v1"}, "GROK_BASE_URL"),
        ({"GROK_BASE_URL": "http://"}, "GROK_BASE_URL"),
        ({"GROK_BASE_URL": "http://[::1"}, "GROK_BASE_URL"),
        ({"GROK_MAX_STEPS": "many"}, "GROK_MAX_STEPS"),
        ({"GROK_MAX_USD": "-1"}, "GROK_MAX_USD"),
        ({"GROK_REQUEST_TIMEOUT_S": "0"}, "GROK_REQUEST_TIMEOUT_S"),
        ({"GROK_MAX_USD": "nan"}, "GROK_MAX_USD"),
    ],
)
def test_a_wrong_value_names_its_variable(environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ=environ)
    assert words in str(caught.value)
    assert str(caught.value).endswith("the option.")


def test_no_key_names_both_ways_out() -> None:
    with pytest.raises(MissingKeyError, match=r"GROK_API_KEY.*--offline"):
        Settings.from_env(environ={}).require_key()


def test_settings_are_frozen() -> None:
    settings = Settings.from_env(environ={})
    with pytest.raises(ValueError, match="frozen"):
        settings.model = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("in_file", "environ", "given", "rate"),
    [
        ("", {"GROK_CURRENCY_RATE": "7.1"}, {}, "7.1"),
        ("", {"GROK_CURRENCY_RATE": "7.1"}, {"currency": "cny "}, "7.1"),
        ("", {"GROK_CURRENCY_RATE": "7.1"}, {"currency": "EUR"}, None),
        ("", {"GROK_CURRENCY_RATE": "7.1"}, {"currency": "EUR", "currency_rate": "0.9"}, "0.9"),
        ("", {"GROK_CURRENCY": "EUR", "GROK_CURRENCY_RATE": "0.9"}, {"currency": "EUR"}, "0.9"),
        ("", {"GROK_CURRENCY": "EUR", "GROK_CURRENCY_RATE": "0.9"}, {"currency": "CNY"}, None),
        ("GROK_CURRENCY_RATE=7.1", {"GROK_CURRENCY": "EUR"}, {}, None),
        ("GROK_CURRENCY=EUR", {"GROK_CURRENCY_RATE": "0.9"}, {}, "0.9"),
    ],
)
def test_a_rate_belongs_to_the_currency_beside_it(
    tmp_path: Path, in_file: str, environ: dict[str, str], given: dict[str, str], rate: str | None
) -> None:
    (tmp_path / ".env").write_text(in_file)
    found = Settings.from_env(environ=environ, env_file=tmp_path / ".env", **given)
    assert found.currency_rate == (None if rate is None else Decimal(rate))


def test_only_the_environment_says_where_caches_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("GROK_CACHE_DIR=/from/a/repository\n")
    monkeypatch.setenv("GROK_CACHE_DIR", f" {tmp_path} ")
    assert cache_folder() == tmp_path
    monkeypatch.setenv("GROK_CACHE_DIR", "")
    assert cache_folder() == user_cache_path("grok-agent", appauthor=False)
