"""What the admin allows, as classes named for the decision; list them first on a ModelAdmin."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from catalog import visibility

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[Any]
else:
    Base = object


class OnlyVisibleTeams(Base):
    """Rows of teams that the person may see (catalog/visibility.py); also in the choices of form fields."""

    team_lookup: ClassVar[str] = "team"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return visibility.of(request.user).restrict(super().get_queryset(request), self.team_lookup)


class NobodyDeletes(Base):
    """Rows that the books refer to: they are disabled, revoked or ended, and stay."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class HiddenColumns(Base):
    """Columns that are never shown cannot be guessed either, letter by letter, through a list's filters."""

    hidden_columns: ClassVar[frozenset[str]] = frozenset()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        if self.hidden_columns & set(lookup.split("__")):
            return False
        return super().lookup_allowed(lookup, value, request)


class NobodyWrites(NobodyDeletes):
    """Rows that the gateway writes: to be read by people, whoever they are."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
