"""Aliases, accounts and admin keys of reconciliation; reports, comparisons and signatures are only read."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from catalog.admin.credentials import NOT_AT_HOME, SecretForm
from catalog.admin.policies import HiddenColumns, NobodyWrites
from catalog.models import LanguageModel
from metering.models import (
    GapExplanation,
    ReconciliationRun,
    ReportCredential,
    SignOff,
    VendorAccount,
    VendorAlias,
    VendorCost,
    VendorReport,
)
from metering.reconciliation import admin_keys
from metering.spend import money
from metering.spend.reconciliation import pack as reconciliation_pack

# Every process imports the admin when it starts: from then on closing asks for vendors (importing
# metering.reconciliation does that), and the month pack has their sheet.
reconciliation_pack.register()


class VendorAliasForm(forms.ModelForm[VendorAlias]):
    """The model must be one of the provider's."""

    class Meta:
        model = VendorAlias
        fields = ["provider", "item", "model", "meter", "note"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        model: LanguageModel | None = cleaned.get("model")
        provider = cleaned.get("provider") or getattr(self.instance, "provider", None)
        if model is not None and provider is not None and model.provider_id != provider.pk:
            raise forms.ValidationError({"model": f"This model is sold by {model.provider.name}."})
        return cleaned


@admin.register(VendorAlias)
class VendorAliasAdmin(admin.ModelAdmin[VendorAlias]):
    form = VendorAliasForm
    list_display = ["item", "provider", "model", "meter", "note"]
    list_filter = ["provider", "meter"]
    list_select_related = ["provider", "model__provider"]
    search_fields = ["item", "model__name"]
    autocomplete_fields = ["model"]


@admin.register(VendorAccount)
class VendorAccountAdmin(admin.ModelAdmin[VendorAccount]):
    list_display = ["identifier", "provider", "is_ours", "note"]
    list_filter = ["provider", "is_ours"]
    list_select_related = ["provider"]
    search_fields = ["identifier", "note"]


class ReportCredentialForm(SecretForm):
    """As a provider's own credential: in and never out; of the environment, only the vendor's admin keys."""

    class Meta:
        model = ReportCredential
        fields = ["provider", "api_key_env"]

    by_superuser = False  # see ReportCredentialAdmin.get_form

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        variable, provider = cleaned.get("api_key_env"), cleaned.get("provider") or self.instance.provider
        usual = admin_keys.VARIABLES.get(provider.kind) if provider else None
        if variable and variable != usual and "api_key_env" in self.changed_data and not self.by_superuser:
            self.add_error("api_key_env", NOT_AT_HOME.format(variable))
        return cleaned


@admin.register(ReportCredential)
class ReportCredentialAdmin(HiddenColumns, admin.ModelAdmin[ReportCredential]):
    form = ReportCredentialForm
    hidden_columns = frozenset({"api_key_encrypted"})
    list_display = ["provider", "source", "origin"]
    list_select_related = ["provider"]
    readonly_fields = ["source", "origin"]

    def get_fields(self, request: HttpRequest, obj: ReportCredential | None = None) -> Any:
        """People who may only look are not offered a field to type a key into."""
        if self.has_change_permission(request, obj) or self.has_add_permission(request):
            return ["provider", "source", "origin", "api_key_env", "new_credential", "remove_credential"]
        return ["provider", "source", "origin", "api_key_env"]

    def get_form(
        self, request: HttpRequest, obj: ReportCredential | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.by_superuser = bool(request.user.is_superuser)
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: ReportCredential | None = None) -> list[str]:
        return ["source", "origin"] if obj is None else ["source", "origin", "provider"]

    @admin.display(description="admin key")
    def source(self, credential: ReportCredential) -> str:
        return "stored" if credential.api_key_encrypted else credential.api_key_env or "none"


@admin.register(VendorReport)
class VendorReportAdmin(NobodyWrites, admin.ModelAdmin[VendorReport]):
    list_display = ["taken_at", "provider", "kind", "first_day", "last_day", "source", "imported_by"]
    list_filter = ["provider", "kind"]
    list_select_related = ["provider"]
    date_hierarchy = "taken_at"


@admin.register(VendorCost)
class VendorCostAdmin(NobodyWrites, admin.ModelAdmin[VendorCost]):
    """The vendor's lines, with each as it came."""

    list_display = ["day", "item", "model", "meter", "quantity_shown", "amount_shown", "account", "report"]
    list_filter = ["report__provider", "meter", "day"]
    list_select_related = ["report__provider"]
    search_fields = ["item", "model", "account"]
    show_full_result_count = False
    fields = [
        ("report", "number"),
        "day",
        "item",
        "model",
        "meter",
        ("tier", "context", "account"),
        "quantity_shown",
        "amount_shown",
        ("billed", "currency", "rate"),
        "raw",
    ]

    @admin.display(description="quantity", ordering="quantity")
    def quantity_shown(self, line: VendorCost) -> str:
        return "not told" if line.quantity is None else money.exact(line.quantity)

    @admin.display(description="amount", ordering="amount")
    def amount_shown(self, line: VendorCost) -> str:
        return "not told" if line.amount is None else money.exact_usd(line.amount)


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(NobodyWrites, admin.ModelAdmin[ReconciliationRun]):
    list_display = ["month", "provider", "state", "gap_shown", "as_of", "created_by"]
    list_filter = ["provider", "state"]
    list_select_related = ["provider"]
    date_hierarchy = "month"

    @admin.display(description="gap", ordering="gap")
    def gap_shown(self, run: ReconciliationRun) -> str:
        return money.exact_usd(run.gap)


@admin.register(GapExplanation)
class GapExplanationAdmin(NobodyWrites, admin.ModelAdmin[GapExplanation]):
    list_display = ["day", "provider", "model", "meter", "reason", "note", "author", "created_at"]
    list_filter = ["provider", "reason"]
    list_select_related = ["provider"]


@admin.register(SignOff)
class SignOffAdmin(NobodyWrites, admin.ModelAdmin[SignOff]):
    list_display = ["run", "state", "asked_by", "signed_by", "self_approved", "signed_at"]
    list_filter = ["run__provider", "state", "self_approved"]
    list_select_related = ["run__provider", "asked_by", "signed_by"]
