"""Which nodes of each language's syntax trees define or import something.

Names of nodes are those of the tree-sitter grammars inside ast-grep.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from grok_agent.context import definition_names
from grok_agent.context.grammar import Grammar, Rule, words
from grok_agent.context.grammar_families import CPP, JAVASCRIPT, TYPESCRIPT, C

ERROR = "ERROR"
"""The kind of a node that holds what the parser did not understand."""

_CALLS_REQUIRE: Rule = {
    "has": {"field": "method", "regex": "^(require|require_relative|load|autoload)$"}
}

_GRAMMARS: Mapping[str, Grammar] = {
    "python": Grammar(
        definitions={"function_definition": "function", "class_definition": "class"},
        names={"expression_statement": definition_names.by_assignment},
        imports=words("import_statement import_from_statement future_import_statement"),
        leading=words("decorated_definition"),
        top_level={"expression_statement": "variable", "type_alias_statement": "type"},
        containers=words(
            "if_statement else_clause try_statement except_clause with_statement block"
        ),
    ),
    "javascript": JAVASCRIPT,
    "typescript": TYPESCRIPT,
    "tsx": TYPESCRIPT,
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
        imports=words("import_spec"),
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
        imports=words("use_declaration extern_crate_declaration mod_item"),
        leading=words("attribute_item"),
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
        imports=words("import_declaration"),
    ),
    "c": C,
    "cpp": CPP,
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
        imports=words("call"),
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
        imports=words(
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
        imports=words("using_directive"),
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
        imports=words("import_header"),
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
        imports=words("import_declaration"),
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
        imports=words("import_declaration"),
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
        imports=words("function_call"),
    ),
    "bash": Grammar(
        definitions={"function_definition": "function"},
        only={"command": {"has": {"field": "name", "regex": r"^(source|\.)$"}}},
        imports=words("command"),
        top_level={"variable_assignment": "variable"},
        containers=words("declaration_command"),
    ),
}


@cache
def grammar_of(language: str) -> tuple[Grammar, list[Any]]:
    """The grammar of ``language`` (one of ``syntax.LANGUAGES``), and rules to search for any of.

    Kinds of nodes that the installed release of ast-grep does not know are left out of the rules.
    """
    grammar = _GRAMMARS[language]
    known = [kind for kind in (*grammar.searched(), ERROR) if _is_known(kind, language)]
    return grammar, [{"kind": kind, **grammar.only.get(kind, {})} for kind in known]


def _is_known(kind: str, language: str) -> bool:
    from ast_grep_py import SgRoot

    try:
        SgRoot("", language).root().find(kind=kind)
    except RuntimeError:
        return False
    return True
