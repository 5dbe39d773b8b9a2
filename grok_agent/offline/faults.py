"""Faults that the embedded gateway can be told to have, and the order in which they happen."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from grok_agent.errors import SettingsError

CHAT_PATH = "/v1/chat/completions"

REFUSALS = (
    *("rate_limit", "rate_limit_empty", "overloaded", "server_error", "bad_gateway"),
    *("unauthorized", "forbidden", "moderation", "out_of_funds", "too_large"),
    *("context_overflow", "wrong_model", "bad_request"),
    *("html", "not_json", "error_in_200", "empty_choices", "null_choices"),
    *("answer", "reset", "hang"),
)
"""Kinds that answer without asking the planner."""

ANSWERS = ("slow", "length", "content_filter", "empty_answer", "no_usage", "cut_bytes")
"""Kinds that spoil an answer, streamed or whole."""

CALLS = ("bad_arguments",)
"""Kinds that need an answer with tool calls."""

STREAMS = (
    *("cut_stream", "reset_stream", "hang_stream", "no_finish_reason", "no_done"),
    *("mid_stream_error", "repeated_usage", "keep_alive", "endless_keep_alive"),
    *("slow_stream", "split_bytes", "crlf"),
)
"""Kinds that need a streamed answer."""

STREAMED_CALLS = ("indexless_calls", "doubled_names")
"""Kinds that need a streamed answer with tool calls."""

KINDS = (*REFUSALS, *ANSWERS, *CALLS, *STREAMS, *STREAMED_CALLS)


@dataclass(frozen=True)
class Fault:
    """One fault: what happens (``kind``), and to which requests.

    It happens to requests for ``path`` that it can happen to (a stream fault needs a streamed
    answer), after the first ``after`` of them, ``times`` times (None: without end), to a share
    ``rate`` of them drawn from ``seed``. Of several faults the first that happens wins, so a list
    without rates is a script: ``[Fault("rate_limit", times=2), Fault("overloaded")]``.

    Kinds, refused with an error in xAI's form:
        ``rate_limit`` 429 (with ``retry_after`` as header where given), ``rate_limit_empty`` 429
        without body, ``overloaded`` 503, ``server_error`` 500, ``bad_gateway`` 502 as a proxy's
        HTML, ``unauthorized`` 401, ``forbidden`` 403, ``moderation`` 403, ``out_of_funds`` 403,
        ``too_large`` 413, ``context_overflow`` 400, ``wrong_model`` 400, ``bad_request`` 400,
        ``answer``: exactly ``status``, ``headers`` and ``body``.
    Kinds, 200 without an answer:
        ``html``, ``not_json``, ``error_in_200``, ``empty_choices``, ``null_choices``.
    Kinds of the connection:
        ``reset`` closed without an answer, ``hang`` the same after ``delay_s``, ``slow`` the right
        answer after ``delay_s``.
    Kinds of answers, streamed or whole:
        ``length`` cut at ``at`` with that finish_reason, ``content_filter``, ``empty_answer`` no
        text and no calls, ``bad_arguments`` the last call's JSON lacks its end, ``no_usage``,
        ``cut_bytes`` ends at byte ``at`` (a stream ends cleanly, a whole body is torn).
    Kinds of streams:
        ``cut_stream`` ends cleanly at event ``at``, before any finish_reason, ``reset_stream`` is
        torn there, ``hang_stream`` says nothing for ``delay_s`` there and is then torn,
        ``mid_stream_error`` sends an error object there and ends, ``no_finish_reason`` (but
        ``[DONE]``), ``no_done`` (but a finish_reason), ``repeated_usage`` on every event,
        ``keep_alive`` comments between events, ``endless_keep_alive`` comments each ``delay_s``
        from event ``at`` on, ``slow_stream`` waits ``delay_s`` before each event,
        ``indexless_calls`` deltas without an index, ``doubled_names`` the name on each delta,
        ``split_bytes`` pieces of three bytes, ``crlf`` line ends.

    ``at`` counts from 0 as a whole number (events or bytes; tokens for ``length``), or is a share
    of all of them as a float. ``delay_s`` is in seconds.
    """

    kind: str
    times: int | None = 1
    rate: float = 1.0
    seed: int = 0
    after: int = 0
    at: int | float = 0.5
    retry_after: float | str | None = None
    delay_s: float = 0.05
    path: str = CHAT_PATH
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SettingsError(
                f"There is no fault {self.kind!r}.", next_step=f"Use one of: {', '.join(KINDS)}."
            )
        if not 0 <= self.rate <= 1 or (self.times is not None and self.times < 1):
            raise SettingsError(
                f"Fault {self.kind}: rate={self.rate}, times={self.times} cannot be used.",
                next_step="Give a rate from 0 to 1, and times of at least 1 or None.",
            )
        if self.path != CHAT_PATH and self.kind not in REFUSALS:
            raise SettingsError(
                f"Fault {self.kind} can only happen to {CHAT_PATH}.", next_step="Leave path out."
            )

    def position(self, total: int) -> int:
        """``at`` as an index into ``total`` things, from 0 to ``total``."""
        index = int(total * self.at) if isinstance(self.at, float) else self.at
        return min(max(index, 0), total)


class FaultSchedule:
    """Says for each request which fault happens to it; safe under threads."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._slots = [_Slot(fault) for fault in faults]
        self._lock = Lock()

    def choose(
        self, path: str, *, streamed: bool = False, has_calls: Callable[[], bool] = lambda: False
    ) -> Fault | None:
        """The fault of this request, None for none; ``has_calls`` is asked only where it matters.

        A fault that is chosen is used up by one.
        """
        for slot in self._slots:
            kind = slot.fault.kind
            if slot.fault.path != path:
                continue
            if kind in (*STREAMS, *STREAMED_CALLS) and not streamed:
                continue
            if kind in (*CALLS, *STREAMED_CALLS) and not has_calls():
                continue
            with self._lock:
                if slot.happens():
                    return slot.fault
        return None


class _Slot:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._seen = 0
        self._left = fault.times
        self._random = random.Random(fault.seed)

    def happens(self) -> bool:
        """Count one request, and say whether the fault happens to it."""
        if self._left == 0:
            return False
        self._seen += 1
        if self._seen <= self.fault.after or self._random.random() >= self.fault.rate:
            return False
        if self._left is not None:
            self._left -= 1
        return True
