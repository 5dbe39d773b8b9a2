"""The closing words of a rename: what was changed, what was not, and why."""

from grok_agent.offline.skills.outputs import read_hits
from grok_agent.offline.skills.reading import Unreadable, Whole, first_sentence, read_whole
from grok_agent.offline.skills.rename_edits import whole_word
from grok_agent.offline.skills.rename_run import RenameRun, listed, succeeded


def obstacle(run: RenameRun) -> str:
    """Why nothing may be changed at all; empty when the rename can go ahead."""
    task, first = run.task, run.searches[0]
    hits = read_hits(first.result)
    if first.is_error or (hits is None and not run.edits):
        return f"I could not search for `{task.old}`: {first_sentence(first)} Nothing was changed."
    taken = listed(run.taken_at)
    if hits is not None and not hits.files and not hits.binary:
        again = f" `{task.new}` stands in {taken}: it may be renamed already." if taken else ""
        where = f"in {task.only_in}" if task.only_in else "in the repository"
        return f"I found no `{task.old}` as a whole word {where}.{again} Nothing was changed."
    if taken:
        return (
            f"`{task.new}` is already used in {taken}. Renaming `{task.old}` to it would merge two"
            " names, so nothing was changed. Choose a name that is free."
        )
    if "search_replace" not in run.transcript.tools:
        return (
            f"`{task.old}` stands in {listed(run.known)}. To change it I need search_replace, which"
            " I was not given. Nothing was changed."
        )
    return ""


def account(run: RenameRun) -> str:
    """What a rename came to."""
    old, new = run.task.old, run.task.new
    counts = _places(run)
    if not counts:
        return "\n".join(
            [f"`{old}` was not renamed; no file was changed.", *_troubles(run), *_told(run)]
        )
    places, files = _plural(sum(counts.values()), "place"), _plural(len(counts), "file")
    return "\n".join(
        [
            f"Renamed `{old}` to `{new}`: {places} in {files}.",
            *(f"- {path}: {count}" for path, count in counts.items()),
            *_troubles(run),
            *_remains(run),
            *_caveats(run),
            *_told(run),
        ]
    )


def _places(run: RenameRun) -> dict[str, int]:
    """Path -> places changed."""
    word = whole_word(run.task.old)
    places: dict[str, int] = {}
    for path in run.edited:
        edits = run.edits_of(path)
        done = [e for e in edits if succeeded(e)]
        state = read_whole(run.transcript, path)
        if done and len(done) == len(edits) and isinstance(state, Whole):
            places[path] = len(word.findall(state.text))
        elif done:
            places[path] = sum(len(word.findall(str(e.arguments["old_string"]))) for e in done)
    return places


def _troubles(run: RenameRun) -> list[str]:
    lines = []
    for path in run.edited:
        failed = [e for e in run.edits_of(path) if not succeeded(e)]
        if failed:
            count = _plural(len(failed), "edit")
            why = first_sentence(failed[0])
            lines.append(f"Not changed in {path}, {count} refused: {why}")
    for path in run.known:
        state = read_whole(run.transcript, path)
        if run.edits_of(path):
            continue
        if isinstance(state, Unreadable):
            lines.append(f"Not changed, because it could not be read: {path}: {state.why}")
        elif isinstance(state, Whole):
            lines.append(f"Not changed, because the name is part of longer words: {path}")
        else:
            lines.append(f"Not changed, because I stopped before: {path}")
    return lines + [f"Not changed, because it is binary: {path}" for path in run.binary]


def _remains(run: RenameRun) -> list[str]:
    """What the last grep still found."""
    last = run.searches[-1]
    hits = read_hits(last.result)
    if run.edited_since_search or hits is None or last.is_error:
        return ["I could not search again, so uses may be left."]
    found = [(f"{path}:{n}", text) for path, lines in hits.files.items() for n, text in lines]
    whole = [place for place, text in found if run.is_use(text)]
    touching = [place for place, text in found if not run.is_use(text)]
    lines = [
        f"Still there as a whole word: {listed(whole)}."
        if whole
        else f"A last grep finds no `{run.task.old}` as a whole word."
    ]
    if touching:
        lines.append(
            f"Left alone, because other letters touch the name there: {listed(touching)}."
            " Look at these by eye."
        )
    if not hits.complete:
        lines.append("grep cut its list, so there may be more uses than it showed.")
    return lines


def _caveats(run: RenameRun) -> list[str]:
    lines = []
    if run.task.owner:
        lines.append(
            f"I go by whole words and cannot tell whose `{run.task.old}` it is: uses that do not"
            f" belong to `{run.task.owner}` were renamed as well."
        )
    if run.task.more_asked:
        lines.append("I did only the rename; whatever else the task asks is not done.")
    return lines


def _told(run: RenameRun) -> list[str]:
    said = [line.strip() for line in run.transcript.feedback.split("\n") if line.strip()]
    if not said:
        return []
    return [
        "To this I was told:",
        *(f"    {line[:200]}" for line in said[:8]),
        "I rename whole words; what a check finds beyond that is for a person or a real model.",
    ]


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
