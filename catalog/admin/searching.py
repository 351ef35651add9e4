"""Models found as they are written everywhere: ``provider/model``."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.admin.views.main import ORDER_VAR
from django.db.models import Case, QuerySet, Value, When
from django.db.models.functions import Concat
from django.http import HttpRequest

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[Any]
else:
    Base = object


class FindsModels(Base):
    """Searches with ``/`` as a separator; the model of exactly that name, or full name, comes first.

    ``model_lookup``: the way from a row to its model; empty where the rows are models.
    """

    model_lookup: ClassVar[str] = "model__"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term.replace("/", " "))
        term = search_term.strip()
        if not term or ORDER_VAR in request.GET:  # whoever sorts by a column means that
            return found, duplicates
        order = found.query.order_by or found.model._meta.ordering
        return self._exact_first(found, term).order_by("_nearness", *order), duplicates

    def _exact_first(self, found: QuerySet[Any], term: str) -> QuerySet[Any]:
        name, provider = f"{self.model_lookup}name", f"{self.model_lookup}provider__name"
        ranked: QuerySet[Any] = found.alias(
            _full=Concat(provider, Value("/"), name),
            _nearness=Case(
                When(_full__iexact=term, then=0),
                When(**{f"{name}__iexact": term}, then=1),
                When(_full__istartswith=term, then=2),
                When(**{f"{name}__istartswith": term}, then=3),
                default=4,
            ),
        )
        return ranked
