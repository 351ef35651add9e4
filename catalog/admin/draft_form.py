"""The form of a draft: what is paid, or the list price and how much less is paid."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from catalog import periods, proposals
from catalog import rates as rate_values
from catalog.models import Price, PriceProposal
from catalog.models.prices import RATES
from catalog.rates import Rates

LISTED = {f"list_{rate}": rate for rate in RATES}
MOST_PERCENT = Decimal("99.99")


def _rate(name: str, *, listed: bool = False) -> forms.Field:
    """The form's field of a rate that is paid, or of the vendor's list price for it."""
    model_field: Any = Price._meta.get_field(name)
    field: forms.Field = model_field.formfield(required=False)
    if listed:
        field.label, field.help_text = f"List {name.replace('_', ' ')}", ""
    return field


class DraftForm(forms.ModelForm[PriceProposal]):
    """Judged by the rules that will decide: a draft that cannot begin then is refused in the form."""

    discount = forms.DecimalField(
        label="Discount, percent",
        required=False,
        min_value=Decimal(0),
        max_value=MOST_PERCENT,
        decimal_places=4,
        help_text="Off the list price. What is paid and left empty is worked out, half even at 6 decimals.",
    )
    drop_rates = forms.BooleanField(
        label="Leave rates out",
        required=False,
        help_text="Rates that the price in force has and that are empty here end with it.",
    )
    input = _rate("input")
    output = _rate("output")
    cache_read = _rate("cache_read")
    cache_write_5m = _rate("cache_write_5m")
    cache_write_1h = _rate("cache_write_1h")
    reasoning = _rate("reasoning")
    audio_input = _rate("audio_input")
    audio_output = _rate("audio_output")
    per_request = _rate("per_request")
    list_input = _rate("input", listed=True)
    list_output = _rate("output", listed=True)
    list_cache_read = _rate("cache_read", listed=True)
    list_cache_write_5m = _rate("cache_write_5m", listed=True)
    list_cache_write_1h = _rate("cache_write_1h", listed=True)
    list_reasoning = _rate("reasoning", listed=True)
    list_audio_input = _rate("audio_input", listed=True)
    list_audio_output = _rate("audio_output", listed=True)
    list_per_request = _rate("per_request", listed=True)
    made_by = ""  # see DraftAdmin.get_form
    past: dict[str, Any] | None = None  # of a date before now: what the form for re-rating begins with

    class Meta:
        model = PriceProposal
        fields = ["model", "effective_from", *periods.Slot._fields, "tier", "note"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.errors or cleaned is None:
            return cleaned
        try:
            with transaction.atomic():
                self.draft(at=timezone.now())
                transaction.set_rollback(True)
        except proposals.NotAPrice as error:
            raise ValidationError(error.complaints) from error
        except proposals.InThePast as error:
            begins = timezone.localtime(cleaned["effective_from"])
            self.past = {"model": cleaned["model"].pk, "start": f"{begins:%Y-%m-%d}"}
            raise ValidationError(str(error)) from error
        except (periods.PeriodError, proposals.ProposalError) as error:
            raise ValidationError(str(error)) from error
        self._check_dropped()
        return cleaned

    def _check_dropped(self) -> None:
        """A rate that nobody meant to end is easily forgotten: it is named. Raises ValidationError."""
        given = self.cleaned_data
        old = periods.in_force(model=given["model"], slot=self.slot(), at=given["effective_from"])
        gone = rate_values.dropped(rate_values.of(old), self.terms().paid) if old else {}
        if old is None or not gone or given["drop_rates"]:
            return
        named = ", ".join(f"{rate} {rate_values.plain(value)}" for rate, value in gone.items())
        then = ", ".join(f"{rate} {rate_values.said(rate, None)}" for rate in gone)
        again = f"{reverse('admin:catalog_priceproposal_add')}?from={old.pk}"
        raise ValidationError(
            format_html(
                "The price in force has {}, and here it is empty: then {}. Fill it in,"
                ' <a href="{}">draft a new price from that one</a>, or tick “Leave rates out”.',
                named,
                then,
                again,
            )
        )

    def slot(self) -> periods.Slot:
        return periods.Slot(**{name: self.cleaned_data[name] for name in periods.Slot._fields})

    def draft(self, *, at: dt.datetime) -> PriceProposal:
        """Keep it. Raises what ``proposals.draft`` raises."""
        given = self.cleaned_data
        return proposals.draft(
            model=given["model"],
            slot=self.slot(),
            terms=self.terms(),
            effective_from=given["effective_from"],
            made_by=self.made_by,
            source=f"admin: {self.made_by}",
            note=given["note"],
            at=at,
        )

    def terms(self) -> periods.Terms:
        """What is paid: as typed, or the list price less the discount."""
        given = self.cleaned_data
        typed = Rates(*(given[rate] for rate in RATES))
        listed = Rates(*(given[name] for name in LISTED))
        worked_out = rate_values.discounted(listed=listed, percent=given["discount"] or Decimal(0))
        paid = worked_out._replace(**rate_values.known(typed))
        return periods.Terms(paid, given["tier"], paid._replace(**rate_values.known(listed)))
