"""Why somebody did something by hand: a field beside the action."""

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.http import HttpRequest

NOTE_CHARS = 500
NOTED_STYLES = {"all": ["noted-actions.css"]}


class NotedActionForm(ActionForm):
    """Why, for all who look at it later. With NOTED_STYLES it is usable on a phone."""

    note = forms.CharField(
        required=False,
        max_length=NOTE_CHARS,
        label="Note:",
        widget=forms.TextInput(attrs={"placeholder": "why", "size": 30}),
    )


def noted(request: HttpRequest) -> str:
    """What was written there; empty for nothing."""
    return request.POST.get("note", "").strip()[:NOTE_CHARS]


__all__ = ["NOTED_STYLES", "NOTE_CHARS", "NotedActionForm", "noted"]
