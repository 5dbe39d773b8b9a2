"""What every request has cost: kept in one SQLite file, summed to the tick, held under caps."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from grok_agent.errors import SettingsError, SpendingCapError
from grok_agent.gateway.attempt import Attempt, storable
from grok_agent.gateway.ledger import TICKS_PER_USD, Cost, Usage
from grok_agent.gateway.sqlite_file import Kind, SqliteFile
from grok_agent.gateway.totals import SERVED, By, Substitution, Total, substitutions, sums_query

BILLS_VERSION = 1
BUSY_S = 5.0
MAX_UNWRITTEN = 10_000
"""Attempts that wait in memory for a file that cannot be written; the oldest are dropped first."""

log = logging.getLogger("grok_agent")

_FILE = Kind(
    name="ledger",
    application_id=0x47524F4C,
    version=BILLS_VERSION,
    tables=(
        """
        CREATE TABLE attempts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            thread TEXT NOT NULL,
            call TEXT NOT NULL,
            key_alias TEXT NOT NULL,
            base_url TEXT NOT NULL,
            model_asked TEXT NOT NULL,
            model_served TEXT NOT NULL,
            status TEXT NOT NULL,
            input_tokens INTEGER,
            cached_tokens INTEGER,
            output_tokens INTEGER,
            reasoning_tokens INTEGER,
            ticks INTEGER,
            basis TEXT NOT NULL,
            estimated INTEGER NOT NULL,
            request_id TEXT NOT NULL
        )
        """,
        "CREATE INDEX by_time ON attempts (at, basis, ticks)",
        "CREATE INDEX by_thread ON attempts (thread, basis, ticks)",
        "CREATE INDEX by_call ON attempts (call, basis, ticks)",
    ),
    elsewhere="set GROK_STATE_DIR to another folder that you may write to",
    synchronous="NORMAL",
)

_COLUMNS = (
    "at, thread, call, key_alias, base_url, model_asked, model_served, status, input_tokens,"
    " cached_tokens, output_tokens, reasoning_tokens, ticks, basis, estimated, request_id"
)
_INSERT = f"INSERT INTO attempts ({_COLUMNS}) VALUES ({', '.join('?' * 16)})"


@dataclass(frozen=True)
class Caps:
    """The most that may be spent, in US dollars; None for no cap.

    ``call`` counts the attempts of one call of the model, ``run`` those of one thread, ``day``
    everything in the file since midnight UTC, of all programs that share it.

    Raises :class:`SettingsError` for a cap below zero; the caller mends it.
    """

    call: float | None = None
    run: float | None = None
    day: float | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not value >= 0:
                raise SettingsError(
                    f"A cap per {name} cannot be {value}.", next_step="Give zero or more."
                )


class Bills:
    """Every attempt that was billed, or may have been, in the SQLite file ``path``.

    What the embedded gateway answers is not in it: it costs nothing, and a rehearsal among real
    requests would only blur sums that are there to be held against a gateway's bill.

    Opened at the first use. One object may be used by several threads, one file by several
    processes. Reading raises :class:`SettingsError` for a file that cannot be used; writing never
    fails: what cannot be written waits in memory, and a line in the log says so once.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser()
        self._file = SqliteFile(self.path, _FILE, busy_s=BUSY_S)
        self._lock = threading.Lock()
        self._unwritten: list[Attempt] = []
        self._told: set[str] = set()

    def record(self, attempt: Attempt) -> None:
        """Write ``attempt`` down, unless it cost nothing because the embedded gateway answered.

        Never raises for a full disk or another trouble of the file.
        """
        if not attempt.was_billed:
            return
        with self._lock:
            self._unwritten = [*self._unwritten, attempt][-MAX_UNWRITTEN:]
            self._write()

    def check(self, caps: Caps, *, thread: str = "", call: str = "") -> None:
        """Raise :class:`SpendingCapError` when a cap is reached; call it before each request.

        Requests under way are not counted yet, so a cap can be passed by what they cost. Costs
        that are not known cannot be counted either; a line in the log says so once. An empty
        ``thread`` or ``call`` has no cap.
        """
        midnight = f"{datetime.now(UTC):%Y-%m-%d}"
        if caps.call is not None and call:
            self._require_below("call", caps.call, "call = ?", storable(call))
        if caps.run is not None and thread:
            self._require_below("run", caps.run, "thread = ?", storable(thread))
        if caps.day is not None:
            self._require_below("day", caps.day, "at >= ?", midnight)

    def totals(self, by: By = "day", since: datetime | None = None) -> list[Total]:
        """Sums by group in the order of their beginnings; ``since`` is included."""
        with self._file.reading() as connection:
            rows = connection.execute(sums_query(by), (_time(since),)).fetchall()
        return [Total.of(row) for row in rows]

    def substitutions(self, since: datetime | None = None) -> list[Substitution]:
        """Where another model has answered than the one asked; ``since`` is included."""
        with self._file.reading() as connection:
            rows = connection.execute(SERVED, (_time(since),)).fetchall()
        return substitutions(rows)

    def attempts(self, since: datetime | None = None, *, page: int = 1000) -> Iterator[Attempt]:
        """All attempts as they came, read ``page`` at a time; ``since`` is included."""
        last = 0
        query = (
            f"SELECT id, {_COLUMNS} FROM attempts WHERE id > ? AND at >= ? ORDER BY id LIMIT {page}"
        )
        while True:
            with self._file.reading() as connection:
                rows = connection.execute(query, (last, _time(since))).fetchall()
            yield from (_attempt(row[1:]) for row in rows)
            if len(rows) < page:
                return
            last = rows[-1][0]

    def close(self) -> None:
        """Write what still waits, if that is possible, and close the file."""
        with self._lock:
            self._write()
            self._file.close()

    def _write(self) -> None:
        if not self._unwritten:
            return
        try:
            with self._file.writing() as connection:
                connection.executemany(_INSERT, map(_row, self._unwritten))
        except SettingsError as error:
            self._tell(f"What requests cost is kept in memory only: {error}")
        else:
            self._unwritten = []

    def _require_below(self, cap: str, usd: float, condition: str, value: str) -> None:
        query = (
            "SELECT sum(ticks), count(*) FILTER (WHERE ticks IS NULL) FROM attempts"
            f" WHERE {condition}"
        )
        with self._lock:
            self._write()
            with self._file.reading() as connection:
                ticks, unknown = connection.execute(query, (value,)).fetchone()
        spent = ticks or 0
        if unknown:
            self._tell(f"The cap per {cap} does not see requests whose cost is not known.")
        if spent >= usd * TICKS_PER_USD:
            raise SpendingCapError(
                f"The cap of {usd:g} USD per {cap} is reached: {spent / TICKS_PER_USD:.4f} USD are"
                " spent, so nothing was sent.",
                next_step=_NEXT_STEPS[cap],
                cap=cap,
            )

    def _tell(self, notice: str) -> None:
        if notice not in self._told:
            self._told.add(notice)
            log.warning(notice)


_NEXT_STEPS = {
    "call": "Raise the cap of a call, or ask for less in one.",
    "run": "Raise the cap of a run, or begin another.",
    "day": "Raise GROK_MAX_USD_PER_DAY, or wait until midnight UTC; `grok-agent usage` shows what"
    " it went for.",
}


@cache
def bills_of(path: Path) -> Bills:
    """The one store of this process for the file ``path``, shared by all its models."""
    return Bills(path)


def _time(moment: datetime | None) -> str:
    """UTC in one width, so that texts compare as times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else ""


def _row(attempt: Attempt) -> tuple[Any, ...]:
    usage = attempt.usage
    counts = tuple(asdict(usage).values()) if usage else (None,) * 4
    return (
        _time(attempt.at),
        storable(attempt.thread),
        storable(attempt.call),
        attempt.key_alias,
        storable(attempt.base_url),
        storable(attempt.model_asked),
        storable(attempt.model_served),
        attempt.status,
        *counts,
        attempt.ticks,
        attempt.cost.basis,
        attempt.estimated,
        storable(attempt.request_id),
    )


def _attempt(row: tuple[Any, ...]) -> Attempt:
    at, thread, call, alias, base_url, asked, served, status, *numbers, request_id = row
    *counts, ticks, basis, estimated = numbers
    return Attempt(
        model_asked=asked,
        model_served=served,
        cost=Cost(None if ticks is None else ticks / TICKS_PER_USD, basis),
        usage=None if counts[0] is None else Usage(*counts),
        status=status,
        estimated=bool(estimated),
        thread=thread,
        call=call,
        key_alias=alias,
        base_url=base_url,
        request_id=request_id,
        at=datetime.fromisoformat(at),
    )
