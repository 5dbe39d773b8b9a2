"""One stored prompt: as a value, as a row, as searchable words."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from grok_agent.errors import SettingsError
from grok_agent.library.database import Row
from grok_agent.library.words import searchable
from grok_agent.prompts.schema import Keyword, PromptSpec, Text

COLUMNS = (
    "p.id, p.created_at, p.task, p.model, p.spec, p.images, p.features, p.cost_usd, p.name,"
    " p.derived_from, p.scores"
)


@dataclass(frozen=True)
class Record:
    """One stored prompt.

    ``id`` counts from 1; ``created_at`` is ISO 8601 in UTC; ``images`` holds SHA-256 hashes in
    hexadecimal; ``cost_usd`` is None where the cost is not known; ``name`` is the user's own, or
    empty; ``derived_from`` is the id of the prompt that this one was made from; ``scores`` are
    numbers that the user or a comparison gave.
    """

    id: int
    created_at: str
    task: str
    model: str
    spec: PromptSpec
    images: tuple[str, ...] = ()
    features: dict[str, Any] | None = None
    cost_usd: float | None = None
    name: str = ""
    derived_from: int | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The record in plain types, as it is exported."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {
            "spec": self.spec.model_dump(),
            "images": list(self.images),
            "scores": dict(self.scores),
            "tags": list(self.tags),
        }


def record_of(row: Row, tags: Sequence[str], place: str) -> Record:
    """The record of a row of :data:`COLUMNS`; raises SettingsError when the row is damaged."""
    number, created_at, task, model, spec, images, features, cost, name, parent, scores = row
    try:
        return Record(
            id=number,
            created_at=created_at,
            task=task,
            model=model,
            spec=PromptSpec.model_validate_json(spec),
            images=tuple(json.loads(images)),
            features=json.loads(features) if features else None,
            cost_usd=cost,
            name=name or "",
            derived_from=parent,
            scores=json.loads(scores),
            tags=tuple(tags),
        )
    except (ValidationError, ValueError) as error:
        raise SettingsError(
            f"Prompt {number} in {place} is damaged: {str(error).splitlines()[0]}.",
            next_step="Restore the library from a copy.",
        ) from None


def fingerprint_of(spec: PromptSpec, task: str, images: str) -> str:
    """Equal for prompts that are the same in every field, for one task and the same pictures."""
    said = json.dumps([spec.model_dump_json(), storable(task), images])
    return hashlib.sha256(said.encode()).hexdigest()


def words_of(spec: PromptSpec, task: str) -> str:
    """What a search looks through: the task and everything that the prompt says, both languages."""
    said: list[Text | Keyword] = [spec.subject, spec.sentence, spec.style, spec.camera]
    said += [spec.light, spec.composition, *spec.positive, *spec.identity, *spec.negative]
    texts = [task, spec.title, spec.medium, spec.target]
    texts += [text for each in said for text in (each.en, each.zh)]
    texts += [text for colour in spec.palette for text in (colour.name_en, colour.name_zh)]
    texts += [lora.name for lora in spec.loras]
    return searchable(texts)


def storable(text: str) -> str:
    """Lone surrogates, as from a file name in an unknown encoding, have no place in UTF-8; neither
    has a NUL in PostgreSQL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def images_json(images: Sequence[str]) -> str:
    """Hashes as JSON; raises SettingsError for anything else than a SHA-256 in hexadecimal."""
    for text in images:
        if len(text) != 64 or set(text) - set("0123456789abcdef"):
            raise SettingsError(
                f"{text[:80]!r} is no SHA-256 hash; the library stores no pictures and no paths.",
                next_step="Give the 64 hexadecimal digits of the picture's hash.",
            )
    return json.dumps(list(images))


def features_json(features: BaseModel | Mapping[str, Any] | None) -> str | None:
    """What was measured on the pictures, as JSON."""
    if features is None:
        return None
    if isinstance(features, BaseModel):
        return features.model_dump_json()
    return json.dumps(features, ensure_ascii=True)
