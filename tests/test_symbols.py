"""Definitions, imports and identifiers of source files, kept by their content."""

import ast
import sqlite3
import sysconfig
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_agent.context import symbols as symbols_module
from grok_agent.context.files import DatedFile, snapshot
from grok_agent.context.symbols import Symbols, language_of, symbols_for, symbols_of
from grok_agent.folders import cache_folder

SUFFIXES = (
    *("py", "js", "ts", "tsx", "go", "rs", "java", "c", "cpp", "rb", "php", "cs", "kt"),
    *("scala", "swift", "lua", "sh", "vue", "hs", "sql", "ex", "m"),
)


def outline(path: str, text: str) -> list[str]:
    """Definitions as ``first-last kind parent.name``."""
    return [
        f"{d.first_line}-{d.last_line} {d.kind} {d.parent}.{d.name}".replace(" .", " ")
        for d in symbols_of(path, text).definitions
    ]


def imports(path: str, text: str) -> list[tuple[int, str, tuple[str, ...]]]:
    return [(i.line, i.module, i.names) for i in symbols_of(path, text).imports]


def test_a_python_file() -> None:
    text = (
        "import os.path as p, sys\n"
        "from .a import (b as c,  # why\n    d)\n"
        "LIMIT = 3\n\n\n"
        "@cache\nclass A(B):\n    @property\n    def f(self, x: int = 1) -> int:\n"
        "        def inner(): ...\n        return x\n"
    )
    assert outline("pkg/a.py", text) == [
        "4-4 variable LIMIT",
        "7-12 class A",
        "9-12 method A.f",
        "11-11 function A.f.inner",
    ]
    found = symbols_of("pkg/a.py", text)
    assert [d.signature for d in found.definitions] == [
        "LIMIT = 3",
        "class A(B)",
        "def f(self, x: int = 1) -> int",
        "def inner()",
    ]
    assert imports("pkg/a.py", text) == [(1, "os.path", ()), (1, "sys", ()), (2, ".a", ("b", "d"))]
    assert dict(found.references) == {
        **dict.fromkeys(["import", "as", "def", "int"], 2),
        **dict.fromkeys(["os", "path", "sys", "from", "why", "LIMIT", "cache", "class"], 1),
        **dict.fromkeys(["property", "self", "inner", "return"], 1),
    }


def test_typescript() -> None:
    text = """\
import a, { b as c, type D } from "mod";
import * as ns from './x';
export { q } from "../q";
const fs = require("fs"), { y } = require('./y');
@Component({ a: 1 })
export default class Foo<T> extends Bar {
  handler = async (e: Event) => { };
  constructor(private a: number) { super(); }
  @Input()
  get value(): string { return "" }
}
export interface I { m(a: number): void }
export type T1 = string;
export const enum E { A }
export const arrow = async <T,>(a: T): Promise<T> => { const inside = 1; return a };
let v = 1;
namespace N.M { function nf() {} }
app.use = function use(a) { };
Foo.prototype.bar = (a) => 1;
module.exports = function (a) { };
describe("it", () => { const local = 1; function helper() {} });
"""
    assert outline("a.ts", text) == [
        "5-11 class Foo",
        "7-7 method Foo.handler",
        "8-8 method Foo.constructor",
        "9-10 method Foo.value",
        "12-12 interface I",
        "13-13 type T1",
        "14-14 enum E",
        "15-15 function arrow",
        "16-16 variable v",
        "17-17 module N.M",
        "17-17 function N.M.nf",
        "18-18 method app.use",
        "19-19 method Foo.bar",
        "21-21 function helper",
    ]
    assert imports("a.ts", text) == [
        (1, "mod", ("default", "b", "D")),
        (2, "./x", ("*",)),
        (3, "../q", ("q",)),
        (4, "fs", ()),
        (4, "./y", ()),
    ]
    signatures = [d.signature for d in symbols_of("a.ts", text).definitions]
    assert signatures[0] == "export default class Foo<T> extends Bar"
    assert signatures[7] == "export const arrow = async <T,>(a: T): Promise<T>"


def test_signatures_stand_on_one_line() -> None:
    def signature(path: str, text: str) -> str:
        return symbols_of(path, text).definitions[0].signature

    assert signature("a.ts", "export const f = (a) => {\n}") == "export const f = (a)"
    assert (
        signature("a.py", "def f(\n    a: int,\n) -> str:\n    pass") == "def f( a: int, ) -> str"
    )
    assert signature("a.java", '@A("x") class B<T> {}') == "class B<T>"
    assert signature("a.py", f"def f({'a, ' * 200}): pass")[-4:] == ", a…"
    assert signature("a.py", "x = x(1)\n") == "x = x(1)"
    assert symbols_of("a.py", "x = x(1)\n").definitions[0].kind == "variable"


LANGUAGES = {
    "a.jsx": (
        "class A extends B {\n  render() { return <b/>; }\n}\nconst B = () => <A/>;\n",
        ["1-3 class A", "2-2 method A.render", "4-4 function B"],
    ),
    "a.tsx": ("export function F(p: P) { return <b>{p.x}</b> }\n", ["1-1 function F"]),
    "a.go": (
        "type S[T any] struct {\n\ta int\n}\ntype I interface{ M() }\nconst (\n\tA = iota\n\tB\n)\n"
        "var x, y = 1, 2\nfunc (s *S[T]) M() error {\n\tvar z = 1\n\treturn nil\n}\nfunc F() {}\n",
        [
            *("1-3 struct S", "4-4 interface I", "6-6 constant A", "7-7 constant B"),
            *("9-9 variable x", "9-9 variable y", "10-13 method S.M", "14-14 function F"),
        ],
    ),
    "a.rs": (
        "#[derive(Debug)]\n#[cfg(x)]\npub struct S<T> { a: T }\n"
        "impl<T> fmt::Display for S<T> {\n    fn fmt(&self) {}\n}\n"
        "pub trait T { fn t(&self); }\nmacro_rules! m { () => {} }\n"
        "mod inner { const K: u8 = 1; }\n",
        [
            *("1-3 struct S", "4-6 impl S", "5-5 method S.fmt", "7-7 trait T", "7-7 method T.t"),
            *("8-8 macro m", "9-9 module inner", "9-9 constant inner.K"),
        ],
    ),
    "A.java": (
        "@Ann\npublic class A<T> {\n  public static final int K = 1, L = 2;\n  int f;\n  A() {}\n"
        "  @Override public <R> R m(int a) { return null; }\n}\nrecord R(int a) {}\nenum E { A }\n",
        [
            *("1-7 class A", "3-3 constant A.K", "3-3 constant A.L", "5-5 method A.A"),
            *("6-6 method A.m", "8-8 class R", "9-9 enum E"),
        ],
    ),
    "a.c": (
        "#define MAX(a) (a)\ntypedef struct node { int v; } node;\nstruct pt { int x; };\n"
        "struct pt *fwd;\n#ifdef X\nint proto(int a);\n#endif\n"
        "static const char *const *\nptr(int a)\n{\n    int local = 1;\n}\n"
        "int (*fp(int a))(int) {}\n",
        [
            *("1-1 macro MAX", "2-2 struct node", "3-3 struct pt", "4-4 variable fwd"),
            *("6-6 prototype proto", "8-12 function ptr", "13-13 function fp"),
        ],
    ),
    "a.cpp": (
        "namespace a::b {\ntemplate <typename T>\nclass Foo : public Bar<T> {\n  ~Foo() {}\n"
        "  virtual int *m(int x) const = 0;\n  int field_;\n};\n}\n"
        "int a::b::Foo<int>::m(int x) const { return 1; }\nbool operator==(A a, B b) {}\n"
        "using X = std::vector<int>;\nenum class E { A };\n",
        [
            *("1-8 module a.b", "2-7 class a.b.Foo", "4-4 method a.b.Foo.~Foo"),
            *("5-5 method a.b.Foo.m", "9-9 method a.b.Foo.m", "10-10 function operator=="),
            *("11-11 type X", "12-12 enum E"),
        ],
    ),
    "cpp.h": (
        "namespace n {\nclass A { int f(); };\n}\n",
        ["1-3 module n", "2-2 class n.A", "2-2 method n.A.f"],
    ),
    "a.rb": (
        "module A::B\n  class C < D\n    K = 1\n    def self.m(a) = 1\n"
        "    def n?\n    end\n  end\nend\n",
        [
            *("1-8 module A.B", "2-7 class A.B.C", "3-3 constant A.B.C.K"),
            *("4-4 method A.B.C.m", "5-6 method A.B.C.n?"),
        ],
    ),
    "a.php": (
        "<?php\nnamespace App\\X;\nabstract class K extends L {\n  const Z = 1;\n"
        "  public function m(int $a): string {}\n}\n"
        "interface I {}\ntrait T {}\nfunction f($a) {}\n",
        [
            *("2-2 module App.X", "3-6 class K", "4-4 constant K.Z", "5-5 method K.m"),
            *("7-7 interface I", "8-8 trait T", "9-9 function f"),
        ],
    ),
    "a.cs": (
        "namespace N.M {\n[Attr]\npublic class Foo<T> : Bar {\n  public const int K = 1;\n"
        "  int f;\n  public int P { get; set; }\n  public async Task<int> M(int a) => 1;\n}\n}\n",
        [
            *("1-9 module N.M", "2-8 class N.M.Foo", "4-4 constant N.M.Foo.K"),
            *("6-6 property N.M.Foo.P", "7-7 method N.M.Foo.M"),
        ],
    ),
    "a.kt": (
        "@Ann\ndata class Foo<T>(val a: Int) : Bar() {\n"
        "  private suspend fun <R> m(a: Int): R = 1\n}\n"
        "interface I\nobject O\nfun String.ext(): Int { return 1 }\nval top = 1\n",
        [
            *("1-4 class Foo", "3-3 method Foo.m", "5-5 interface I", "6-6 class O"),
            *("7-7 function ext", "8-8 variable top"),
        ],
    ),
    "a.scala": (
        "case class Foo(a: Int) { def m(a: Int): Int = 1 }\nobject O\ntrait T\n",
        ["1-1 class Foo", "1-1 method Foo.m", "2-2 class O", "3-3 trait T"],
    ),
    "a.swift": (
        "struct S {\n  func m(a: Int) -> Int { 1 }\n}\nextension S: P {}\nprotocol P {}\n",
        ["1-3 struct S", "2-2 method S.m", "4-4 impl S", "5-5 interface P"],
    ),
    "a.lua": (
        "local function f(a)\nend\nfunction M:h(a) end\nM.k = function(a) end\n",
        ["1-2 function f", "3-3 method M.h", "4-4 method M.k"],
    ),
    "a.sh": ("foo() {\n  x=1\n}\nY=2\n", ["1-3 function foo", "4-4 variable Y"]),
    "a.hs": (
        "module A where\ndata T = X | Y\n\nf :: Int -> Int\nf 0 = 1\nf n = n\n\n-- | g\ng :: Int\n",
        ["1-1 module A", "2-2 type T", "4-8 function f", "9-9 function g"],
    ),
    "a.vue": (
        "<script>\nimport { ref } from 'vue'\nfunction go(a) {\n  const local = 1\n}\n</script>\n",
        ["3-5 function go"],
    ),
    "a.ex": (
        "defmodule A.B do\n  def start(a) do\n    :ok\n  end\n  defp go!(x), do: x\nend\n",
        ["1-6 module A.B", "2-4 function A.B.start", "5-5 function A.B.go!"],
    ),
    "a.sql": (
        "CREATE TABLE users (\n  id int\n);\n\nselect 1;\ncreate or replace function f(a int)\n",
        ["1-5 struct users", "6-6 function f"],
    ),
    "a.dart": (
        "class Foo {\n  @override\n"
        "  Widget build(BuildContext context) {\n    return x(1);\n  }\n}\n",
        ["1-6 class Foo", "3-5 function Foo.build"],
    ),
}


@pytest.mark.parametrize("path", LANGUAGES)
def test_languages(path: str) -> None:
    text, expected = LANGUAGES[path]
    assert outline(path, text) == expected
    assert outline(path, text.replace("\n", "\r\n")) == expected
    assert outline(path, f"\ufeff{text}") == expected


IMPORTS = {
    "a.py": (
        "from __future__ import annotations\nfrom . import x\nfrom a.b import *\n"
        "import a \\\n , b\n",
        [
            *((1, "__future__", ("annotations",)), (2, ".", ("x",)), (3, "a.b", ("*",))),
            *((4, "a", ()), (4, "b", ())),
        ],
    ),
    "a.js": (
        'import "side";\nexport * from "r";\nconst d = await import("./dyn");\n'
        'import React, {\n  // why\n  useState,\n} from "react";\n',
        [
            *((1, "side", ()), (2, "r", ("*",)), (3, "./dyn", ())),
            (4, "react", ("default", "useState")),
        ],
    ),
    "a.go": ('import "fmt"\nimport (\n\tx "a/b"\n)\n', [(1, "fmt", ()), (3, "a/b", ())]),
    "a.rs": (
        "use std::{io, fmt::{self, Display as D}};\npub use crate::x::*;\nmod near;\n",
        [
            *((1, "std::fmt", ("self", "Display")), (1, "std", ("io",))),
            *((2, "crate::x", ("*",)), (3, "self::near", ())),
        ],
    ),
    "A.java": (
        "import x.y.Z;\nimport static x.y.W.*;\n",
        [(1, "x.y", ("Z",)), (2, "x.y.W", ("*",))],
    ),
    "a.c": ('#include <stdio.h>\n#include "a/b.h"\n', [(1, "stdio.h", ()), (2, "a/b.h", ())]),
    "a.rb": (
        "require 'json'\nrequire_relative 'x'\nputs 'no'\n",
        [(1, "json", ()), (2, "./x", ())],
    ),
    "a.php": (
        "<?php\nuse Foo\\Bar;\nuse Foo\\{A, B as C};\nrequire_once 'x.php';\n",
        [(2, "Foo", ("Bar",)), (3, "Foo", ("A", "B")), (4, "x.php", ())],
    ),
    "a.cs": (
        "using System;\nusing static System.Math;\nusing X = A.B;\n",
        [(1, "System", ()), (2, "System.Math", ()), (3, "A.B", ())],
    ),
    "a.kt": ("import x.y.Z as V\nimport q.*\n", [(1, "x.y", ("Z",)), (2, "q", ("*",))]),
    "a.scala": ("import x.y.{Z, W => V}\n", [(1, "x.y", ("Z", "W"))]),
    "a.swift": ("@testable import Foo.Bar\n", [(1, "Foo", ("Bar",))]),
    "a.lua": ('local x = require("x.y")\nprint("a")\n', [(1, "x.y", ())]),
    "a.sh": ("source ./x.sh\n. y.sh\necho z\n", [(1, "./x.sh", ()), (2, "y.sh", ())]),
    "a.vue": (
        "import {\n a,\n} from './x'\nimport './y'\nrequire('z')\n",
        [(1, "./x", ("a",)), (4, "./y", ()), (5, "z", ())],
    ),
    "a.hs": ("import qualified Data.Map as M\n", [(1, "Data.Map", ())]),
    "a.proto": ('import "x/y.proto";\n', [(1, "x/y.proto", ())]),
}


@pytest.mark.parametrize("path", IMPORTS)
def test_imports_of_languages(path: str) -> None:
    text, expected = IMPORTS[path]
    assert imports(path, text) == expected


def test_python_definitions_are_those_of_python_itself() -> None:
    folder = Path(sysconfig.get_paths()["stdlib"])
    for name in ("argparse", "dataclasses", "enum", "functools", "inspect", "json/encoder"):
        text = (folder / f"{name}.py").read_text(encoding="utf-8")
        expected = sorted(
            (node.name, min([node.lineno, *(d.lineno for d in node.decorator_list)]))
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        )
        found = symbols_of(f"{name}.py", text).definitions
        kinds = ("class", "function", "method")
        assert sorted((d.name, d.first_line) for d in found if d.kind in kinds) == expected


HOSTILE = {
    "nested parentheses": "(" * 100_000 + ")" * 100_000,
    "open brackets": "[" * 100_000,
    "open braces": "{" * 100_000,
    "open braces on lines": "{\n" * 20_000,
    "nested calls": "a(" * 100_000 + ")" * 100_000,
    "open generics": "".join(f"a{n}<\n" for n in range(5_000)),
    "open comments": "".join(f"/* a{n}\n" for n in range(5_000)),
    "continued lines": "\\\n" * 20_000,
    "a long line": "def f(a,b){return a+b};function g(){};class A{};" * 2_000,
    "NUL bytes": "".join(f"\0\0 a{n}\n" for n in range(20_000)),
    "markup": "".join(f"<a> a{n}\n" for n in range(5_000)),
    "lone surrogates": "def f\ud800(): pass\n\udfff" * 1000,
    "carriage returns": "def f(): pass\r" * 1000,
    "blanks": " " * 60_000 + "\t\n" * 20_000,
    "open strings": "`${\n'''\n\"\"\"\n<<EOF\n" * 1_000,
    "repeated imports": "import {a\n" * 5_000,
}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hostile_texts_end_soon_and_kill_nothing(suffix: str) -> None:
    small = threading.stack_size(256 * 1024)
    try:
        done: list[Symbols] = []
        worker = threading.Thread(
            target=lambda: done.extend(symbols_of(f"a.{suffix}", t) for t in HOSTILE.values())
        )
        worker.start()
        worker.join()
    finally:
        threading.stack_size(small)
    assert len(done) == len(HOSTILE)


def test_a_long_text_is_read_by_patterns() -> None:
    text = "".join(f"def f{n}(a):\n    return a\n\n\n" for n in range(40_000))
    found = symbols_of("long.py", text).definitions
    assert [(d.name, d.first_line, d.last_line) for d in found[:2]] == [("f0", 1, 2), ("f1", 5, 6)]
    assert len(found) == 20_000


def test_what_is_no_program_has_no_symbols() -> None:
    assert symbols_of("README.md", "def f(): pass") == Symbols("")
    assert symbols_of("empty.py", "") == Symbols("python")
    assert language_of("src/.py") is None or language_of("src/.py") == "python"
    assert [language_of(path) for path in ("A.PY", "x/Rakefile", "Makefile", "a.unknown")] == [
        "python",
        "ruby",
        None,
        None,
    ]


def test_broken_code_gives_what_can_be_found() -> None:
    text = "def good():\n    pass\n<<<<<<< a\nx = (\n=======\nx = 1)\n>>>>>>> b\ndef last(): pass\n"
    assert {"good", "last"} <= {d.name for d in symbols_of("a.py", text).definitions}
    unclosed = "x = {\n\ndef lost(a):\n    pass\n\nclass B:\n    y = 1\n"
    assert outline("a.py", unclosed) == ["3-4 function lost", "6-7 class B"]
    assert symbols_of("picture.py", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\ufffd" * 100).definitions == ()


TOKENS = [
    *("def", "class", "=>", "function", "type", "struct", "fn", "impl", "import", "from", "use"),
    *("require", "case", "operator", "template", "namespace", "typedef", "int", "x", "@a", "名"),
    *("(", ")", "{", "}", "[", "]", "<", ">", ":", "::", ";", "=", ".", ",", '"', "'", "#"),
    *("/*", "//", "\n", "\t", "\r\n", "\ud800", "\0", "\ufeff"),
]


@settings(max_examples=60)
@given(
    suffix=st.sampled_from(SUFFIXES),
    text=st.lists(
        st.sampled_from(TOKENS) | st.text(max_size=4),
        max_size=60,
    ).map(" ".join),
)
def test_any_text_gives_spans_inside_it(suffix: str, text: str) -> None:
    found = symbols_of(f"a.{suffix}", text)
    lines = text.count("\n") + 1
    for definition in found.definitions:
        assert 1 <= definition.first_line <= definition.last_line <= lines
        assert definition.name.strip()
        assert "\n" not in definition.signature
        assert len(definition.signature) <= 200
    assert all(1 <= taken.line <= lines for taken in found.imports)
    assert all(count > 0 for _, count in found.references)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("def first(): pass\n")
    (tmp_path / "same.py").write_text("def first(): pass\n")
    (tmp_path / "sur.py").write_bytes(b"def f(x='\xff'): pass\n")
    (tmp_path / "b.md").write_text("# Title\n")
    (tmp_path / "c.bin").write_bytes(bytes(100))
    return tmp_path


def names(root: Path, files: tuple[DatedFile, ...]) -> dict[str, list[str]]:
    return {
        path: [d.name for d in found.definitions]
        for path, found in symbols_for(root, files).items()
    }


def test_a_second_call_reads_no_file(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = snapshot(repository)
    first = symbols_for(repository, files)
    assert sorted(first) == ["a.py", "same.py", "sur.py"]
    monkeypatch.setattr(symbols_module, "read_text", None)
    assert symbols_for(repository, files) == first


def test_the_cache_follows_the_content(repository: Path) -> None:
    symbols_for(repository, snapshot(repository))
    (repository / "a.py").write_text("def second_name(): pass\n")
    found = names(repository, snapshot(repository))
    assert found["a.py"] == ["second_name"]
    assert found["same.py"] == ["first"]


def test_the_same_content_in_another_language(repository: Path) -> None:
    (repository / "a.rb").write_text("def first(): pass\n")
    found = symbols_for(repository, snapshot(repository))
    assert found["a.py"].language == "python"
    assert found["a.rb"].language == "ruby"


def test_files_that_vanished_or_changed_are_left_out(repository: Path) -> None:
    files = snapshot(repository)
    (repository / "sur.py").unlink()
    (repository / "same.py").unlink()
    stale = tuple(replace(file, mtime_ns=file.mtime_ns + 1) for file in files)
    assert names(repository, stale) == {}
    assert names(repository, files)["a.py"] == ["first"]
    assert "sur.py" not in names(repository, files)


def test_damaged_rows_are_worked_out_again(repository: Path) -> None:
    files = snapshot(repository)
    whole = symbols_for(repository, files)
    path = cache_folder() / "symbols.sqlite"
    for damage in ("x'00'", "substr(value, 1, 9)", "x'b1bfe5d25b5d'", "'text'"):
        with sqlite3.connect(path) as connection:
            changed = connection.execute(f"UPDATE contents SET value = {damage}").rowcount
        connection.close()
        assert changed == 2
        assert symbols_for(repository, files) == whole


def test_without_a_cache_folder_everything_is_read(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROK_CACHE_DIR", str(tmp_path / "a.py" / "below-a-file"))
    assert sorted(names(repository, snapshot(repository))) == ["a.py", "same.py", "sur.py"]
