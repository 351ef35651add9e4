"""The form of a draft: what is paid, or the list price and how much less is paid."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

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
        except (periods.PeriodError, proposals.ProposalError) as error:
            raise ValidationError(str(error)) from error
        return cleaned

    def draft(self, *, at: dt.datetime) -> PriceProposal:
        """Keep it. Raises what ``proposals.draft`` raises."""
        given = self.cleaned_data
        return proposals.draft(
            model=given["model"],
            slot=periods.Slot(**{name: given[name] for name in periods.Slot._fields}),
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
