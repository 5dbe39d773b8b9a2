"""``python -m grok_agent`` and the ``grok-agent`` command."""


def main() -> None:
    """Run the command line."""
    from grok_agent.cli import app

    app()


if __name__ == "__main__":
    main()
