"""The one proxy of all tests here."""

from collections.abc import Iterator

import pytest
from litellm_proxy import Proxy, Upstream, running_proxy


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A LiteLLM proxy before an embedded gateway."""
    with running_proxy(tmp_path_factory.mktemp("litellm")) as started:
        yield started


@pytest.fixture
def upstream(proxy: Proxy) -> Upstream:
    """The gateway behind the proxy, as it was at the start."""
    proxy.upstream.reset()
    return proxy.upstream
