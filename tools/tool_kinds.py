"""Which tools read, which edit, and under which name they are given their paths."""

from collections.abc import Mapping

COMMAND_TOOL = "run_terminal_command"

READING_TOOLS = frozenset(
    {
        "read_file",
        "list_dir",
        "grep",
        "repo_map",
        "explore",
        "todo_write",
        "get_command_or_subagent_output",
        "kill_command_or_subagent",
        "extract_image_features",
        "emit_prompt_schema",
        "report_findings",
    }
)
EDITING_TOOLS = frozenset({"search_replace", "write", "rewrite_code", "rename_symbol"})

PATH_ARGUMENTS: Mapping[str, str] = {
    "read_file": "target_file",
    "list_dir": "target_directory",
    "grep": "path",
    "extract_image_features": "image",
    "search_replace": "file_path",
    "write": "file_path",
    "rewrite_code": "paths",
    "rename_symbol": "scope",
}
"""The argument that names files or folders; without it, it is the root."""

SHOWING_TOOLS = frozenset({"read_file", "grep"})
"""Tools that show the content of the files that they are given."""
