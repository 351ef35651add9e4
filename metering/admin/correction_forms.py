"""What people enter to correct entries."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminDateWidget
from django.db.models import Exists, OuterRef
from django.utils import timezone

from catalog.models import LanguageModel, Team
from metering.corrections.at_once import Told
from metering.corrections.scopes import Scope
from metering.models import DailySpend

REASON_LENGTH = 500


class RerateForm(forms.Form):
    """Which entries, at what price, and why."""

    start = forms.DateField(label="From", widget=AdminDateWidget)
    end = forms.DateField(
        label="To", widget=AdminDateWidget, help_text="Inclusive; days in the business time zone."
    )
    team = forms.ModelChoiceField(Team.objects.order_by("name"), required=False, empty_label="every team")
    model = forms.ModelChoiceField(
        LanguageModel.objects.filter(Exists(DailySpend.objects.filter(model=OuterRef("pk"))))
        .select_related("provider")
        .order_by("provider__name", "name"),
        required=False,
        empty_label="every model",
        help_text="Those that have entries.",
    )
    unpriced = forms.BooleanField(required=False, label="Only entries whose cost is unknown")
    at_prices = forms.RegexField(
        r"^\s*\d{1,18}(\s*,\s*\d{1,18})*\s*$",
        required=False,
        label="At price rows",
        help_text="Empty: at the prices in force when each call was made. To correct a price that was wrong,"
        " the numbers of the right rows: they are taken as if they had been in force all the time.",
        error_messages={"invalid": "Numbers of price rows, separated by commas."},
    )
    reason = forms.CharField(max_length=REASON_LENGTH, widget=forms.TextInput(attrs={"class": "vTextField"}))

    def scope(self) -> Scope:
        given = self.cleaned_data
        return Scope(
            start=given["start"],
            end=given["end"],
            team=given["team"].name if given["team"] else "",
            model=given["model"].full_name if given["model"] else "",
            unpriced=given["unpriced"],
            at_prices=tuple(int(number) for number in given["at_prices"].split(",") if number.strip()),
        )


def this_month() -> dict[str, Any]:
    """The days that the form offers first."""
    today = timezone.localdate()
    return {"start": today.replace(day=1), "end": today}


def begun_with(asked: Mapping[str, str]) -> dict[str, Any]:
    """The form as a link fills it in: whatever it names, and else this month."""
    return this_month() | {name: asked[name] for name in RerateForm.base_fields if asked.get(name)}


class AgreedForm(forms.Form):
    """What the person was shown before the second click."""

    entries = forms.IntegerField(min_value=0)
    difference = forms.DecimalField(max_digits=28, decimal_places=12)

    def agreed(self) -> Told:
        return Told(self.cleaned_data["entries"], self.cleaned_data["difference"])


class AdjustForm(forms.Form):
    """``expected``: what it cost when the page was made; empty: unknown."""

    amount = forms.DecimalField(
        label="USD",
        max_digits=24,
        decimal_places=12,
        help_text="Added to the cost; -0.50 takes 50 cents away.",
    )
    reason = forms.CharField(max_length=REASON_LENGTH, widget=forms.TextInput(attrs={"class": "vTextField"}))
    expected = forms.DecimalField(max_digits=28, decimal_places=12, required=False, widget=forms.HiddenInput)


def plain(amount: Decimal | None) -> str:
    """For a hidden field."""
    return "" if amount is None else f"{amount:f}"
