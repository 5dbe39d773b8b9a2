"""Token counts of CLIP's text encoder."""

import gzip
import hashlib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_agent.prompts.clip import CHUNK_TOKENS, clip_tokens


def test_the_merges_are_those_that_clip_uses() -> None:
    packed = files("grok_agent.prompts").joinpath("clip_merges.txt.gz").read_bytes()
    digest = hashlib.sha256(gzip.decompress(packed)).hexdigest()
    assert digest in files("grok_agent.prompts").joinpath("NOTICE.txt").read_text()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a photo of a cat", 5),
        ("A PHOTO of a Cat", 5),
        ("it's 2026", 6),  # it | 's | each digit
        ("masterpiece, best quality", 4),
        ("<|endoftext|>", 1),
    ],
)
def test_counts_as_clip_does(text: str, tokens: int) -> None:
    assert clip_tokens(text).tokens == tokens


def test_chinese_costs_more_than_two_tokens_a_character() -> None:
    text = "一位三十岁女性的写实肖像，柔和的窗光，浅景深，胶片颗粒"
    assert clip_tokens(text).tokens > 2 * len(text)


def test_says_what_falls_off_in_the_writers_own_letters() -> None:
    fitting = ", ".join(["Red"] * 37)  # 37 words and 36 commas: 73 tokens
    said = clip_tokens(f"{fitting}, green, Blue Sky")
    assert (said.tokens, said.chunks, said.lost) == (78, 2, "Blue Sky")


def test_a_long_chinese_run_is_cut_between_characters() -> None:
    text = "肖" * 80
    said = clip_tokens(text)
    assert said.lost
    assert text.endswith(said.lost)


@given(st.text(max_size=200))
def test_any_text_has_a_count(text: str) -> None:
    said = clip_tokens(text)
    assert said.chunks == -(-said.tokens // CHUNK_TOKENS)
    assert bool(said.lost) <= (said.tokens > CHUNK_TOKENS)
