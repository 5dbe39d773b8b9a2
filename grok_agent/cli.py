"""The ``grok-agent`` command: arguments in, exit code out.

Exit codes: 0 done, 1 failed, 2 usage or unusable input, 3 key or permission, 4 budget, 5 steps,
130 interrupted. Imports that load LangChain stay inside the commands, so that ``--help`` is quick.
"""

import sys

import typer

from grok_agent.commands import (
    compare,
    context,
    convert,
    gateway,
    library,
    prompts,
    repository,
    runs,
    undo,
    usage,
)

app = typer.Typer(
    name="grok-agent",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Drive grok-build-0.1 through native tool calls, behind any OpenAI-compatible gateway.",
    epilog="Start without a key: grok-agent ask --offline --repo . 'what is this repository'",
)

for _subject in (
    repository,
    runs,
    context,
    prompts,
    library,
    convert,
    compare,
    gateway,
    undo,
    usage,
):
    _subject.register(app)


@app.command()
def version() -> None:
    """Print the versions of this program and of what it stands on."""
    from importlib.metadata import version as of

    print(f"grok-agent {of('grok-agent')}")
    for name in ("langchain-core", "langchain-openai", "langgraph", "openai", "pydantic"):
        print(f"  {name} {of(name)}")
    print(f"  python {sys.version.split()[0]}")
