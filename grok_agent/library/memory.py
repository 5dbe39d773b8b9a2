"""The library as a LangGraph store, so that agents can use it as memory."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
)
from pydantic import ValidationError

from grok_agent.errors import SettingsError
from grok_agent.library.prompts import PromptLibrary
from grok_agent.library.records import Record
from grok_agent.prompts.problems import explain
from grok_agent.prompts.schema import PromptSpec

NAMESPACE = ("prompts",)
"""The only namespace that there is."""

_MOST = 10_000


class LibraryStore(BaseStore):
    """A view on a :class:`PromptLibrary`: namespace ``("prompts",)``, one item for each prompt.

    An item's key is the prompt's name, or its id where it has none; its value is the record in
    plain types. ``put`` takes a record, or a prompt alone, and gives it the key as its name; a
    prompt of that name is replaced. ``search`` finds words, as the library does, and filters by
    equal values of the record, where ``tags`` may name one tag or several. Raises
    :class:`SettingsError` for another namespace and for a value that is no prompt; whoever called
    mends it.
    """

    supports_ttl = False

    def __init__(self, library: PromptLibrary) -> None:
        self.library = library

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out the operations in their order."""
        return [self._carry_out(op) for op in ops]

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Like :meth:`batch`, on a thread of its own."""
        return await asyncio.to_thread(self.batch, list(ops))

    def _carry_out(self, op: Op) -> Result:
        match op:
            case GetOp(namespace=namespace, key=key):
                record = self._find(key) if namespace == NAMESPACE else None
                return _item(record) if record else None
            case SearchOp():
                return self._search(op)
            case PutOp():
                self._put(op)
                return None
            case ListNamespacesOp(match_conditions=conditions, limit=limit, offset=offset):
                there = all(_holds(condition) for condition in conditions or ())
                known: list[tuple[str, ...]] = [NAMESPACE] if there else []
                return known[offset : offset + limit]
        raise SettingsError(f"{op!r} is no operation of a store.", next_step="Use its methods.")

    def _search(self, op: SearchOp) -> list[SearchItem]:
        if op.namespace_prefix not in ((), NAMESPACE):
            return []
        wanted = dict(op.filter or {})
        tags = wanted.pop("tags", ())
        found = self.library.search(
            op.query or "",
            tags=[tags] if isinstance(tags, str) else tags,
            limit=_MOST if wanted else op.offset + op.limit,
        )
        kept = [record for record in found if _has(record, wanted)]
        page = kept[op.offset : op.offset + op.limit]
        return [SearchItem(NAMESPACE, _key(each), each.to_dict(), *_times(each)) for each in page]

    def _put(self, op: PutOp) -> None:
        if op.namespace != NAMESPACE:
            raise SettingsError(
                f"The library keeps prompts only, not {op.namespace}.",
                next_step=f"Use the namespace {NAMESPACE}.",
            )
        old = self._find(op.key)
        if op.value is None:
            if old:
                self.library.delete(old.id)
            return
        given: dict[str, Any] = dict(op.value) if "spec" in op.value else {"spec": op.value}
        try:
            spec = PromptSpec.model_validate(given["spec"], strict=False)
        except ValidationError as error:
            raise SettingsError(
                "This value is no prompt: " + "; ".join(explain(error)[:5]),
                next_step="Give the dump of a PromptSpec.",
            ) from None
        if old and old.spec == spec:
            self.library.tag(old.id, add=given.get("tags") or ())
            return
        if old:
            self.library.rename(old.id, "")
        self.library.save(
            spec,
            task=str(given.get("task", "memory")),
            model=str(given.get("model", "")),
            images=given.get("images") or (),
            features=given.get("features"),
            cost_usd=given.get("cost_usd"),
            name="" if op.key.isdigit() else op.key,
            tags=given.get("tags") or (),
            derived_from=old.id if old else None,
            scores=given.get("scores"),
        )

    def _find(self, key: str) -> Record | None:
        if record := self.library.named(key):
            return record
        try:
            return self.library.get(int(key)) if key.isdecimal() else None
        except SettingsError:
            return None


def _item(record: Record) -> Item:
    created, updated = _times(record)
    return Item(
        value=record.to_dict(),
        key=_key(record),
        namespace=NAMESPACE,
        created_at=created,
        updated_at=updated,
    )


def _key(record: Record) -> str:
    return record.name or str(record.id)


def _times(record: Record) -> tuple[datetime, datetime]:
    """A prompt does not change, so it was updated when it was created."""
    created = datetime.fromisoformat(record.created_at)
    return created, created


def _has(record: Record, wanted: dict[str, Any]) -> bool:
    values = record.to_dict()
    return all(values.get(name) == value for name, value in wanted.items())


def _holds(condition: MatchCondition) -> bool:
    path = tuple(condition.path)
    part = NAMESPACE[: len(path)] if condition.match_type == "prefix" else NAMESPACE[-len(path) :]
    return len(part) == len(path) and all(
        wanted in ("*", own) for wanted, own in zip(path, part, strict=True)
    )
