"""Judges the JSON schemas that a request carries, as a gateway does before the model sees them."""

from collections.abc import Iterator, Mapping
from typing import Any

from grok_agent.offline.problems import bad_request

TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
MAX_DEPTH = 64

Schema = Mapping[str, Any]


def check_schema(schema: object, where: str) -> None:
    """Raise a 400 problem unless ``schema`` is a plain object at its root and sound below it.

    ``where`` names the schema in the error, for example ``tools[0].function.parameters``.
    """
    if not isinstance(schema, Mapping):
        raise bad_request(f"Invalid schema at {where}: expected an object.")
    if not schema:
        return  # a tool without parameters
    if schema.get("type") != "object":
        raise bad_request(
            f'Invalid schema at {where}: the root must have type "object",'
            f" got {schema.get('type')!r}."
        )
    for place, part in _parts(schema, where, 0):
        _check_part(part, place, schema)


def resolve(reference: str, root: Schema) -> Any:
    """What a local reference such as ``#/$defs/Colour`` names, None where nothing is there."""
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def _parts(schema: object, place: str, depth: int) -> Iterator[tuple[str, object]]:
    """Every schema inside ``schema`` with its place, itself first."""
    if depth > MAX_DEPTH:
        raise bad_request(f"Invalid schema at {place}: nested deeper than {MAX_DEPTH} levels.")
    yield place, schema
    if not isinstance(schema, Mapping):
        return
    for key in ("properties", "$defs", "definitions"):
        inner = schema.get(key, {})
        if not isinstance(inner, Mapping):
            raise bad_request(f"Invalid schema at {place}.{key}: expected an object.")
        for name, part in inner.items():
            yield from _parts(part, f"{place}.{key}.{name}", depth + 1)
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        options = schema.get(key, [])
        if not isinstance(options, list):
            raise bad_request(f"Invalid schema at {place}.{key}: expected a list.")
        for i, part in enumerate(options):
            yield from _parts(part, f"{place}.{key}[{i}]", depth + 1)
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from _parts(schema[key], f"{place}.{key}", depth + 1)


def _check_part(part: object, place: str, root: Schema) -> None:
    if isinstance(part, bool):
        return
    if not isinstance(part, Mapping):
        raise bad_request(f"Invalid schema at {place}: expected an object.")
    kinds = part.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if not isinstance(kind, str) or kind not in TYPES:
            raise bad_request(f"Invalid schema at {place}: {kind!r} is not a valid type.")
    required = part.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise bad_request(f"Invalid schema at {place}.required: expected a list of strings.")
    if "enum" in part and (not isinstance(part["enum"], list) or not part["enum"]):
        raise bad_request(f"Invalid schema at {place}.enum: expected a list that is not empty.")
    if "$ref" in part:
        _check_reference(part["$ref"], place, root)


def _check_reference(reference: object, place: str, root: Schema) -> None:
    local = isinstance(reference, str) and (reference == "#" or reference.startswith("#/"))
    if not local or not isinstance(resolve(str(reference), root), Mapping):
        raise bad_request(f"Invalid schema at {place}: cannot resolve $ref {reference!r}.")
