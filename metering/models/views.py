"""What people keep of the pages."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual

LONGEST_NAME = 80
LONGEST_QUERY = 2000


class SavedView(models.Model):
    """The overview's filters under a name: the query string of its address, as the page itself writes it.

    It shows whoever opens it what they may see, also when it is shared.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    name = models.CharField(max_length=LONGEST_NAME)
    query = models.TextField()
    shared = models.BooleanField(default=False, help_text="With everybody who may read spend.")
    created_at = models.DateTimeField(help_text="When it was saved.")

    class Meta:
        default_permissions = ()  # each person keeps their own
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["name"], condition=Q(shared=True), name="saved_view_shared")]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_view_name_once_per_owner"),
            models.CheckConstraint(name="saved_view_has_a_name", condition=~Q(name="")),
            models.CheckConstraint(
                name="saved_view_query_bounded",
                condition=LessThanOrEqual(Length("query"), LONGEST_QUERY),
            ),
        ]

    def __str__(self) -> str:
        return self.name
