"""Which language a file is written in, by its name."""

import re
from pathlib import PurePosixPath

_SUFFIXES = {
    "python": "py pyi pyw",
    "javascript": "js jsx mjs cjs",
    "typescript": "ts mts cts",
    "tsx": "tsx",
    "go": "go",
    "rust": "rs",
    "java": "java",
    "c": "c h",
    "cpp": "cc cpp cxx c++ hh hpp hxx h++ ipp inl tpp cu cuh",
    "ruby": "rb rake gemspec",
    "php": "php phtml",
    "csharp": "cs",
    "kotlin": "kt kts",
    "scala": "scala sc sbt",
    "swift": "swift",
    "lua": "lua",
    "bash": "sh bash zsh ksh",
    # From here on there is no grammar, and patterns find the definitions.
    "ada": "adb ads",
    "clojure": "clj cljs cljc",
    "crystal": "cr",
    "cython": "pyx pxd",
    "d": "d",
    "dart": "dart",
    "elixir": "ex exs",
    "elm": "elm",
    "erlang": "erl hrl",
    "fortran": "f90 f95 f03 f08",
    "fsharp": "fs fsi fsx",
    "gdscript": "gd",
    "graphql": "graphql gql",
    "groovy": "groovy gradle",
    "haskell": "hs",
    "hcl": "tf hcl",
    "julia": "jl",
    "lisp": "lisp el scm rkt",
    "nim": "nim",
    "nix": "nix",
    "objective-c": "m mm",
    "ocaml": "ml mli",
    "pascal": "pas",
    "perl": "pl pm",
    "powershell": "ps1 psm1",
    "protobuf": "proto",
    "r": "r",
    "solidity": "sol",
    "sql": "sql",
    "svelte": "svelte",
    "tcl": "tcl",
    "thrift": "thrift",
    "verilog": "v sv svh",
    "vhdl": "vhd vhdl",
    "visual-basic": "vb",
    "vue": "vue",
    "zig": "zig",
}

_NAMES = {
    "Gemfile": "ruby",
    "Jenkinsfile": "groovy",
    "Rakefile": "ruby",
    "Vagrantfile": "ruby",
    "configure": "bash",
}

_BY_SUFFIX = {
    suffix: language for language, suffixes in _SUFFIXES.items() for suffix in suffixes.split()
}


_CPP = re.compile(r"^[ \t]*(?:class\s+\w+|namespace\b[^;\n]*\{|template\s*<)", re.MULTILINE)


def language_of(path: str) -> str | None:
    """The programming language of a file's name, in lower case; None for everything else.

    ``path`` is posix; nothing is read. C++ headers named ``.h`` count as C; see :func:`refined`.
    """
    name = PurePosixPath(path).name
    if name in _NAMES:
        return _NAMES[name]
    return _BY_SUFFIX.get(name.rpartition(".")[2].lower()) if "." in name else None


def refined(language: str, text: str) -> str:
    """``language``, or the one that ``text`` is in although its name says ``language``.

    A header named ``.h`` holds C or C++.
    """
    return "cpp" if language == "c" and _CPP.search(text, 0, 100_000) else language
