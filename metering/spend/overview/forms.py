"""What people write about a saved view."""

from django import forms
from django.http import QueryDict
from django.utils import timezone

from metering.models.views import LONGEST_NAME
from metering.spend import filters


class ViewForm(forms.Form):
    """``query``: the address to keep, or to come back to."""

    name = forms.CharField(max_length=LONGEST_NAME)
    shared = forms.BooleanField(required=False)
    query = forms.CharField(max_length=4000, required=False)

    def clean_query(self) -> str:
        """Raises BadFilter: what cannot be come back to is refused before anything is saved."""
        query: str = self.cleaned_data["query"]
        filters.spend_filters(QueryDict(query).dict(), today=timezone.localdate())
        return query
