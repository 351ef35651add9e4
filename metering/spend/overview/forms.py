"""What people write about a saved view."""

from django import forms

from metering.models.views import LONGEST_NAME


class ViewForm(forms.Form):
    """``query``: the address to keep, or to come back to."""

    name = forms.CharField(max_length=LONGEST_NAME)
    shared = forms.BooleanField(required=False)
    query = forms.CharField(max_length=4000, required=False)
