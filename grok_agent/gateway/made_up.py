"""Ends of streams that a LiteLLM proxy makes up, told from real ones by the usage beside them.

When the stream behind it ends too early but cleanly, LiteLLM (1.101) adds a ``finish_reason`` of
"stop", ``[DONE]`` and a usage that it has estimated; nothing in a text that was cut shows it. But
an estimate does not name the parts of the prompt (``prompt_tokens_details``), and the usage that
the model's server sends at the end of an answer does, where that server names them at all.
"""

from collections.abc import Mapping

_DEPLOYMENT, _CACHE_KEY = "x-litellm-model-id", "x-litellm-cache-key"


def deployment_in(headers: Mapping[str, str]) -> str:
    """Which server behind a LiteLLM proxy answers; empty for every other gateway."""
    return headers.get(_DEPLOYMENT, "")


class Ends:
    """Remembers which deployments name the parts of the prompt; threads may share it."""

    def __init__(self) -> None:
        self._naming: set[str] = set()

    def is_made_up(self, headers: Mapping[str, str], *, names_parts: bool) -> bool:
        """Whether an end without the parts of the prompt comes from one that always names them.

        Never for the first answer of a deployment, nor where the proxy may have answered out of its
        cache.
        """
        deployment = deployment_in(headers)
        if deployment and names_parts:
            self._naming.add(deployment)
        is_cached = bool(headers.get(_CACHE_KEY))
        return deployment in self._naming and not names_parts and not is_cached
