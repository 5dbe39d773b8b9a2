"""Files that fit a task, in a repository that has no index yet: in tenths of a second."""

from collections.abc import Sequence
from math import log
from pathlib import Path

from grok_agent.context.listing import names_with
from grok_agent.context.task_words import read_task
from grok_agent.context.words import parts

MOST_WORDS = 8
DEADLINE_S = 5.0  # of the search for one word
PATH_WORTH = 2.0
NAMED_WORTH = 100.0


def first_focus(root: Path, paths: Sequence[str], focus: str) -> list[str]:
    """Those of ``paths`` that hold words of ``focus`` or are named by it, the best first.

    A word counts by how few files hold it, once a file, and more in a path; how often it stands
    there is not asked. Only the heaviest words are looked for.
    """
    task = read_task(focus)
    heaviest = sorted(task.terms, key=lambda term: -task.terms[term])[:MOST_WORDS]
    scores = dict.fromkeys(paths, 0.0)
    for term in heaviest:
        found = names_with(root, task.spelling.get(term, term), DEADLINE_S)
        worth = task.terms[term] * log((len(paths) + 1) / (len(found) + 1))
        for path in found:
            if path in scores:
                scores[path] += max(worth, 0.0)
    for path in paths:
        in_path = set(parts(path)) & task.terms.keys()
        scores[path] += PATH_WORTH * sum(task.terms[term] for term in in_path)
        scores[path] += NAMED_WORTH * any(path.endswith(named) for named in task.paths)
    return sorted((path for path in paths if scores[path] > 0), key=lambda path: -scores[path])
