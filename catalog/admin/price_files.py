"""Price lists out of the admin and into it: what is exported imports again, and nothing of it changes."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from import_export import fields

from catalog import foretelling, price_imports, proposals, spreadsheets, visibility
from catalog.admin import draft_rows
from catalog.admin.exports import ExactResource
from catalog.foretelling import Foretold
from catalog.models import Price, PriceProposal
from catalog.models.prices import RATES
from catalog.price_imports import LISTED

SALT = "price list"
LOOKED_AT_FOR = 3_600  # seconds from the preview to its confirmation
SHOWN = 200  # rows of a preview
TOLD = 4 * foretelling.MOST  # of them, with what each would move: a few seconds


class ListRate(fields.Field):  # type: ignore[misc]
    """The column of a list rate that differs from what is paid."""

    def __init__(self, rate: str) -> None:
        super().__init__(column_name=f"list_{rate}")
        self.rate = rate

    def get_value(self, instance: Price) -> str:
        return instance.list_rates.get(self.rate, "")


class PriceResource(ExactResource):
    provider = fields.Field(attribute="model__provider__name", column_name="provider")
    model_name = fields.Field(attribute="model__name", column_name="model")
    list_input = ListRate("input")
    list_output = ListRate("output")
    list_cache_read = ListRate("cache_read")
    list_cache_write_5m = ListRate("cache_write_5m")
    list_cache_write_1h = ListRate("cache_write_1h")
    list_reasoning = ListRate("reasoning")
    list_audio_input = ListRate("audio_input")
    list_audio_output = ListRate("audio_output")
    list_per_request = ListRate("per_request")

    class Meta:
        model = Price
        fields = [
            *("id", "provider", "model_name", "effective_from", "effective_to"),
            *("variant", "above_input_tokens", "tier", "daily_from", "daily_to", "weekdays"),
            *RATES,
            *LISTED,
            *("source", "source_date", "note", "created_at"),
        ]
        export_order = fields


class Previewed(NamedTuple):
    """A draft that the file would make. ``told`` is None for who does not see every team's spend."""

    draft: PriceProposal
    alarms: SafeString
    told: Foretold | None


class PriceListForm(forms.Form):
    price_list = forms.FileField(
        label="Price list",
        help_text="CSV (UTF-8) or XLSX with a heading line, as the export of prices writes it.",
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx"}),
    )


class DraftImport:
    """A page where a price list becomes drafts: first looked at, then confirmed, all of it or nothing.

    What was looked at comes back signed with the confirmation, so no file waits anywhere in between.
    """

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.import_view)  # type: ignore[attr-defined]
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("import/", view, name="catalog_priceproposal_import"), *urls]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        if "looked_at" in request.POST:
            return self._import(request)
        form = PriceListForm(request.POST or None, request.FILES or None)
        shown = self._preview(request, form) if form.is_valid() else {}
        return self._page(request, form=form, **shown)

    def _page(self, request: HttpRequest, **shown: Any) -> HttpResponse:
        site: Any = self.admin_site  # type: ignore[attr-defined]
        page = {
            "title": "Import a price list",
            "opts": self.model._meta,  # type: ignore[attr-defined]
            "columns": price_imports.COLUMNS,
            "zone": settings.TIME_ZONE,
        }
        return render(
            request, "admin/catalog/priceproposal/import.html", site.each_context(request) | page | shown
        )

    def _preview(self, request: HttpRequest, form: PriceListForm) -> dict[str, Any]:
        """What the file would do, done and taken back."""
        upload, now = form.cleaned_data["price_list"], timezone.now()
        try:
            table = spreadsheets.rows(name=upload.name, content=upload.read(spreadsheets.MOST_BYTES + 1))
            with transaction.atomic():
                found = _imported(request, table, upload.name, now)
                previewed = _previewed(request, found.drafts, now)
                transaction.set_rollback(True)
        except spreadsheets.Unreadable as error:
            form.add_error("price_list", str(error))
            return {}
        except price_imports.NotImported as error:
            return {"errors": error.errors}
        by = request.user.get_username()
        looked_at = {"table": table, "name": upload.name, "by": by, "at": now.isoformat()}
        return {
            "found": found,
            "shown": previewed,
            "suspicious": sum(bool(proposals.alarms_of(draft)) for draft in found.drafts),
            "moved": _moved(previewed),
            "looked_at": signing.dumps(looked_at, salt=SALT, compress=True),
        }

    def _import(self, request: HttpRequest) -> HttpResponse:
        try:
            looked_at = signing.loads(request.POST["looked_at"], salt=SALT, max_age=LOOKED_AT_FOR)
            if looked_at["by"] != request.user.get_username():
                raise signing.BadSignature("somebody else's")
            # As of the preview, so that what is confirmed twice begins at one moment and is refused.
            at = dt.datetime.fromisoformat(looked_at["at"])
            found = _imported(request, looked_at["table"], looked_at["name"], at)
        except signing.BadSignature:
            messages.error(request, "The preview is too old: send the file again.")
            return self._page(request, form=PriceListForm())
        except price_imports.NotImported as error:
            return self._page(request, form=PriceListForm(), errors=error.errors)
        for draft in found.drafts:
            self.log_addition(request, draft, f"Imported from {looked_at['name']}.")  # type: ignore[attr-defined]
        messages.success(request, f"{len(found.drafts)} drafted, {found.unchanged} unchanged.")
        return HttpResponseRedirect(reverse("admin:catalog_priceproposal_changelist") + "?state__exact=open")


def _previewed(request: HttpRequest, drafts: Sequence[PriceProposal], at: dt.datetime) -> list[Previewed]:
    """The first of them, while they are there; of these the first with what they would move."""
    sees_all = visibility.of(request.user).team_ids is None
    return [
        Previewed(
            draft,
            draft_rows.badges(draft),
            foretelling.of(draft, at=at) if sees_all and number < TOLD else None,
        )
        for number, draft in enumerate(drafts[:SHOWN])
    ]


def _moved(previewed: Sequence[Previewed]) -> dict[str, Any] | None:
    """What the drafts move together, as far as they were asked; None where none was."""
    told = [row.told for row in previewed if row.told is not None]
    if not told:
        return None
    return {
        "drafts": len(told),
        "difference": sum((one.difference for one in told), start=Decimal(0)),
        "calls": sum(one.calls for one in told),
        "priced": sum(one.priced for one in told),
        "priced_usd": sum((one.priced_usd for one in told), start=Decimal(0)),
        "unpriced": sum(one.unpriced for one in told),
    }


def _imported(
    request: HttpRequest, table: list[list[str]], name: str, at: dt.datetime
) -> price_imports.Imported:
    return price_imports.import_drafts(
        table=table,
        made_by=request.user.get_username(),
        source=f"import {name}"[:200],
        at=at,
    )
