"""What a language's syntax trees look like, where they define or import something."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grok_agent.context.definition_names import Namer
from grok_agent.context.symbol_records import DefinitionKind

Rule = Mapping[str, Any]
"""A rule of ast-grep."""


@dataclass(frozen=True)
class Grammar:
    """What to look for in a tree.

    ``definitions`` maps kinds of nodes to kinds of definitions. Nodes in ``only`` count where their
    rule holds. ``leading`` nodes (decorators, templates) belong to the definition they begin or
    stand in front of. ``top_level`` nodes define something outside of other definitions only; they
    are looked for in the root and, below it, in ``containers``. ``names`` has the nodes that do not
    tell their names in the usual way, ``words`` those of a signature that tell the kind better.
    """

    definitions: Mapping[str, DefinitionKind]
    names: Mapping[str, Namer] = field(default_factory=dict)
    words: Mapping[str, DefinitionKind] = field(default_factory=dict)
    only: Mapping[str, Rule] = field(default_factory=dict)
    imports: frozenset[str] = frozenset()
    leading: frozenset[str] = frozenset()
    top_level: Mapping[str, DefinitionKind] = field(default_factory=dict)
    containers: frozenset[str] = frozenset()

    def searched(self) -> list[str]:
        """Kinds of nodes that are found wherever they stand."""
        return sorted({*self.definitions, *self.imports, *self.leading})


def words(text: str) -> frozenset[str]:
    """The words of ``text``, a short way to write names of nodes."""
    return frozenset(text.split())
