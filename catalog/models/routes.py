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

    class OnContentFilter(models.TextChoices):
        ANSWER = "answer", "Answer the caller with the refusal"
        NEXT = "next", "Try the next target"

    name = models.CharField(max_length=100, unique=True)
    strategy = models.CharField(max_length=10, choices=Strategy.choices, default=Strategy.ORDERED)
    cache_ttl = models.PositiveIntegerField(
        default=0, help_text="Seconds that answers to deterministic calls are kept; 0: not kept."
    )
    on_content_filter = models.CharField(
        max_length=6,
        choices=OnContentFilter.choices,
        default=OnContentFilter.ANSWER,
        db_default="answer",
        help_text="What to do when a vendor refuses a request for its content.",
    )
    hedge_after = models.FloatField(
        null=True,
        blank=True,
        help_text="Seconds after which a plain call also goes to the next target; the first good answer "
        "wins, both are billed. Empty: never.",
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="route_on_content_filter_known", condition=Q(on_content_filter__in=["answer", "next"])
            ),
            models.CheckConstraint(
                name="route_hedge_positive",
                condition=Q(hedge_after__isnull=True) | Q(hedge_after__gt=0, hedge_after__lte=600),
            ),
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
