"""The verbs about gateways: what they offer, what they can do, and the embedded one."""

from typing import Annotated

import typer

from grok_agent.commands.options import AsJson, BaseUrl, Model, Offline, settings_of


def register(app: typer.Typer) -> None:
    """Add ``models``, ``doctor`` and ``serve-offline``."""
    app.command(epilog="Example: grok-agent models --base-url https://4sapi.com/v1")(models)
    app.command(epilog="Example: grok-agent doctor --base-url https://4sapi.com/v1")(doctor)
    app.command(
        "serve-offline", epilog="Then: GROK_BASE_URL=http://127.0.0.1:8808/v1 GROK_API_KEY=x"
    )(serve_offline)


def models(
    as_json: AsJson = False,
    offline: Offline = False,
    base_url: BaseUrl = None,
    model: Model = None,
) -> None:
    """List the models that the gateway offers; the one in use is marked."""
    from grok_agent.running import exit_codes, show_models

    with exit_codes(as_json=as_json):
        settings = settings_of(offline, base_url=base_url, model=model)
        show_models(settings, offline=offline, as_json=as_json)


def doctor(
    as_json: AsJson = False,
    offline: Offline = False,
    base_url: BaseUrl = None,
    model: Model = None,
) -> None:
    """Find out with a few cheap requests what a gateway can do, and remember it."""
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        from grok_agent.doctor import run_doctor

        settings = settings_of(offline, base_url=base_url, model=model)
        run_doctor(settings, offline=offline, as_json=as_json)


def serve_offline(
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 8808,
) -> None:
    """Serve the embedded gateway on loopback, for any OpenAI-compatible client."""
    from grok_agent.running import exit_codes

    with exit_codes():
        from grok_agent.offline.gateway import OfflineGateway
        from grok_agent.offline.server import serve

        serve(OfflineGateway(), host=host, port=port)
