"""Which nodes of each language's syntax tree define or import something.

Node names are those of the tree-sitter grammars inside ast-grep.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from grok_agent.context import definition_names
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


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HAS_FUNCTION: Rule = {
    "any": [
        {"kind": kind}
        for kind in ("arrow_function", "function_expression", "generator_function", "class")
    ]
}
_JAVASCRIPT = Grammar(
    definitions={
        "function_declaration": "function",
        "generator_function_declaration": "function",
        "class_declaration": "class",
        "method_definition": "method",
        "variable_declarator": "function",
        "assignment_expression": "function",
        "field_definition": "method",
    },
    names={
        "variable_declarator": definition_names.by_variable,
        "assignment_expression": definition_names.by_target,
        "lexical_declaration": definition_names.by_plain_variables,
        "variable_declaration": definition_names.by_plain_variables,
    },
    words={"let": "variable"},
    only={
        "variable_declarator": {"has": {"field": "value", **_HAS_FUNCTION}},
        "assignment_expression": {"has": {"field": "right", **_HAS_FUNCTION}},
        "field_definition": {"has": {"field": "value", **_HAS_FUNCTION}},
        "export_statement": {"has": {"field": "source", "kind": "string"}},
    },
    imports=_words("import_statement export_statement"),
    leading=_words("decorator"),
    top_level={"lexical_declaration": "constant", "variable_declaration": "variable"},
    containers=_words("export_statement"),
)
_TYPESCRIPT = Grammar(
    definitions={
        **{kind: to for kind, to in _JAVASCRIPT.definitions.items() if kind != "field_definition"},
        "public_field_definition": "method",
        "abstract_class_declaration": "class",
        "abstract_method_signature": "method",
        "function_signature": "function",
        "interface_declaration": "interface",
        "type_alias_declaration": "type",
        "enum_declaration": "enum",
        "internal_module": "module",
        "module": "module",
    },
    names={
        **_JAVASCRIPT.names,
        "internal_module": definition_names.by_dotted_name,
        "module": definition_names.by_dotted_name,
    },
    words=_JAVASCRIPT.words,
    only={
        **_JAVASCRIPT.only,
        "public_field_definition": _JAVASCRIPT.only["field_definition"],
    },
    imports=_JAVASCRIPT.imports,
    leading=_JAVASCRIPT.leading,
    top_level=_JAVASCRIPT.top_level,
    containers=_words("export_statement ambient_declaration"),
)
_HAS_BODY: Rule = {"has": {"field": "body", "kind": "field_declaration_list"}}
_C = Grammar(
    definitions={
        "function_definition": "function",
        "struct_specifier": "struct",
        "union_specifier": "struct",
        "enum_specifier": "enum",
        "type_definition": "type",
        "preproc_def": "macro",
        "preproc_function_def": "macro",
    },
    names={
        "function_definition": definition_names.by_declarators,
        "type_definition": definition_names.by_declarators,
        "declaration": definition_names.by_declarators,
    },
    only={
        "struct_specifier": _HAS_BODY,
        "union_specifier": _HAS_BODY,
        "enum_specifier": {"has": {"field": "body", "kind": "enumerator_list"}},
    },
    imports=_words("preproc_include"),
    top_level={"declaration": "variable"},
    containers=_words(
        "preproc_if preproc_ifdef preproc_else preproc_elif linkage_specification declaration_list"
    ),
)
_HAS_FUNCTION_DECLARATOR: Rule = {"has": {"kind": "function_declarator"}}
_HAS_WOUND_DECLARATOR: Sequence[Rule] = [
    {"has": {"kind": kind, **_HAS_FUNCTION_DECLARATOR}}
    for kind in ("pointer_declarator", "reference_declarator")
]
_CPP = Grammar(
    definitions={
        **_C.definitions,
        "class_specifier": "class",
        "namespace_definition": "module",
        "field_declaration": "method",
        "alias_declaration": "type",
        "concept_definition": "type",
    },
    names={
        **_C.names,
        "field_declaration": definition_names.by_declarators,
        "namespace_definition": definition_names.by_dotted_name,
    },
    only={
        **_C.only,
        "class_specifier": _HAS_BODY,
        "field_declaration": {"any": [_HAS_FUNCTION_DECLARATOR, *_HAS_WOUND_DECLARATOR]},
    },
    imports=_words("preproc_include import_declaration"),
    leading=_words("template_declaration"),
    top_level=_C.top_level,
    containers=_C.containers | _words("namespace_definition template_declaration"),
)
_CALLS_REQUIRE: Rule = {
    "has": {"field": "method", "regex": "^(require|require_relative|load|autoload)$"}
}

_GRAMMARS: Mapping[str, Grammar] = {
    "python": Grammar(
        definitions={"function_definition": "function", "class_definition": "class"},
        names={"expression_statement": definition_names.by_assignment},
        imports=_words("import_statement import_from_statement future_import_statement"),
        leading=_words("decorated_definition"),
        top_level={"expression_statement": "variable", "type_alias_statement": "type"},
        containers=_words(
            "if_statement else_clause try_statement except_clause with_statement block"
        ),
    ),
    "javascript": _JAVASCRIPT,
    "typescript": _TYPESCRIPT,
    "tsx": _TYPESCRIPT,
    "go": Grammar(
        definitions={
            "function_declaration": "function",
            "method_declaration": "method",
            "type_spec": "type",
            "type_alias": "type",
            "const_spec": "constant",
            "var_spec": "variable",
        },
        names={
            "method_declaration": definition_names.by_receiver,
            "const_spec": definition_names.by_names,
            "var_spec": definition_names.by_names,
        },
        words={"struct": "struct", "interface": "interface"},
        imports=_words("import_spec"),
    ),
    "rust": Grammar(
        definitions={
            "function_item": "function",
            "function_signature_item": "function",
            "struct_item": "struct",
            "union_item": "struct",
            "enum_item": "enum",
            "trait_item": "trait",
            "impl_item": "impl",
            "mod_item": "module",
            "const_item": "constant",
            "static_item": "variable",
            "type_item": "type",
            "associated_type": "type",
            "macro_definition": "macro",
        },
        names={"impl_item": definition_names.by_type},
        imports=_words("use_declaration extern_crate_declaration mod_item"),
        leading=_words("attribute_item"),
    ),
    "java": Grammar(
        definitions={
            "class_declaration": "class",
            "interface_declaration": "interface",
            "enum_declaration": "enum",
            "record_declaration": "class",
            "annotation_type_declaration": "interface",
            "method_declaration": "method",
            "constructor_declaration": "method",
            "compact_constructor_declaration": "method",
            "field_declaration": "constant",
            "constant_declaration": "constant",
        },
        names={
            "field_declaration": definition_names.by_declarators,
            "constant_declaration": definition_names.by_declarators,
        },
        only={"field_declaration": {"has": {"kind": "modifiers", "regex": r"\bstatic\b"}}},
        imports=_words("import_declaration"),
    ),
    "c": _C,
    "cpp": _CPP,
    "ruby": Grammar(
        definitions={
            "method": "method",
            "singleton_method": "method",
            "class": "class",
            "module": "module",
            "assignment": "constant",
        },
        names={
            "class": definition_names.by_dotted_name,
            "module": definition_names.by_dotted_name,
            "assignment": definition_names.by_left,
        },
        only={
            "assignment": {"has": {"field": "left", "kind": "constant"}},
            "call": _CALLS_REQUIRE,
        },
        imports=_words("call"),
    ),
    "php": Grammar(
        definitions={
            "function_definition": "function",
            "class_declaration": "class",
            "interface_declaration": "interface",
            "trait_declaration": "trait",
            "enum_declaration": "enum",
            "method_declaration": "method",
            "const_element": "constant",
            "namespace_definition": "module",
        },
        names={"namespace_definition": definition_names.by_dotted_name},
        imports=_words(
            "namespace_use_declaration require_expression require_once_expression"
            " include_expression include_once_expression"
        ),
    ),
    "csharp": Grammar(
        definitions={
            "class_declaration": "class",
            "interface_declaration": "interface",
            "struct_declaration": "struct",
            "record_declaration": "class",
            "enum_declaration": "enum",
            "delegate_declaration": "type",
            "method_declaration": "method",
            "constructor_declaration": "method",
            "local_function_statement": "function",
            "property_declaration": "property",
            "field_declaration": "constant",
            "namespace_declaration": "module",
            "file_scoped_namespace_declaration": "module",
        },
        names={
            "field_declaration": definition_names.by_inner_declarators,
            "namespace_declaration": definition_names.by_dotted_name,
            "file_scoped_namespace_declaration": definition_names.by_dotted_name,
        },
        only={"field_declaration": {"has": {"kind": "modifier", "regex": "^(const|static)$"}}},
        imports=_words("using_directive"),
    ),
    "kotlin": Grammar(
        definitions={
            "class_declaration": "class",
            "object_declaration": "class",
            "companion_object": "class",
            "function_declaration": "function",
            "type_alias": "type",
        },
        names={"property_declaration": definition_names.by_wrapped_name},
        words={"interface": "interface", "enum": "enum"},
        imports=_words("import_header"),
        top_level={"property_declaration": "variable"},
    ),
    "scala": Grammar(
        definitions={
            "class_definition": "class",
            "object_definition": "class",
            "trait_definition": "trait",
            "enum_definition": "enum",
            "function_definition": "function",
            "function_declaration": "function",
            "type_definition": "type",
        },
        imports=_words("import_declaration"),
        top_level={"val_definition": "variable", "given_definition": "variable"},
    ),
    "swift": Grammar(
        definitions={
            "class_declaration": "class",
            "protocol_declaration": "interface",
            "function_declaration": "function",
            "protocol_function_declaration": "function",
            "init_declaration": "method",
            "typealias_declaration": "type",
        },
        names={"property_declaration": definition_names.by_wrapped_name},
        words={"struct": "struct", "enum": "enum", "extension": "impl"},
        imports=_words("import_declaration"),
        top_level={"property_declaration": "variable"},
    ),
    "lua": Grammar(
        definitions={"function_declaration": "function", "assignment_statement": "function"},
        names={"assignment_statement": definition_names.by_first_target},
        only={
            "assignment_statement": {
                "has": {"kind": "expression_list", "has": {"kind": "function_definition"}}
            },
            "function_call": {"has": {"field": "name", "regex": "^require$"}},
        },
        imports=_words("function_call"),
    ),
    "bash": Grammar(
        definitions={"function_definition": "function"},
        only={"command": {"has": {"field": "name", "regex": r"^(source|\.)$"}}},
        imports=_words("command"),
        top_level={"variable_assignment": "variable"},
        containers=_words("declaration_command"),
    ),
}


@cache
def grammar_of(language: str) -> tuple[Grammar, list[Any]]:
    """The grammar of ``language`` (one of ``syntax.LANGUAGES``), and rules to search for any of.

    Kinds of nodes that the installed release of ast-grep does not know are left out of the rules.
    """
    grammar = _GRAMMARS[language]
    known = [kind for kind in grammar.searched() if _is_known(kind, language)]
    return grammar, [{"kind": kind, **grammar.only.get(kind, {})} for kind in known]


def _is_known(kind: str, language: str) -> bool:
    from ast_grep_py import SgRoot

    try:
        SgRoot("", language).root().find(kind=kind)
    except RuntimeError:
        return False
    return True
