"""Disabling and enabling many rows at once, after saying what that means."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from catalog import switching
from catalog.admin import effects
from catalog.admin.confirming import Confirms, counted
from catalog.admin.effects import Effects
from catalog.admin.prices import in_force_at
from catalog.models import LanguageModel, Provider


class Switches(Confirms):
    """Rows with ``enabled``. List it with ``actions = ["disable", "enable"]``."""

    @admin.action(description="Disable the chosen ...", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._switch(request, queryset.filter(enabled=True), "disable", on=False)

    @admin.action(description="Enable the chosen ...", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._switch(request, queryset.filter(enabled=False), "enable", on=True)

    def _switch(
        self, request: HttpRequest, chosen: QuerySet[Any], action: str, *, on: bool
    ) -> HttpResponse | None:
        verb = action.capitalize()
        if not chosen.exists():
            self.message_user(request, f"All of them are {action}d already.")
            return None
        asked = self.confirmation(request, chosen, action=action, question=f"{verb} {{}}?", button=verb)
        if asked is not None:
            return asked
        rows = list(chosen)
        for row in rows:  # one by one: each change is in the audit trail
            row.enabled = on
            row.save(update_fields=["enabled"])
            self.log_change(request, row, f"{verb}d.")
        self.message_user(
            request, f"{counted(len(rows), self.opts)} {action}d. All workers obey in a second."
        )
        return None


@effects.register("provider.disable")
def of_disabling_providers(rows: Sequence[Provider]) -> Effects:
    sold: dict[int, int] = {}
    for model in LanguageModel.objects.filter(provider__in=rows, enabled=True):
        sold[model.provider_id] = sold.get(model.provider_id, 0) + 1
    said = {row.pk: [f"{_many(sold.get(row.pk, 0), 'model')} can no longer be called here."] for row in rows}
    return Effects(said, _left(switching.models_of([row.pk for row in rows])))


@effects.register("languagemodel.disable")
def of_disabling_models(rows: Sequence[LanguageModel]) -> Effects:
    models = [row.pk for row in rows]
    routes = switching.routes_through(models)
    said = {pk: [f"Target of {', '.join(names)}."] for pk, names in routes.items()}
    return Effects(said, _left(models))


@effects.register("languagemodel.enable")
def of_enabling_models(rows: Sequence[LanguageModel]) -> Effects:
    """As if they were enabled already: what would be booked as of unknown cost."""
    priced = set(in_force_at(timezone.now()).filter(model__in=rows).values_list("model", flat=True))
    unpriced = [row.pk for row in rows if row.pk not in priced]
    return Effects({pk: ["No price in force: calls are booked as of unknown cost."] for pk in unpriced})


@effects.register("route.disable")
def of_disabling_routes(rows: Sequence[Any]) -> Effects:
    return Effects({row.pk: [f"Calls to {row.name} are refused: no such model."] for row in rows})


def _left(models: Iterable[int]) -> list[str]:
    names = switching.routes_left_without_target(list(models))
    return [f"Left without a target: {', '.join(names)}. Calls to them fail."] if names else []


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
