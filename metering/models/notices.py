"""Who is told of budgets, what was told, and how it got there."""

from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q

from catalog import vault
from catalog.models import Team
from metering.models.limits import Limit, LimitRaise


class TeamBudgets(models.Model):
    """What holds for all budgets of one team. A team without a row has the defaults."""

    team = models.OneToOneField(Team, on_delete=models.PROTECT, related_name="budget_settings")
    contact = models.CharField(
        max_length=200,
        blank=True,
        help_text="Whom a caller without budget asks; told to every caller: a channel or a role, not a"
        " person's address.",
    )
    hide_amounts = models.BooleanField(
        default=False, help_text="Callers are told that a budget is spent, not how much it is."
    )

    class Meta:
        ordering = ["team"]
        verbose_name = "budget settings"
        verbose_name_plural = "budget settings"

    def __str__(self) -> str:
        return f"budgets of {self.team}"


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def of_team(self, team_id: int) -> "WebhookQuerySet":
        """Those that are sent this team's notices."""
        return self.filter(Q(team__isnull=True) | Q(team_id=team_id), enabled=True).order_by("id")


class Webhook(models.Model):
    """An address that notices are posted to, signed with a secret that only both ends know.

    Never deleted: the log of deliveries names it. Disabled ones are sent nothing more.
    """

    url = models.CharField(
        max_length=500,
        validators=[URLValidator(schemes=["https", "http"])],
        help_text="https://... Redirects are not followed.",
    )
    secret_encrypted = models.TextField(editable=False)
    team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="webhooks",
        help_text="Only notices of this team; empty: of all.",
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="webhook_url_is_http",
                condition=Q(url__regex=r"^https?://"),
                violation_error_message="Write the address as https://host/path.",
            ),
        ]

    def __str__(self) -> str:
        return self.url

    def set_secret(self, secret: str) -> None:
        self.secret_encrypted = vault.encrypt(secret)


class BudgetNotice(models.Model):
    """Something about a budget that people are told, once.

    Of a ``threshold``: once for each limit, period and threshold, until the budget is raised so far that less
    than the threshold is used again (``rearmed_at``). ``used`` and ``ceiling`` are what they were then.
    """

    class Kind(models.TextChoices):
        THRESHOLD = "threshold", "so much of a budget is used"
        RAISE_ASKED = "raise_asked", "more was asked for"
        RAISE_DECIDED = "raise_decided", "a raise was decided"

    event_id = models.UUIDField(unique=True, help_text="By which receivers know what they have already.")
    kind = models.CharField(max_length=13, choices=Kind.choices, default=Kind.THRESHOLD)
    limit = models.ForeignKey(Limit, on_delete=models.PROTECT, related_name="notices")
    starts_at = models.DateTimeField(help_text="Of the period.")
    ends_at = models.DateTimeField()
    threshold = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Per cent.")
    used = models.DecimalField(max_digits=28, decimal_places=12, null=True, blank=True)
    ceiling = models.DecimalField(
        max_digits=28, decimal_places=12, null=True, blank=True, help_text="The amount and its raises."
    )
    limit_raise = models.ForeignKey(
        LimitRaise, on_delete=models.PROTECT, null=True, blank=True, related_name="notices"
    )
    rearmed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["limit", "starts_at", "threshold"],
                condition=Q(kind="threshold", rearmed_at__isnull=True),
                name="budget_notice_once",
            ),
            models.UniqueConstraint(
                fields=["limit_raise", "kind"],
                condition=Q(limit_raise__isnull=False),
                name="budget_notice_once_per_raise",
            ),
            models.CheckConstraint(
                name="budget_notice_is_of_its_kind",
                condition=Q(
                    kind="threshold",
                    threshold__gt=0,
                    used__isnull=False,
                    ceiling__isnull=False,
                    limit_raise__isnull=True,
                )
                | Q(
                    kind__in=["raise_asked", "raise_decided"],
                    threshold__isnull=True,
                    limit_raise__isnull=False,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.limit}: {self.get_kind_display()}"


class NoticeDelivery(models.Model):
    """One notice on its way to one address: written with the notice, sent until it arrives or is given up.

    At least once: a receiver may be told twice, with the same event id.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", "e-mail"
        WEBHOOK = "webhook"

    class State(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        GIVEN_UP = "given_up", "given up"

    notice = models.ForeignKey(BudgetNotice, on_delete=models.PROTECT, related_name="deliveries")
    channel = models.CharField(max_length=7, choices=Channel.choices)
    address = models.CharField(max_length=500, help_text="An e-mail address, or the webhook's at that time.")
    webhook = models.ForeignKey(
        Webhook, on_delete=models.PROTECT, null=True, blank=True, related_name="deliveries"
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    last_answer = models.CharField(max_length=300, blank=True, help_text="What came of the last try.")
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "notice deliveries"
        indexes = [
            models.Index(
                fields=["next_try_at"], name="notice_delivery_waiting", condition=Q(state="waiting")
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "channel", "address", "webhook"],
                nulls_distinct=False,
                name="notice_delivery_once",
            ),
            models.CheckConstraint(
                name="notice_delivery_state_known",
                condition=Q(state__in=["waiting", "delivered", "given_up"]),
            ),
            models.CheckConstraint(
                name="notice_delivery_channel_known",
                condition=Q(channel="email", webhook__isnull=True)
                | Q(channel="webhook", webhook__isnull=False),
            ),
            models.CheckConstraint(
                name="notice_delivery_delivered_at_a_moment",
                condition=Q(state="delivered", delivered_at__isnull=False)
                | (~Q(state="delivered") & Q(delivered_at__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        """Without the rest of a webhook's address: whoever has it can post there."""
        return f"{self.channel} to {self.address.split('/')[2] if '://' in self.address else self.address}"
