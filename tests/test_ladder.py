"""A request that is too large gets smaller pictures, then fewer, then a table; and pictures of
tools move to the user where a gateway takes them from users only."""

import base64
import copy
import io
import json
import socket
import struct
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from PIL import Image
from pydantic import SecretStr

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.errors import SettingsError, ToolError
from grok_agent.gateway.capabilities import Capabilities, file_of, known, learn, remember
from grok_agent.gateway.faults import OverloadedError, RequestTooLargeError, Target
from grok_agent.gateway.ladder import (
    LOW_DETAIL_SIDE_PX,
    exhausted,
    shrink,
    sizes,
    too_large_by_reset,
)
from grok_agent.gateway.tool_pictures import has_tool_pictures, move_tool_pictures
from grok_agent.offline import offline_model
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, Request, Response, Turn
from grok_agent.profile import GROK_BUILD, ImageLimits
from grok_agent.vision.reencode import reencode

TOO_LARGE = RequestTooLargeError("The request has more bytes than the gateway takes (HTTP 413).")


def png(width: int, height: int) -> str:
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 90).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def showing(*urls: str) -> dict[str, Any]:
    parts = [{"type": "text", "text": "describe"}, *map(picture, urls)]
    return {"model": "m", "messages": [{"role": "user", "content": parts}]}


def urls_in(payload: dict[str, Any]) -> list[str]:
    parts = [part for message in payload["messages"] for part in message["content"]]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def size_of(url: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size


def climb(payload: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    steps = []
    smaller: dict[str, Any] | None = payload
    while smaller := shrink(smaller, TOO_LARGE, len(steps), **options):
        steps.append(smaller)
        assert len(steps) < 20
    return steps


def test_the_three_rungs_make_real_pictures_smaller_each_time() -> None:
    payload = showing(png(2400, 1200), png(900, 900), png(900, 900))
    before = copy.deepcopy(payload)
    fit, low, *dropped = climb(payload, reencode=reencode)
    assert payload == before
    assert max(size_of(urls_in(fit)[0])) <= 2000
    assert all(max(size_of(url)) <= LOW_DETAIL_SIDE_PX for url in urls_in(low))
    assert [part["image_url"]["detail"] for part in low["messages"][0]["content"][1:]] == [
        "low"
    ] * 3
    assert "left out" in dropped[0]["messages"][0]["content"][1]["text"]
    assert urls_in(dropped[-1]) == urls_in(low)[-1:], "the newest picture stays"
    lengths = [len(json.dumps(step)) for step in (payload, fit, low, *dropped)]
    assert lengths == sorted(lengths, reverse=True)


def test_without_an_encoder_a_rung_that_changes_nothing_costs_no_request() -> None:
    steps = climb(showing("data:image/png;base64,AAAA", "data:image/png;base64,BBBB"))
    assert len(steps) == 2
    assert steps[0]["messages"][0]["content"][1]["image_url"]["detail"] == "low"
    assert urls_in(steps[1]) == ["data:image/png;base64,BBBB"]


def test_the_oldest_go_first_and_half_of_the_bytes_at_a_time() -> None:
    urls = [f"data:image/png;base64,{letter * 1000}" for letter in "ABCDEFGH"]
    steps = climb(showing(*urls))
    assert [len(urls_in(step)) for step in steps] == [8, 4, 2, 1]
    assert urls_in(steps[1]) == urls[4:]


def test_what_is_left_out_is_said(caplog: pytest.LogCaptureFixture) -> None:
    climb(showing("data:,A", "data:,B"))
    said = [record.getMessage() for record in caplog.records]
    assert [text.split(": ")[1].split(",")[0] for text in said] == [
        "pictures go with low detail",
        "the oldest pictures are left out",
    ]


def test_remote_pictures_have_no_bytes_here_and_stay() -> None:
    steps = climb(showing("https://example.org/a.png", "data:,A", "data:,B"))
    assert urls_in(steps[-1]) == ["https://example.org/a.png", "data:,B"]


def test_what_cannot_be_decoded_is_sent_as_it_is() -> None:
    def broken(url: str, limits: ImageLimits) -> str:
        raise ToolError("This is no picture.")

    assert urls_in(climb(showing("data:,A"), reencode=broken)[0]) == ["data:,A"]
    assert urls_in(climb(showing("data:image/png;base64,!!"), reencode=reencode)[0])


def test_other_errors_and_requests_without_pictures_are_not_shrunk() -> None:
    assert shrink(showing("data:,A"), OverloadedError("503"), 0) is None
    assert shrink({"messages": [{"role": "user", "content": "long" * 9}]}, TOO_LARGE, 0) is None
    assert shrink({}, TOO_LARGE, 0) is None


def test_the_end_of_the_ladder_says_what_was_how_big() -> None:
    payload = showing("data:image/png;base64," + "A" * 1_500_000)
    payload["tools"] = [{"function": {"name": "grep"}}]
    payload["messages"] += [{"role": "tool", "content": "x" * i} for i in range(20)]
    error = exhausted(payload, TOO_LARGE)
    lines = error.what.splitlines()
    assert "1.5 MB  in all" in lines[1]
    assert "1.5 MB  message 1 (user), picture 1" in lines[2]
    assert "smaller parts" in lines[-1]
    assert str(error).endswith(TOO_LARGE.next_step)
    assert isinstance(error, RequestTooLargeError)


def reset(cause: Exception) -> openai.APIConnectionError:
    error = openai.APIConnectionError(request=httpx2.Request("POST", "http://gateway.invalid"))
    error.__cause__ = cause
    return error


TARGET = Target("http://gateway.invalid/v1", "m")


def test_the_model_climbs_until_the_gateway_takes_the_request() -> None:
    gateway = OfflineGateway(faults=[Fault("too_large", times=2)])
    model = offline_model(gateway)
    content = showing(png(2400, 1200), png(900, 900))["messages"][0]["content"]
    assert model.invoke([HumanMessage(content)]).text


class Narrow(OfflineGateway):
    """Takes bodies up to ``limit`` bytes, else answers 413 or hangs up; keeps the sizes sent."""

    def __init__(self, limit: int, *faults: Fault, hangs_up: bool = False) -> None:
        super().__init__(lambda chat: Turn(content="a face"), faults)
        self.limit, self.hangs_up = limit, hangs_up
        self.sizes: list[int] = []

    def handle(self, request: Request) -> Response:
        self.sizes.append(len(request.body))
        if len(request.body) <= self.limit:
            return super().handle(request)
        return Response(None if self.hangs_up else 413)


def asking(model: ChatGrokBuild, *urls: str) -> str:
    return model.invoke([HumanMessage(showing(*urls)["messages"][0]["content"])]).text


def fitted(url: str) -> str:
    return reencode(url, GROK_BUILD.images)


def test_every_picture_is_made_fit_before_it_is_sent() -> None:
    gateway, large = Narrow(2_000_000), png(2400, 1200)
    assert asking(offline_model(gateway), large) == "a face"
    assert len(gateway.sizes) == 1
    assert 1_000_000 < gateway.sizes[0] < 2_000_000, "not of low detail"


def test_without_that_rung_one_makes_pictures_fit() -> None:
    large = png(2400, 1200)
    fit, *_ = climb(showing(large), reencode=reencode)
    assert urls_in(fit) == [fitted(large)]


def test_what_was_made_fit_is_not_encoded_again() -> None:
    once = fitted(png(300, 300))
    assert fitted(once) == once
    assert climb(showing(once), reencode=reencode)[0] != showing(once), "a lower rung"


def test_the_next_call_begins_at_the_rung_that_passed() -> None:
    gateway = Narrow(400_000)
    model = offline_model(gateway)
    large, small = png(1000, 1000), png(100, 100)
    asking(model, large)
    climbed = len(gateway.sizes)
    assert climbed >= 2
    asking(model, large)
    assert len(gateway.sizes) == climbed + 1, "no second refusal"
    asking(model, small)
    assert gateway.sizes[-1] > len(fitted(small)), "what passes goes with all its detail"


def test_a_gateway_that_takes_more_again_gets_more() -> None:
    gateway = Narrow(400_000)
    model = offline_model(gateway)
    picture_1_mb = png(600, 600)
    asking(model, picture_1_mb)
    gateway.limit = 10_000_000
    text = "word " * 200_000
    model.invoke(text)  # cannot be made smaller, is sent, and passes
    asking(model, picture_1_mb)
    assert gateway.sizes[-1] > len(fitted(picture_1_mb))


def test_a_connection_that_broke_once_is_no_limit_and_twice_it_is() -> None:
    gateway = Narrow(1, hangs_up=True)
    model = offline_model(gateway)
    large = png(1400, 1400)

    def break_once() -> None:
        gateway.limit = 1_500_000
        asking(model, large)
        gateway.limit = 10_000_000

    break_once()
    asking(model, large)
    assert gateway.sizes[-1] > len(fitted(large)), "passes again, and clears the suspicion"
    break_once()
    break_once()
    asking(model, large)
    assert gateway.sizes[-1] < 1_500_000


def test_the_model_ends_with_the_table_where_nothing_helps() -> None:
    gateway = OfflineGateway(faults=[Fault("too_large", times=None)])
    content = showing(png(300, 300))["messages"][0]["content"]
    with pytest.raises(RequestTooLargeError, match=r"message 1 \(user\), picture 1"):
        offline_model(gateway).invoke([HumanMessage(content)])


def test_the_model_moves_pictures_of_tools_where_they_are_refused() -> None:
    seen: list[list[str]] = []

    def planner(request: ChatRequest) -> Turn:
        seen.append([message["role"] for message in request.messages])
        return Turn(content="a face")

    gateway = OfflineGateway(planner, faults=[Fault("bad_request")])
    call = {"name": "look", "args": {}, "id": "1"}
    asked = [
        HumanMessage("look"),
        AIMessage("", tool_calls=[call]),
        ToolMessage([picture(png(64, 64))], tool_call_id="1"),
    ]
    model = offline_model(gateway, base_url="http://moves.invalid/v1")
    for _ in range(2):
        assert model.invoke(asked).text == "a face"
    assert seen == [["user", "assistant", "tool", "user"]] * 2, "remembered: no second refusal"


@pytest.mark.parametrize("kind", [httpx2.WriteError, httpx2.ReadError, httpx2.RemoteProtocolError])
def test_a_reset_under_a_large_upload_counts_as_too_large(kind: type[Exception]) -> None:
    large = showing("data:image/png;base64," + "A" * 1_000_000)
    found = too_large_by_reset(reset(kind("reset by peer")), large, TARGET)
    assert found is not None
    assert "1.0 MB were going up" in str(found)
    assert shrink(large, found, 0) is not None
    assert too_large_by_reset(reset(kind("reset by peer")), showing("data:,A"), TARGET) is None


@pytest.mark.enable_socket
def test_a_server_that_hangs_up_on_a_large_body_gets_a_smaller_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    reset_at_once = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset_at_once)

        Thread(target=hang_up, daemon=True).start()
        base_url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        large = "data:image/png;base64," + "A" * 2_000_000
        content = showing(large, large)["messages"][0]["content"]
        model = ChatGrokBuild(base_url=base_url, api_key=SecretStr("k"), reencode=None)
        with pytest.raises(RequestTooLargeError, match=r"2\.0 MB were going up") as found:
            model.invoke([HumanMessage(content)])
        assert "2.0 MB  in all" in str(found.value)
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("at", [0.0, 0.5])
def test_a_connection_that_breaks_under_the_answer_says_nothing_about_size(
    streaming: bool, at: float
) -> None:
    kind = "reset_stream" if streaming else "cut_bytes"
    gateway = Narrow(10_000_000, Fault(kind, at=at))
    model = offline_model(gateway, streaming=streaming)
    assert asking(model, png(900, 900), png(900, 900)) == "a face"
    first, second = gateway.sizes
    assert first == second > 1_000_000


def test_no_connection_and_no_time_are_not_a_matter_of_size() -> None:
    large = showing("data:image/png;base64," + "A" * 2_000_000)
    for cause in (httpx2.ConnectError("refused"), httpx2.ReadTimeout("late")):
        assert too_large_by_reset(reset(cause), large, TARGET) is None


def results(*contents: Any) -> dict[str, Any]:
    calls = [{"id": str(i), "function": {"name": "look"}} for i in range(len(contents))]
    messages: list[Any] = [{"role": "user", "content": "look"}]
    messages.append({"role": "assistant", "content": None, "tool_calls": calls})
    for i, content in enumerate(contents):
        messages.append({"role": "tool", "tool_call_id": str(i), "content": content})
    return {"model": "m", "messages": messages}


def test_pictures_of_tools_move_behind_all_results_of_the_turn() -> None:
    text = {"type": "text", "text": "a face"}
    payload = results([text, picture("data:,A")], "plain", [picture("data:,B")])
    payload["messages"].append({"role": "assistant", "content": "I see."})
    before = copy.deepcopy(payload)
    moved = move_tool_pictures(payload)
    assert payload == before
    assert not has_tool_pictures(moved)
    roles = [message["role"] for message in moved["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "tool", "user", "assistant"]
    assert moved["messages"][2]["content"].startswith("a face\n[picture")
    assert moved["messages"][2]["tool_call_id"] == "0"
    shown = moved["messages"][5]["content"]
    assert [part["image_url"]["url"] for part in shown[1:]] == ["data:,A", "data:,B"]
    assert move_tool_pictures(moved) is moved


def test_what_a_gateway_has_shown_is_remembered_for_it_alone(tmp_path: Path) -> None:
    learn("http://one.invalid/v1", "m", tool_images=False)
    learn("http://one.invalid/v1/", "m", stream_usage=True)
    found = known("http://one.invalid/v1", "m", tmp_path)
    assert found == Capabilities(tool_images=False, stream_usage=True)
    assert known("http://one.invalid/v1", "other") == Capabilities()
    assert known("http://two.invalid/v1", "m") == Capabilities()


def test_what_the_doctor_found_is_read_and_newer_than_what_was_learned(tmp_path: Path) -> None:
    place = ("http://three.invalid/v1", "m")
    assert known(*place, tmp_path) == Capabilities()
    learn(*place, tool_images=False)
    report = {"capabilities": {"tool_images": True, "required": None, "tools": 1, "x": False}}
    file = remember(tmp_path, *place, report)
    assert file.is_relative_to(tmp_path)
    assert known(*place, tmp_path) == Capabilities(tool_images=True)
    assert known(*place) == Capabilities(tool_images=True), "read once, known everywhere"
    learn(*place, tool_images=False)
    assert known(*place, tmp_path).tool_images is False, "what was seen last holds"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff", b'{"capabilities": 3}', b"[" * 9999])
def test_a_damaged_file_says_nothing(tmp_path: Path, damage: bytes) -> None:
    place = ("http://four.invalid/v1", "m")
    file = file_of(tmp_path, *place)
    file.parent.mkdir()
    file.write_bytes(damage)
    assert known(*place, tmp_path) == Capabilities()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="GROK_STATE_DIR"):
        remember(tmp_path / "file", "http://five.invalid/v1", "m", {})


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "url", "image_url", "text"]), inner)
    ),
    max_leaves=6,
)
parts = values | st.builds(picture, st.sampled_from(["data:,AAAA", "https://a", "", "data:"]))
messages = st.lists(
    values
    | st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "tool", "assistant"]),
            "content": values | st.lists(parts, max_size=4),
        }
    ),
    max_size=4,
)


@given(messages)
def test_wild_payloads_end_and_never_grow(wild: list[Any]) -> None:
    payload = {"messages": wild}
    before = copy.deepcopy(payload)
    for step in climb(payload):
        assert len(step["messages"]) == len(wild)
    moved = move_tool_pictures(payload)
    assert not has_tool_pictures(moved)
    assert sum(part.size for part in sizes(payload)) >= 0
    assert payload == before
