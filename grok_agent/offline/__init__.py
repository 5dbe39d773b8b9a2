"""The embedded gateway: a deterministic stand-in that speaks the gateway protocol."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grok_agent.chat_model import ChatGrokBuild
    from grok_agent.offline.gateway import OfflineGateway

BASE_URL = "http://offline.invalid/v1"
"""Address of the in-process gateway; the name can never be resolved, so nothing can leave."""


def offline_model(gateway: "OfflineGateway | None" = None, **chat_kwargs: Any) -> "ChatGrokBuild":
    """A chat model that talks to ``gateway`` (default: a new one) inside this process.

    ``chat_kwargs`` go to :class:`ChatGrokBuild`. No key, no socket, no network.
    """
    import httpx2

    from grok_agent.chat_model import ChatGrokBuild
    from grok_agent.gateway.edge import Edge
    from grok_agent.offline.gateway import OfflineGateway
    from grok_agent.offline.transport import AsyncOfflineTransport, OfflineTransport

    gateway = gateway or OfflineGateway()
    return ChatGrokBuild(
        **{
            "base_url": BASE_URL,
            "api_key": "offline",
            "http_client": httpx2.Client(transport=OfflineTransport(gateway)),
            "http_async_client": httpx2.AsyncClient(transport=AsyncOfflineTransport(gateway)),
            "edge": Edge(),
            **chat_kwargs,
        }
    )


def offline_models() -> list[str]:
    """The model names that the embedded gateway serves."""
    from grok_agent.offline.gateway import MODELS

    return list(MODELS)
