"""What is wrong with a prompt's values, in words that a model or a person can act on."""

from collections.abc import Sequence

from pydantic import ValidationError

from grok_agent.prompts.schema import PromptSpec

MAX_PROBLEMS = 30

_NEXT_STEPS = {
    "missing": "add it",
    "extra_forbidden": "remove it",
    "string_type": "write it as text in quotes",
    "list_type": "write it as a list",
    "int_type": "write it as a whole number",
    "int_parsing": "write it as a whole number",
    "int_from_float": "write it as a whole number",
    "float_type": "write it as a number",
    "float_parsing": "write it as a number",
}
_BOTH_LANGUAGES = '{"en": …, "zh": …}'
_FORMS = {
    "palette": '{"hex": …, "name_en": …, "name_zh": …}',
    "loras": '{"name": …, "weight": …}',
    "references": '{"image": …, "purpose": …, "weight": …}',
}


def explain(error: ValidationError) -> list[str]:
    """The problems of a :class:`PromptSpec`, one ``path: what; next step`` each.

    List indexes in a path start at 0. At most 30 are listed; a last line tells how many more
    there are.
    """
    problems = error.errors(include_url=False, include_context=True)
    lines = [
        f"{_path(problem['loc'])}: {_what(problem['type'], problem['msg'], problem['loc'])}"
        for problem in problems[:MAX_PROBLEMS]
    ]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"… and {len(problems) - MAX_PROBLEMS} more of the same kind")
    return lines


def _path(location: Sequence[str | int]) -> str:
    return ".".join(str(step)[:60] for step in location) or "prompt"


def _what(kind: str, message: str, location: Sequence[str | int]) -> str:
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind == "extra_forbidden":
        known = ", ".join(PromptSpec.model_fields) if len(location) == 1 else ""
        return "is no field of the prompt; remove it" + (f" (fields: {known})" if known else "")
    next_step = _NEXT_STEPS.get(kind, "correct it")
    if kind.startswith("model"):
        form = _FORMS.get(str(location[0]), _BOTH_LANGUAGES) if location else _BOTH_LANGUAGES
        next_step = f"write it as {form}"
    return f"{message[0].lower()}{message[1:]}; {next_step}"
