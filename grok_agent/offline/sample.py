"""Makes the smallest value that a JSON schema allows, for answers whose form is forced.

Honours ``$ref``, ``const``, ``enum``, ``anyOf``, ``oneOf`` (first option that works), ``allOf``,
required properties, and the lower and upper limits of numbers, texts and lists. Regular expressions
are not solved.
"""

import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from grok_agent.offline.schemas import resolve

MAX_DEPTH = 32
MAX_VALUES = 10_000
MAX_CHARS = 100_000

TEXT = "sample"
FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "email": "sample@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
}


class NoSampleError(ValueError):
    """The schema allows no value, or only one that is too deep or too large to be written."""


def minimal(schema: Mapping[str, Any]) -> Any:
    """A small value that ``schema`` allows; raises NoSampleError where none was found."""
    return _Sampler(schema).value(schema, 0)


class _Sampler:
    """Counts what it has made, so that a hostile schema cannot ask for gigabytes."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._values = 0

    def value(self, schema: object, depth: int) -> Any:
        self._values += 1
        if depth > MAX_DEPTH or self._values > MAX_VALUES:
            raise NoSampleError("The schema asks for a value that is too deep or too large.")
        if schema is False:
            raise NoSampleError("The schema allows no value.")
        if not isinstance(schema, Mapping):
            return TEXT
        schema = self._flat(schema, 0)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                return self._first_possible(schema, key, depth)
        return self._typed(schema, depth)

    def _flat(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """``schema`` with its reference and its ``allOf`` written into it."""
        if depth > MAX_DEPTH:
            raise NoSampleError("The schema refers to itself without end.")
        flat = {key: part for key, part in schema.items() if key not in ("$ref", "allOf")}
        parts = list(schema.get("allOf", ()))
        if "$ref" in schema:
            parts.append(resolve(schema["$ref"], self._root))
        for part in parts:
            if part is False:
                raise NoSampleError("The schema allows no value.")
            if isinstance(part, Mapping):
                flat = _merged(self._flat(part, depth + 1), flat)
        return flat

    def _first_possible(self, schema: dict[str, Any], key: str, depth: int) -> Any:
        rest = {name: part for name, part in schema.items() if name != key}
        for option in schema[key]:
            if not isinstance(option, Mapping):
                continue
            try:
                return self.value(_merged(rest, self._flat(option, depth)), depth + 1)
            except NoSampleError:
                continue
        raise NoSampleError(f"No option of {key} can be filled.")

    def _typed(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type") or _implied_type(schema)
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            return {name: self.value(part, depth + 1) for name, part in _wanted_properties(schema)}
        if kind == "array":
            return [self.value(part, depth + 1) for part in _wanted_items(schema)]
        if kind in ("integer", "number"):
            return _number(schema, whole=kind == "integer")
        if kind == "string":
            return _text(schema)
        return False if kind == "boolean" else None


def _implied_type(schema: Mapping[str, Any]) -> str:
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both schemas at once; for a key that both have ``other`` wins, properties are united."""
    both = {**one, **other}
    if "properties" in one and "properties" in other:
        both["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        both["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    return both


def _wanted_properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    required = list(dict.fromkeys(schema.get("required", ())))
    spare = [name for name in properties if name not in required]
    missing = int(_limit(schema, "minProperties", 0)) - len(required)
    if missing > len(spare) + MAX_VALUES:
        raise NoSampleError("The schema asks for too many properties.")
    made_up = (f"{TEXT}_{i}" for i in range(missing - len(spare)))
    for name in (*required, *spare[: max(missing, 0)], *made_up):
        yield name, properties.get(name, others)


def _wanted_items(schema: Mapping[str, Any]) -> Iterator[object]:
    fixed = schema.get("prefixItems", [])
    for i in range(int(_limit(schema, "minItems", 0))):
        yield fixed[i] if i < len(fixed) else schema.get("items", {})


def _number(schema: Mapping[str, Any], *, whole: bool) -> int | float:
    low = _limit(schema, "minimum", -math.inf)
    high = _limit(schema, "maximum", math.inf)
    above = _limit(schema, "exclusiveMinimum", -math.inf)
    below = _limit(schema, "exclusiveMaximum", math.inf)
    step = _limit(schema, "multipleOf", 0) or (1 if whole else 0)
    for value in _candidates(max(low, above), min(high, below), abs(step)):
        if low <= value <= high and above < value < below:
            return int(value) if whole else value
    raise NoSampleError("No number lies within the limits.")


def _candidates(low: float, high: float, step: float) -> Iterator[int | float]:
    """Zero, then the numbers next to the limits: multiples of ``step`` where there is one."""
    yield 0
    if step and low > 0:
        yield from (math.ceil(low / step) * step, (math.floor(low / step) + 1) * step)
    elif step and math.isfinite(high):
        yield from (math.floor(high / step) * step, (math.ceil(high / step) - 1) * step)
    elif not step:
        middle = low + (high - low) / 2 if math.isfinite(high - low) else 0
        yield from (low, high, low + 1, high - 1, middle)


def _text(schema: Mapping[str, Any]) -> str:
    known = FORMATS.get(str(schema.get("format")))
    if known:
        return known
    least = int(_limit(schema, "minLength", 0))
    if least > MAX_CHARS:
        raise NoSampleError("The schema asks for a text that is too long.")
    most = _limit(schema, "maxLength", math.inf)
    text = TEXT.ljust(least, "-")
    return text if len(text) <= most else text[: max(int(most), least)]


def _limit(schema: Mapping[str, Any], key: str, default: float) -> int | float:
    value = schema.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return default
    return value if abs(value) <= sys.float_info.max else default
