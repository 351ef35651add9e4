"""Who pays, and the credential that says so."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


def all_models() -> list[str]:
    return ["*"]


class Team(models.Model):
    """Who pays. Every call belongs to exactly one team, known by its API key alone."""

    name = models.CharField(max_length=60, unique=True, help_text="Lower case letters, digits, - and _.")
    title = models.CharField(max_length=120, blank=True)
    cost_center = models.CharField(max_length=60, blank=True)
    leads = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="led_teams",
        help_text="May see this team's spend and keys.",
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Last, because it hides the module of that name from here on.
    models: "ArrayField[list[str], list[str]]" = ArrayField(
        models.CharField(max_length=200),
        default=all_models,
        blank=True,
        help_text="Route or model names this team may call; * for all; openai/* for all that begins so.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="team_name_is_slug", condition=Q(name__regex=r"^[a-z0-9][a-z0-9_-]*$")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """The credential of a team. The secret is shown once; kept are its prefix and a keyed hash."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=16, unique=True, help_text="The public part, for finding a key.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Last, because it hides the module of that name from here on.
    models: "ArrayField[list[str], list[str]]" = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="Narrows what the team may call; empty: all that the team may.",
    )

    class Meta:
        ordering = ["team", "name"]
        verbose_name = "API key"
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"],
                condition=Q(revoked_at__isnull=True),
                name="api_key_name_once_per_team",
            ),
            models.CheckConstraint(
                name="api_key_digest_is_sha256", condition=Q(digest__regex=r"^[0-9a-f]{64}$")
            ),
            models.CheckConstraint(name="api_key_name_not_empty", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return f"{self.team}/{self.name} ({self.prefix}...)"
