"""What stops working when providers or models are disabled: read before somebody does it."""

from collections import defaultdict
from collections.abc import Collection

from catalog.models import LanguageModel, RouteTarget


def models_of(providers: Collection[int]) -> set[int]:
    """The enabled models that these providers sell."""
    sold = LanguageModel.objects.filter(provider__in=providers, enabled=True)
    return set(sold.values_list("pk", flat=True))


def routes_through(models: Collection[int]) -> dict[int, list[str]]:
    """By model, the enabled routes that lead to it, by name."""
    found: dict[int, list[str]] = defaultdict(list)
    targets = RouteTarget.objects.filter(model__in=models, route__enabled=True).order_by("route__name")
    for model, route in targets.values_list("model", "route__name"):
        found[model].append(route)
    return dict(found)


def routes_left_without_target(models: Collection[int]) -> list[str]:
    """The enabled routes that have a usable target now and none without ``models``, by name. One query."""
    usable = RouteTarget.objects.filter(
        route__enabled=True, model__enabled=True, model__provider__enabled=True
    )
    targets: dict[str, set[int]] = defaultdict(set)
    for route, model in usable.values_list("route__name", "model"):
        targets[route].add(model)
    gone = set(models)
    return sorted(route for route, left in targets.items() if left <= gone)
