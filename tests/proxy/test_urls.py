"""The calls' URL table, whole: what can reach a vendor is metered, or says why not."""

import inspect
from pathlib import Path

import pytest

import proxy
from proxy import views
from proxy.dialects.registry import DIALECTS
from proxy.urls import CALLS, view_for
from proxy.views import CallView

REACH_VENDORS = {
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/responses",
    "/v1/embeddings",
}
FREE = {
    "/v1/messages/count_tokens": "free: vendors count tokens without a charge; a rate limit of its own"
    " bounds it"
}
# Modules that send to a vendor, and how each is paid for.
SENDERS = {
    "plain.py": "ledger",
    "streamed.py": "ledger",
    "counting.py": "free: vendors count tokens without a charge",
    "checks.py": "free: a vendor's list of models is asked for, no model is (docs/decisions/0027)",
}


def reaches_a_vendor(view: type[CallView]) -> bool:
    """Whether a view's code comes to the modules through which alone a vendor is reached."""
    return any("completions." in source or "counting." in source for source in sources(view))


def sources(view: type[CallView]) -> list[str]:
    return [inspect.getsource(each) for each in view.__mro__ if each.__module__ == views.__name__]


def test_the_table_is_known() -> None:
    assert set(CALLS) == REACH_VENDORS | {"/v1/models"}


@pytest.mark.parametrize("path", CALLS)
def test_a_view_that_reaches_a_vendor_says_how_it_is_paid_for(path: str) -> None:
    view = CALLS[path]

    assert reaches_a_vendor(view) == (path in REACH_VENDORS)
    assert bool(view.metering) == (path in REACH_VENDORS)


@pytest.mark.parametrize("path", sorted(REACH_VENDORS - set(FREE)))
def test_everything_but_counting_goes_through_the_ledger(path: str) -> None:
    """``completions`` holds before and settles after; nothing else opens a way to a vendor."""
    assert CALLS[path].metering == "ledger"
    assert issubclass(CALLS[path], views.ModelCall)
    assert CALLS[path].post is views.ModelCall.post


def test_what_is_free_says_why() -> None:
    assert {path: view.metering for path, view in CALLS.items() if view.metering.startswith("free")} == FREE


def test_only_attempts_counting_and_health_checks_open_a_way_to_a_vendor() -> None:
    """Whoever adds another caller of ``upstream.send`` meters it first."""
    [folder] = proxy.__path__
    found = {
        module
        for module in _modules(folder)
        if "upstream.send(" in module.read_text() and "def send" not in module.read_text()
    }
    assert {module.name for module in found} == set(SENDERS)


def _modules(folder: str) -> list[Path]:
    return [path for path in Path(folder).rglob("*.py") if "sandbox" not in path.parts]


def test_every_dialect_has_a_path() -> None:
    assert {view.dialect.name for view in CALLS.values() if view.metering} == set(DIALECTS)


@pytest.mark.parametrize(
    ("path", "view"),
    [
        ("/v1/models/openai/gpt-4o", views.Models),
        ("/v1/models/gpt-4o", views.Models),
        ("/v1/batches", views.NoSuchPath),
        ("/v1/files", views.NoSuchPath),
        ("/v1/completions", views.NoSuchPath),
        ("/v1/responses/resp_1", views.NoSuchPath),
        ("/v1/messages/batches", views.NoSuchPath),
    ],
)
def test_other_paths(path: str, view: type[CallView]) -> None:
    assert view_for(path) is view
