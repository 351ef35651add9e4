"""Public model names that callers use."""

from django.db import models
from django.db.models import Q

from catalog.models.providers import LanguageModel


class Route(models.Model):
    """A public model name; it resolves to ordered or weighted targets."""

    class Strategy(models.TextChoices):
        ORDERED = "ordered", "Ordered: first that works"
        WEIGHTED = "weighted", "Weighted: drawn by weight"
        CHEAPEST = "cheapest", "Cheapest by price"
        FASTEST = "fastest", "Fastest recently"
        CLASSIFY = "classify", "Chosen by the prompt"

    name = models.CharField(max_length=100, unique=True)
    strategy = models.CharField(max_length=10, choices=Strategy.choices, default=Strategy.ORDERED)
    cache_ttl = models.PositiveIntegerField(
        default=0, help_text="Seconds that answers to deterministic calls are kept; 0: not kept."
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="route_name_valid", condition=Q(name__regex=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")
            ),
            models.CheckConstraint(
                name="route_strategy_known",
                condition=Q(strategy__in=["ordered", "weighted", "cheapest", "fastest", "classify"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RouteTarget(models.Model):
    """One model that a route may use."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="targets")
    model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, related_name="route_targets")
    position = models.PositiveSmallIntegerField(default=0, help_text="Lowest first.")
    weight = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["route", "position"]
        constraints = [
            models.UniqueConstraint(fields=["route", "model"], name="route_target_once"),
            models.UniqueConstraint(
                fields=["route", "position"],
                name="route_position_once",
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.route} -> {self.model}"
