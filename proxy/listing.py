"""The models that a key may call, as OpenAI and as Anthropic list theirs."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

from catalog.snapshot import RouteRow
from proxy import errors
from proxy.interchange import wire

PATH = "/v1/models"
MOST = 1_000  # Anthropic's most on one page
UNKNOWN_MOMENT = "1970-01-01T00:00:00Z"  # what Anthropic itself writes when it does not know


def for_openai(routes: Sequence[RouteRow], path: str, query: bytes) -> bytes:
    """``{"object": "list", ...}``, or the model in ``path``. Raises NotFound."""
    name = _name_in(path)
    if name:
        return wire.encode(_for_openai(_found(routes, name)))
    return wire.encode({"object": "list", "data": [_for_openai(route) for route in routes]})


def for_anthropic(routes: Sequence[RouteRow], path: str, query: bytes) -> bytes:
    """A page of ``limit`` models after ``after_id`` or before ``before_id``, or the model in ``path``.

    Raises NotFound, and BadRequest for another ``limit`` than 1 to 1,000. Without one, all are on one page:
    there are few, and Anthropic's own 20 would hide some from clients that read one page.
    """
    name = _name_in(path)
    if name:
        return wire.encode(_for_anthropic(_found(routes, name)))
    asked = parse_qs(query.decode("latin-1"))
    page, more = _page(routes, asked)
    return wire.encode(
        {
            "data": [_for_anthropic(route) for route in page],
            "has_more": more,
            "first_id": page[0].name if page else None,
            "last_id": page[-1].name if page else None,
        }
    )


def _page(routes: Sequence[RouteRow], asked: dict[str, list[str]]) -> tuple[Sequence[RouteRow], bool]:
    limit = _limit(asked.get("limit", [""])[0], len(routes))
    names = [route.name for route in routes]
    after, before = asked.get("after_id", [""])[0], asked.get("before_id", [""])[0]
    if before in names:
        end = names.index(before)
        return routes[max(0, end - limit) : end], end > limit
    start = names.index(after) + 1 if after in names else 0
    return routes[start : start + limit], start + limit < len(routes)


def _limit(text: str, most: int) -> int:
    if not text:
        return max(most, 1)
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise errors.BadRequest(f"limit must be from 1 to {MOST}.", code="invalid_value", param="limit")
    return int(text)


def _name_in(path: str) -> str:
    return unquote(path.removeprefix(PATH).removeprefix("/"))


def _found(routes: Sequence[RouteRow], name: str) -> RouteRow:
    for route in routes:
        if route.name == name:
            return route
    raise errors.NotFound(
        f"The model {name!r} does not exist here. GET /v1/models lists what this key may call.",
        code="model_not_found",
        param="model",
    )


def _for_openai(route: RouteRow) -> dict[str, Any]:
    return {"id": route.name, "object": "model", "created": 0, "owned_by": owner(route)}


def _for_anthropic(route: RouteRow) -> dict[str, Any]:
    model = route.targets[0][0]
    return {
        "type": "model",
        "id": route.name,
        "display_name": route.name,
        "created_at": UNKNOWN_MOMENT,
        "max_input_tokens": model.context_window,
        "max_tokens": model.max_output_tokens,
    }


def owner(route: RouteRow) -> str:
    """The provider of a name with one seller; ``tallygate`` for a route over several."""
    owners = {model.provider.name for model, _ in route.targets}
    return owners.pop() if len(owners) == 1 else "tallygate"
