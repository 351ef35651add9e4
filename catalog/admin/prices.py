"""Prices by period, and proposals that wait for a decision.

A price that has begun is history: the form shows it and does not change it. To change a price is to add one;
it ends the one in force (catalog/periods.py).
"""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from import_export import fields

from catalog import periods, proposals, rates
from catalog.admin.exports import CsvExport, ExactResource
from catalog.admin.policies import NobodyDeletes, NobodyWrites
from catalog.models import LanguageModel, Price, PriceProposal
from catalog.models.prices import RATES

SHOWN_RATES = ("input", "output", "cache_read", "reasoning")
SLOT: Any = ["variant", "above_input_tokens", ("daily_from", "daily_to", "weekdays")]


def in_force_at(moment: dt.datetime) -> QuerySet[Price]:
    """The everyday price: standard variant, no threshold, no peak hours."""
    return Price.objects.filter(
        Q(effective_to__isnull=True) | Q(effective_to__gt=moment),
        effective_from__lte=moment,
        variant="standard",
        above_input_tokens=0,
        daily_from__isnull=True,
    ).order_by("-effective_from")


def rate_column(name: str, *, empty: str = "unknown") -> Any:
    """A column with one rate, every digit and no more; ``empty`` says what an empty rate means."""

    @admin.display(description=name.replace("_", " "), ordering=name)
    def shown(price: Price) -> str:
        return rates.plain(getattr(price, name)) or empty

    return shown


RATE_COLUMNS = {
    name: rate_column(
        name,
        empty={"cache_read": "as input", "cache_write_5m": "as input", "reasoning": "as output"}.get(
            name, "unknown"
        ),
    )
    for name in RATES
}


class PeriodFilter(admin.SimpleListFilter):
    title = "period"
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "In force"), ("future", "To come"), ("past", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Price]) -> QuerySet[Price]:
        now = timezone.now()
        if self.value() == "now":
            return queryset.filter(
                Q(effective_to__isnull=True) | Q(effective_to__gt=now), effective_from__lte=now
            )
        if self.value() == "future":
            return queryset.filter(effective_from__gt=now)
        if self.value() == "past":
            return queryset.filter(effective_to__lte=now)
        return queryset


class PriceForm(forms.ModelForm[Price]):
    """Decided by the same rule that saves it: a price that cannot start then is refused in the form."""

    class Meta:
        model = Price
        exclude = ["effective_to", "source_date"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.errors or cleaned is None:
            return cleaned
        self._refuse_what_cannot_start(cleaned)
        return cleaned

    def start(self, *, at: dt.datetime) -> periods.Started | None:
        """Let this price begin: closes the one in force."""
        given = self.cleaned_data
        return periods.start(
            model=given["model"],
            slot=periods.Slot(**{name: given[name] for name in periods.Slot._fields}),
            rates=rates.Rates(**{rate: given[rate] for rate in RATES}),
            effective_from=given["effective_from"],
            source=given["source"],
            note=given["note"],
            at=at,
        )

    def _refuse_what_cannot_start(self, cleaned: dict[str, Any]) -> None:
        try:
            Price(**cleaned).full_clean(exclude=["effective_to"])
            with transaction.atomic():
                started = self.start(at=timezone.now())
                transaction.set_rollback(True)
        except periods.PeriodError as error:
            raise ValidationError(str(error)) from error
        if started is None:
            raise ValidationError("These rates hold at that moment already.")


class PriceInline(NobodyWrites, admin.TabularInline[Price, LanguageModel]):
    model = Price
    extra = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = "prices (USD per 1,000,000 tokens; add one under Prices to change them)"
    fields = [
        "effective_from",
        "effective_to",
        "variant",
        "above_input_tokens",
        *(RATE_COLUMNS[name] for name in SHOWN_RATES),
        "source",
    ]
    readonly_fields = [RATE_COLUMNS[name] for name in SHOWN_RATES]


class PriceResource(ExactResource):
    provider = fields.Field(attribute="model__provider__name", column_name="provider")
    model_name = fields.Field(attribute="model__name", column_name="model")

    class Meta:
        model = Price
        fields = [
            "id",
            "provider",
            "model_name",
            "effective_from",
            "effective_to",
            "variant",
            "above_input_tokens",
        ]
        fields += [
            "daily_from",
            "daily_to",
            "weekdays",
            *RATES,
            "source",
            "source_date",
            "note",
            "created_at",
        ]
        export_order = fields


@admin.register(Price)
class PriceAdmin(CsvExport, admin.ModelAdmin[Price]):
    form = PriceForm
    resource_classes = [PriceResource]
    list_display = [
        "model",
        *(RATE_COLUMNS[name] for name in SHOWN_RATES),
        "state",
        "new_price",
        "effective_from",
        "effective_to",
        "variant",
        "above_input_tokens",
        "daily_from",
        "daily_to",
        "source",
    ]
    list_filter = [PeriodFilter, "variant", "model__provider"]
    list_select_related = ["model__provider"]
    search_fields = ["model__name", "model__provider__name", "source"]
    autocomplete_fields = ["model"]
    actions = None
    fieldsets = [
        (None, {"fields": ["model", "effective_from"]}),
        ("Rates, USD per 1,000,000 tokens", {"fields": list(RATES)}),
        ("Only for", {"fields": SLOT}),
        ("Where from", {"fields": ["source", "note"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Price]:
        return super().get_queryset(request).select_related("model__provider")

    def has_change_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        """Nobody edits a price: see this module's first lines. The list is shown to those who may view it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        """A price that has not begun can be called off."""
        begun = obj is None or obj.effective_from <= timezone.now()
        return not begun and super().has_delete_permission(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        return super().has_view_permission(request, obj) or super().has_change_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Price | None = None) -> Any:
        if obj is None:
            return self.fieldsets
        (_, first), (rates_title, _), *rest = self.fieldsets
        looked_at = [*first["fields"], "effective_to", "state", "new_price", "source_date", "created_at"]
        return [(None, {"fields": looked_at}), (rates_title, {"fields": [*RATE_COLUMNS.values()]}), *rest]

    def get_readonly_fields(self, request: HttpRequest, obj: Price | None = None) -> Any:
        return [] if obj is None else ["state", "created_at", "new_price", *RATE_COLUMNS.values()]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """``?from=ID`` fills the form with an existing price, from now on."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        initial.setdefault(
            "effective_from", timezone.localtime().replace(second=0, microsecond=0) + dt.timedelta(minutes=5)
        )
        given = unquote(request.GET.get("from", ""))
        old = (
            self.get_queryset(request).filter(pk=given).first()
            if given.isdigit() and len(given) < 19
            else None
        )
        if old is not None:
            initial["model"] = old.model_id
            initial.update({name: getattr(old, name) for name in periods.Slot._fields})
            initial.update({rate: rates.plain(getattr(old, rate)) for rate in RATES})
        initial["source"] = f"admin: {request.user.get_username()}"
        return initial

    def save_model(self, request: HttpRequest, obj: Price, form: Any, change: bool) -> None:
        started = form.start(at=timezone.now())
        obj.pk = started.price.pk
        obj.refresh_from_db()
        if started.ended is not None:
            since = f"{started.ended.effective_from:%Y-%m-%d %H:%M} UTC"
            messages.info(request, f"The price since {since} ends where this one begins.")

    @admin.display(description="state")
    def state(self, price: Price) -> str:
        now = timezone.now()
        if price.effective_from > now:
            return "to come"
        return "over" if price.effective_to is not None and price.effective_to <= now else "in force"

    @admin.display(description="change")
    def new_price(self, price: Price) -> SafeString:
        link = f"{reverse('admin:catalog_price_add')}?from={price.pk}"
        return format_html('<a href="{}">New price from this one</a>', link)


@admin.register(PriceProposal)
class PriceProposalAdmin(NobodyDeletes, admin.ModelAdmin[PriceProposal]):
    """Proposals are made by sources (the price book, ``apply``); people accept or dismiss them."""

    list_display = [
        "model",
        "variant",
        "above_input_tokens",
        "proposed",
        "now",
        "effective_from",
        "reason",
        "state",
        "decided_by",
    ]
    list_filter = ["state", "variant", "model__provider"]
    list_select_related = ["model__provider", "current"]
    search_fields = ["model__name", "model__provider__name", "reason", "source"]
    actions = ["accept", "dismiss"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceProposal]:
        return super().get_queryset(request).select_related("model__provider", "current__model__provider")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: PriceProposal | None = None) -> list[str]:
        return [field.name for field in PriceProposal._meta.fields if field.name != "id"]

    @admin.display(description="proposed")
    def proposed(self, proposal: PriceProposal) -> str:
        return rates.short(rates.from_text(proposal.rates))

    @admin.display(description="now")
    def now(self, proposal: PriceProposal) -> str:
        return rates.short(rates.of(proposal.current)) if proposal.current else "no price"

    @admin.action(description="Accept: let these prices begin", permissions=["change"])
    def accept(self, request: HttpRequest, queryset: QuerySet[PriceProposal]) -> None:
        self._decide(request, queryset, proposals.accept, "accepted")

    @admin.action(description="Dismiss", permissions=["change"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[PriceProposal]) -> None:
        self._decide(request, queryset, proposals.dismiss, "dismissed")

    def _decide(
        self, request: HttpRequest, queryset: QuerySet[PriceProposal], decide: Any, done: str
    ) -> None:
        """Each on its own: one that cannot be decided does not hold up the others."""
        decided = 0
        for proposal in queryset.filter(state=PriceProposal.State.OPEN):
            try:
                decide(proposal=proposal, by=request.user.get_username(), at=timezone.now())
            except (periods.PeriodError, proposals.AlreadyDecided) as error:
                self.message_user(request, f"{proposal}: {error}", messages.ERROR)
                continue
            decided += 1
            self.log_change(request, proposal, f"{done.capitalize()}.")
        if decided:
            self.message_user(request, f"{decided} {done}.", messages.SUCCESS)
