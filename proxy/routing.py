"""From a name to the models that may serve it, in the order in which they are tried."""

import difflib
import random
from collections.abc import Callable

from catalog.snapshot import CatalogSnapshot, KeyRow, ModelRow, RouteRow, key_may_call
from proxy import errors
from proxy.reliability import regions

MAX_HINTED = 80  # characters; a longer name is no slip of the pen


def route_for(catalog: CatalogSnapshot, key: KeyRow, name: str) -> RouteRow:
    """The route behind ``name``. Raises NotFound or Forbidden."""
    route = catalog.route(name)
    if route is None:
        raise errors.NotFound(
            f"{_why_not(catalog, key, name)} GET /v1/models lists what this key may call.",
            code="model_not_found",
            param="model",
        )
    if not key_may_call(key, name):
        raise errors.Forbidden(f"This key may not call {name!r}.", param="model", retry=False)
    return route


def _why_not(catalog: CatalogSnapshot, key: KeyRow, name: str) -> str:
    provider = catalog.unsold.get(name)
    if provider is not None and key_may_call(key, name):
        return f"The model {name!r} is sold by {provider}, for which no credential is set here."
    return f"The model {name!r} does not exist here.{_meant(catalog, key, name)}"


def _meant(catalog: CatalogSnapshot, key: KeyRow, name: str) -> str:
    """A hint at the nearest name that the key may call; empty when none is near."""
    if len(name) > MAX_HINTED:
        return ""
    names = [known for known, route in catalog.routes.items() if route.targets and key_may_call(key, known)]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.8)
    return f" Did you mean {near[0]!r}?" if near else ""


def targets_for(
    route: RouteRow,
    *,
    draw: random.Random,
    region: str = "",
    is_drained: Callable[[int], bool] = lambda provider_id: False,
) -> list[ModelRow]:
    """The route's models in the order to try them, each once; drained providers last.

    ``weighted`` draws without replacement by weight; every other strategy goes by position for now. Where no
    admin set the order (a model's bare name, sold by several), the gateway's own ``region`` comes first.
    """
    return regions.ordered(
        _by_strategy(route, draw),
        region=region,
        is_drained=is_drained,
        keep_order=not route.by_name,
    )


def _by_strategy(route: RouteRow, draw: random.Random) -> list[ModelRow]:
    if route.strategy != "weighted":
        return [model for model, _ in route.targets]
    left = [target for target in route.targets if target[1] > 0]
    order: list[ModelRow] = []
    while left:
        chosen = draw.choices(left, weights=[weight for _, weight in left])[0]
        left.remove(chosen)
        order.append(chosen[0])
    return order


def visible_names(catalog: CatalogSnapshot, key: KeyRow) -> list[RouteRow]:
    """The routes that a key may call, by name; those without a usable target are left out."""
    return [
        route for name, route in sorted(catalog.routes.items()) if route.targets and key_may_call(key, name)
    ]
