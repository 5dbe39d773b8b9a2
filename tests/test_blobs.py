"""Contents by digest."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_agent.blobs import Blobs


@settings(max_examples=30)
@given(st.binary(max_size=2_000))
def test_what_is_put_comes_back(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    blobs = Blobs(tmp_path_factory.mktemp("blobs"))
    assert blobs.get(blobs.put(content)) == content


def test_one_content_is_one_file(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    assert blobs.put(b"same" * 1000) == blobs.put(b"same" * 1000)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert files[0].stat().st_size < 100


def test_a_damaged_or_missing_content_is_said_to_be_missing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"text")
    (tmp_path / digest[:2] / digest[2:]).write_bytes(b"not compressed")
    for name in (digest, "0" * 64, "../../etc/passwd", ""):
        with pytest.raises(KeyError):
            blobs.get(name)
