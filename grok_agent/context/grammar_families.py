"""The grammars of languages that share most of theirs: JavaScript's and C's.

Names of nodes are those of the tree-sitter grammars inside ast-grep.
"""

from collections.abc import Sequence

from grok_agent.context import definition_names
from grok_agent.context.grammar import Grammar, Rule, words

_HAS_FUNCTION: Rule = {
    "any": [
        {"kind": kind}
        for kind in ("arrow_function", "function_expression", "generator_function", "class")
    ]
}
JAVASCRIPT = Grammar(
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
    imports=words("import_statement export_statement"),
    leading=words("decorator"),
    top_level={"lexical_declaration": "constant", "variable_declaration": "variable"},
    containers=words("export_statement"),
)
TYPESCRIPT = Grammar(
    definitions={
        **{kind: to for kind, to in JAVASCRIPT.definitions.items() if kind != "field_definition"},
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
        **JAVASCRIPT.names,
        "internal_module": definition_names.by_dotted_name,
        "module": definition_names.by_dotted_name,
    },
    words=JAVASCRIPT.words,
    only={
        **JAVASCRIPT.only,
        "public_field_definition": JAVASCRIPT.only["field_definition"],
    },
    imports=JAVASCRIPT.imports,
    leading=JAVASCRIPT.leading,
    top_level=JAVASCRIPT.top_level,
    containers=words("export_statement ambient_declaration"),
)
_HAS_BODY: Rule = {"has": {"field": "body", "kind": "field_declaration_list"}}
C = Grammar(
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
    imports=words("preproc_include"),
    top_level={"declaration": "variable"},
    containers=words(
        "preproc_if preproc_ifdef preproc_else preproc_elif linkage_specification declaration_list"
    ),
)
_HAS_FUNCTION_DECLARATOR: Rule = {"has": {"kind": "function_declarator"}}
_HAS_WOUND_DECLARATOR: Sequence[Rule] = [
    {"has": {"kind": kind, **_HAS_FUNCTION_DECLARATOR}}
    for kind in ("pointer_declarator", "reference_declarator")
]
CPP = Grammar(
    definitions={
        **C.definitions,
        "class_specifier": "class",
        "namespace_definition": "module",
        "field_declaration": "method",
        "alias_declaration": "type",
        "concept_definition": "type",
    },
    names={
        **C.names,
        "field_declaration": definition_names.by_declarators,
        "namespace_definition": definition_names.by_dotted_name,
    },
    only={
        **C.only,
        "class_specifier": _HAS_BODY,
        "field_declaration": {"any": [_HAS_FUNCTION_DECLARATOR, *_HAS_WOUND_DECLARATOR]},
    },
    imports=words("preproc_include import_declaration"),
    leading=words("template_declaration"),
    top_level=C.top_level,
    containers=C.containers | words("namespace_definition template_declaration"),
)
