"""What was found out of a run's work, as lines for people."""

from collections.abc import Iterator, Mapping
from typing import Any

MAX_NAMES = 20


def in_words(verification: Mapping[str, Any]) -> list[str]:
    """One line for each fact of :attr:`Outcome.verification`."""
    return [*_checked(verification), *_public_api(verification), *_tests(verification)]


def _checked(facts: Mapping[str, Any]) -> Iterator[str]:
    if facts.get("check_before"):
        yield f"before the work, the check failed (exit {facts['check_before']})"
    if "ran" in facts:
        ran = ", ".join(facts["ran"]) or "nothing after its last change"
        yield f"what was run of the script: {ran}"


def _public_api(facts: Mapping[str, Any]) -> Iterator[str]:
    lines = facts.get("public_api")
    if lines is None:
        return
    yield f"public names that changed: {len(lines)}" if lines else "no public name changed"
    yield from (f"  {line}" for line in lines[:MAX_NAMES])
    if len(lines) > MAX_NAMES:
        yield f"  ... and {len(lines) - MAX_NAMES} more"


def _tests(facts: Mapping[str, Any]) -> Iterator[str]:
    if facts.get("new_tests"):
        names = ", ".join(facts["new_tests"])
        outcome = ", which pass" if facts.get("passed") else ", which do not pass"
        yield f"tests written: {names}{outcome if 'passed' in facts else ''}"
    for each in facts.get("broken_on_purpose", ()):
        noticed = "notice it" if each["noticed"] else "do not notice it"
        yield f"with the body of {each['function']} removed, they {noticed}"
    coverage = facts.get("coverage") or {}
    if coverage.get("after") is not None and coverage.get("before") is not None:
        files = ", ".join(coverage["files"])
        yield f"coverage of {files}: {coverage['before']} % before, {coverage['after']} % now"
    if facts.get("not_tried"):
        yield f"not tried on broken code: {facts['not_tried']}"
