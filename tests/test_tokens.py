import gzip
import hashlib
import itertools
import subprocess
import sys
import threading
from base64 import b64encode
from importlib.resources import files
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from grok_agent.context import tokens
from grok_agent.context.tokens import count, count_messages, count_tools, image_tokens


def test_the_vocabulary_is_the_published_file() -> None:
    packed = files("grok_agent.context").joinpath("o200k_base.tiktoken.gz").read_bytes()
    vocabulary = gzip.decompress(packed)
    assert hashlib.sha256(vocabulary).hexdigest() == (
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
    )
    ranks = [int(rank) for rank in vocabulary.split()[1::2]]
    assert ranks == list(range(len(ranks)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Published: OpenAI's cookbook on counting tokens, and xAI's page on tokens.
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 8),
        ("tiktoken is great!", 6),
        ("Flint", 2),
        ("Michigan", 1),
        # Agreed on by three independent implementations: tiktoken, toktok and bpe-openai.
        ("", 0),
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("def f(x: int) -> int:\n    return x + 1\n", 16),
        ("一位年轻女子站在雨中的霓虹街道上，电影感光影。", 20),
        ("네온 거리의 비 오는 밤", 7),
        ("Привет, мир! Как дела?", 8),
        ("مرحبا بالعالم", 4),
        ("नमस्ते दुनिया", 5),
        ("👩‍👩‍👧‍👦 family 😀", 13),
        ("it's we'LL DON'T I'd've", 7),
        ("\tif (a!=b) {\r\n\t\treturn 12345678;\r\n\t}\r\n", 16),
        ("   leading, trailing   \n\n\n   ", 7),
        ("9f86d081884c7d659a2feaa0c55ad015", 19),
        ("\x00\x1c\x85\u2028\ufeff", 6),
    ],
)
def test_counts_are_exact(text: str, expected: int) -> None:
    assert count(text) == expected


def test_special_tokens_are_ordinary_text() -> None:
    assert count("<|endoftext|>") == 7
    assert count("<|endofprompt|>") > 1


def test_lone_surrogates_count_as_replacement_characters() -> None:
    assert count("a\udc80b") == count("a\ufffdb")
    assert count("\ud83d\ude00") == count("😀")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 200_000, 25_000),
        ("=" * 200_000, 3_125),
        ("\n" * 200_000, 12_500),
        (" " * 2_100_000, 16_407),
        (" " * 2_100_000 + "x", 16_408),
        ("x" + " " * 2_100_000 + ".", 16_409),
        (" " * 1_050_000 + "\n" * 3 + " " * 1_050_000 + "b", 16_410),
        ("汉字" * 50_000, 100_000),
        ("A1" * 800_000, 1_600_000),
    ],
    ids=lambda value: repr(value[:3]) if isinstance(value, str) else "",
)
def test_hostile_texts_are_counted_exactly(text: str, expected: int) -> None:
    assert count(text) == expected


PIECES = ["a", "b ", "it's", "\n", "1", "22", " ", "\t", "/", "}", "é", "中", "'ll", "Zz", "\r\n"]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(deadline=None)
def test_a_text_cut_at_its_borders_has_the_same_tokens(text: str) -> None:
    whole = count(text)
    cuts = [0, *(border.end() for border in tokens._BORDER.finditer(text)), len(text)]
    assert sum(count(text[a:b]) for a, b in itertools.pairwise(cuts)) == whole


@given(st.text(st.characters(exclude_categories=())))
@settings(deadline=None)
def test_any_string_is_counted(text: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    assert (size > 0) <= count(text) <= size


def test_a_large_text_is_counted_in_parts() -> None:
    line = "def f(x): return x + 1\n"
    assert count(line * 100_000) == 100_000 * count(line)


def test_loads_once_and_offline_in_any_thread() -> None:
    script = (
        "import threading, sys\n"
        "sys.modules['toktok'] = None\n"
        "import gzip, grok_agent.context.tokens as tokens\n"
        "loads, real = [], tokens.decompress\n"
        "tokens.decompress = lambda data: loads.append(1) or real(data)\n"
        "work = lambda: tokens.count('hello world') == 2 or loads.append(9)\n"
        "threads = [threading.Thread(target=work) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "assert loads == [1], loads\n"
        "assert 'requests' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120, env={"PATH": ""})


def test_toktok_counts_when_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Toktok:
        @staticmethod
        def truncate(text: str, max_tokens: int, encoding: str) -> tuple[str, int]:
            assert (text, encoding) == ("a\ufffd", "o200k_base")
            return text, 41

    monkeypatch.setitem(sys.modules, "toktok", Toktok)
    monkeypatch.setattr(tokens, "_counter", None)
    assert count("a\udc80") == 41


def data_url(width: int, height: int, kind: str) -> str:
    packed = BytesIO()
    Image.new("RGB", (width, height)).save(packed, kind)
    return f"data:image/{kind.lower()};base64,{b64encode(packed.getvalue()).decode()}"


def test_messages_cost_their_text_and_the_marks_around_them() -> None:
    plain = [{"role": "user", "content": "hello world"}]
    assert count_messages(plain) == 2 + count("user") + 3 + 3
    parts = [{"role": "user", "content": [{"type": "text", "text": "hello world"}]}]
    assert count_messages(parts) == count_messages(plain)
    assert count_messages([]) == 3


def test_tool_calls_and_schemas_are_counted() -> None:
    call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "grep", "arguments": "{}"}}
        ],
    }
    assert count_messages([call]) > count_messages([{"role": "assistant", "content": None}]) + 10
    schema = {"type": "function", "function": {"name": "grep", "parameters": {"type": "object"}}}
    assert count_messages([call], [schema]) == count_messages([call]) + count_tools([schema])
    assert count_tools([schema]) == count(
        '{"type":"function","function":{"name":"grep","parameters":{"type":"object"}}}'
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_image_costs_its_tiles_and_not_its_base64(kind: str) -> None:
    def cost(url: str) -> int:
        block = {"type": "image_url", "image_url": {"url": url}}
        message = {"role": "user", "content": [block]}
        return count_messages([message]) - count_messages([{"role": "user", "content": []}])

    assert cost(data_url(448, 448, kind)) == image_tokens(448, 448) == 512
    assert cost(data_url(449, 448, kind)) == image_tokens(449, 448) == 768
    assert cost(data_url(2000, 1200, kind)) == 1792
    assert cost("https://example.org/a.png") == cost("data:image/png;base64,AAAA") == 1792
    assert cost("data:image/png;base64,!") == cost("data:,") == 1792


def test_an_odd_block_is_counted_as_its_json() -> None:
    odd = {"role": "user", "content": [{"type": "input_audio", "x": 1}, "text", 7, None]}
    assert count_messages([odd]) > count_messages([{"role": "user", "content": []}])


def test_threads_agree() -> None:
    seen: list[int] = []
    work = [threading.Thread(target=lambda: seen.append(count("a b c\n" * 1000))) for _ in range(8)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert len(set(seen)) == 1
