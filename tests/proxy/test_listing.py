"""What a key may call, listed for OpenAI's and for Anthropic's clients."""

import json
from typing import Any

import pytest

from proxy import errors, listing
from tests.proxy.values import model, provider, route

ROUTES = [
    route(name, (model(name, id=number, of=provider("openai", id=1)), 1))
    for number, name in enumerate(["a", "b", "c", "openai/d"])
]


def anthropic(path: str = "/v1/models", query: str = "") -> Any:
    return json.loads(listing.for_anthropic(ROUTES, path, query.encode()))


def ids(page: Any) -> list[str]:
    return [found["id"] for found in page["data"]]


def test_openais_list() -> None:
    page = json.loads(listing.for_openai(ROUTES, "/v1/models", b""))

    assert page["object"] == "list"
    assert page["data"][0] == {"id": "a", "object": "model", "created": 0, "owned_by": "openai"}


@pytest.mark.parametrize("name", ["b", "openai/d", "openai%2Fd"])
def test_one_model(name: str) -> None:
    plain = name.replace("%2F", "/")
    assert json.loads(listing.for_openai(ROUTES, f"/v1/models/{name}", b""))["id"] == plain
    assert anthropic(f"/v1/models/{name}")["id"] == plain


def test_an_unknown_model_is_not_found() -> None:
    with pytest.raises(errors.NotFound):
        listing.for_openai(ROUTES, "/v1/models/nobody", b"")


def test_anthropics_list() -> None:
    page = anthropic()

    assert (ids(page), page["has_more"]) == (["a", "b", "c", "openai/d"], False)
    assert (page["first_id"], page["last_id"]) == ("a", "openai/d")
    assert page["data"][0]["type"] == "model"


@pytest.mark.parametrize(
    ("query", "listed", "more"),
    [
        ("limit=2", ["a", "b"], True),
        ("limit=2&after_id=b", ["c", "openai/d"], False),
        ("limit=1&before_id=c", ["b"], True),
        ("limit=5&before_id=c", ["a", "b"], False),
        ("after_id=openai%2Fd", [], False),
        ("limit=1000", ["a", "b", "c", "openai/d"], False),
    ],
)
def test_anthropics_pages(query: str, listed: list[str], more: bool) -> None:
    page = anthropic(query=query)

    assert (ids(page), page["has_more"]) == (listed, more)


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many"])
def test_a_limit_that_is_none(limit: str) -> None:
    with pytest.raises(errors.BadRequest):
        anthropic(query=f"limit={limit}")


def test_nothing_may_be_called() -> None:
    assert json.loads(listing.for_anthropic([], "/v1/models", b"")) == {
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


def test_a_route_over_several_providers_is_the_gateways() -> None:
    over = route("warm", (model(of=provider("a", id=1)), 1), (model(of=provider("b", id=2)), 1))

    assert listing.owner(over) == "tallygate"
