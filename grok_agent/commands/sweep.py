"""What ``--dry-run`` shows: the plan of a sweep with its tokens, seconds and dollars."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from grok_agent.console import printable

if TYPE_CHECKING:
    from grok_agent.graphs.sweep_preview import Preview
    from grok_agent.settings import Settings

MAX_SHARDS_SHOWN = 40
KEPT_FOLDER = "sweeps"
"""Name, in the state folder, of where answers of unfinished sweeps wait."""


def show_plan(
    job: str, task: str, *, repo: Path, settings: "Settings", sweep: bool | None, as_json: bool
) -> None:
    """Print what a sweep of ``repo`` would do; nothing is sent, and no key is needed."""
    from grok_agent.context.token_ratio import learned_ratio
    from grok_agent.gateway.faults import Target
    from grok_agent.graphs.sweep_options import SweepOptions
    from grok_agent.graphs.sweep_preview import preview
    from grok_agent.running import budget_of
    from grok_agent.tools.workspace import Workspace

    place = Target(settings.base_url, settings.model, "")
    found = preview(
        Workspace(repo, permission="plan"),
        job=job,
        task=task,
        model=settings.model,
        ratio=learned_ratio(settings.state_dir, place.address, settings.model).current(),
        budget=budget_of(settings),
        options=SweepOptions(kept_dir=settings.state_dir / KEPT_FOLDER),
    )
    if as_json:
        print(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
        return
    lines = [*_head(found, sweep), *_shards(found), *_foot(found, settings.max_usd)]
    print(printable("\n".join(lines)))


def _head(found: "Preview", sweep: bool | None) -> list[str]:
    if sweep is False or (sweep is None and not found.is_due):
        yield_to = "asked for by --no-sweep" if sweep is False else "the usual way for this task"
        return [f"It would be worked on with tools: {yield_to}. With --sweep it would be:"]
    return []


def _shards(found: "Preview") -> list[str]:
    plan, took = found.prepared.plan, found.estimate
    files = {path for shard in plan.shards for path in shard.files}
    lines = [
        f"{len(plan.shards)} shards, {len(files)} files, {took.requests} requests:"
        f" {took.input_tokens:,} tokens in, about {took.output_tokens:,} out",
        "  shard   tokens  files",
    ]
    for number, shard in enumerate(plan.shards[:MAX_SHARDS_SHOWN], start=1):
        first = ", ".join(shard.files[:2])
        more = " ..." if len(shard.files) > 2 else ""
        lines.append(f"  {number:5} {shard.tokens:8,}  {len(shard.files)} ({first}{more})")
    if len(plan.shards) > MAX_SHARDS_SHOWN:
        lines.append(f"  ... and {len(plan.shards) - MAX_SHARDS_SHOWN} more")
    return lines


def _foot(found: "Preview", max_usd: float) -> list[str]:
    from grok_agent.graphs.sweep_estimate import (
        INPUT_TOKENS_PER_S,
        OUTPUT_TOKENS,
        OUTPUT_TOKENS_PER_S,
    )
    from grok_agent.graphs.sweep_report import grouped_by_reason

    plan, took = found.prepared.plan, found.estimate
    lines = [f"left out: {grouped_by_reason(plan.left_out)}"] if plan.left_out else []
    if found.kept:
        lines.append(f"{found.kept} shards were answered by an unfinished run: not sent again")
    money = "dollars unknown: the model has no known price"
    if took.usd is not None and took.usd_uncached is not None:
        money = f"${took.usd:.2f}, or ${took.usd_uncached:.2f} if nothing is cached"
        if took.usd > max_usd:
            money += f"; it would end at ${max_usd:.2f}, with what it has, unless --max-usd is more"
    return [
        *lines,
        f"about {took.seconds:.0f} s and {money}",
        f"assumed: the first {found.prepared.prefix:,} tokens of each request are the same and"
        f" cached after the first wave; {OUTPUT_TOKENS:,} tokens an answer;"
        f" {INPUT_TOKENS_PER_S:,} tokens a second in, {OUTPUT_TOKENS_PER_S} out",
        "Nothing was sent.",
    ]
