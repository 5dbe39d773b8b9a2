"""The tools ``rewrite_code`` and ``rename_symbol``: one change in all files that it concerns."""

from pydantic import Field

from grok_agent.context.syntax import LANGUAGES
from grok_agent.errors import ToolError
from grok_agent.tools.code_change import CodeChange, Remark
from grok_agent.tools.code_files import CodeFile, Planned, carry_out, code_files, inside
from grok_agent.tools.code_pattern import check_pattern, rewritten
from grok_agent.tools.rename import plan_rename
from grok_agent.tools.workspace_tool import Arguments, WorkspaceTool


class RewriteCodeArguments(Arguments):
    """Arguments of ``rewrite_code``."""

    pattern: str = Field(
        description="Code to look for, by ast-grep's rules: $NAME is any one node, $$$NAME any"
        " number of them. Example: load($PATH, $$$REST)"
    )
    rewrite: str = Field(
        description="Code to put in its place, with the same names. Example: read($PATH, $$$REST)"
    )
    language: str = Field(description="Language of the code, for example python, typescript, go.")
    paths: list[str] = Field(
        default=[], description="Files and folders to change in; empty: the whole workspace."
    )
    dry_run: bool = Field(default=False, description="Only show what would change.")


class RenameSymbolArguments(Arguments):
    """Arguments of ``rename_symbol``."""

    target: str = Field(
        description="What to rename: a name that is defined once (load), a dotted Python name"
        " (package.module.load), or a file and a name (src/files.py:load)."
    )
    new_name: str = Field(description="The new name, without dots.")
    scope: str = Field(
        default="", description="Folder or file to stay in; empty: the whole workspace."
    )
    dry_run: bool = Field(default=False, description="Only show what would change.")


class RewriteCode(WorkspaceTool):
    """Rewrites what a pattern matches, in every file."""

    name: str = "rewrite_code"
    description: str = (
        "Rewrite every piece of code that matches a syntax pattern, in the whole workspace or in"
        " the given paths, in one call. Answers with the diff. Text in strings and comments never"
        " matches. No need to read the files first."
    )
    arguments = RewriteCodeArguments

    def carry_out(self, arguments: RewriteCodeArguments) -> CodeChange:
        """Rewrite the files; raises ToolError, which says whether any was changed."""
        language = arguments.language.strip().casefold()
        if language not in LANGUAGES:
            raise ToolError(
                f"There is no grammar for {arguments.language!r}.",
                next_step=f"Use one of: {', '.join(sorted(LANGUAGES))}.",
            )
        check_pattern(arguments.pattern, arguments.rewrite, language)
        scope = inside(self.workspace, arguments.paths)
        planned: list[Planned] = []
        left_alone: list[Remark] = []
        for code in code_files(self.workspace):
            if code.language != language or code.path not in scope:
                continue
            try:
                new = _rewritten(code, arguments.pattern, arguments.rewrite)
            except ToolError as error:
                raise ToolError(
                    f"{code.path}: {error.what} No file was changed.",
                    next_step="Correct the rewrite, or name the paths without this file.",
                ) from error
            if new is None:
                left_alone.append(Remark(code.path, 0, "too long or too deep to be parsed"))
            else:
                planned.append(new)
        files = carry_out(self.workspace, planned, dry_run=arguments.dry_run)
        return CodeChange(files, tuple(left_alone), (), arguments.dry_run)


class RenameSymbol(WorkspaceTool):
    """Renames a function, class or variable wherever it is meant."""

    name: str = "rename_symbol"
    description: str = (
        "Rename a function, class or module variable: its definition, imports and uses in all"
        " files, in one call. Python names are resolved, so that another thing of the same name"
        " stays. Strings, comments and uncertain places are listed, not changed."
    )
    arguments = RenameSymbolArguments

    def carry_out(self, arguments: RenameSymbolArguments) -> CodeChange:
        """Rename it; raises ToolError, which says whether any file was changed."""
        scope = inside(self.workspace, [arguments.scope] if arguments.scope else [])
        plan = plan_rename(self.workspace, arguments.target, arguments.new_name, scope)
        files = carry_out(self.workspace, plan.files, dry_run=arguments.dry_run)
        return CodeChange(files, plan.left_alone, plan.uncertain, arguments.dry_run)


def _rewritten(code: CodeFile, pattern: str, rewrite: str) -> Planned | None:
    new = rewritten(code.text, pattern, rewrite, code.language)
    return None if new is None else Planned(code, new.text, len(new.lines))
