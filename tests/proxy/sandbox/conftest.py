"""One sandbox over a real socket for these tests, reset before each of them."""

from collections.abc import Iterator

import httpx2
import pytest

from proxy.sandbox import server
from tests.proxy.sandbox import clients


@pytest.fixture(scope="session")
def base_url() -> Iterator[str]:
    with server.running() as url:
        yield url


@pytest.fixture(scope="session")
def _http(base_url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=base_url, timeout=5.0) as client:
        yield client


@pytest.fixture
def http(_http: httpx2.Client) -> httpx2.Client:
    """A bare client; the sandbox has no rules and an empty log."""
    _http.delete("/control")
    _http.delete("/control/calls")
    return _http


@pytest.fixture(scope="session")
def _sdks(base_url: str) -> Iterator[clients.Sdks]:
    with clients.opened(base_url) as sdks:
        yield sdks


@pytest.fixture
def sdks(_sdks: clients.Sdks, http: httpx2.Client) -> clients.Sdks:
    """The three vendors' own clients."""
    return _sdks
