"""Providers with their credentials (write-only), and the models they sell."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone

from catalog import addresses, rates, vendors
from catalog.admin.policies import HiddenColumns, NobodyDeletes
from catalog.admin.prices import PriceInline, in_force_at
from catalog.models import LanguageModel, Provider

MOVED = "The address leads elsewhere: enter the credential that is meant for it, or ask a superuser."
NOT_AT_HOME = "Only a superuser sends {} to this address. Empty this field and enter a credential instead."


class ProviderForm(forms.ModelForm[Provider]):
    """The credential goes in and never comes out: neither into the page nor into the history.

    Nor does it go elsewhere: only a superuser directs an existing credential, stored or of the environment,
    to an origin that it does not belong to. Anybody else enters the credential that is meant for it.
    """

    by_superuser = False  # see ProviderAdmin.get_form

    new_credential = forms.CharField(
        required=False,
        strip=True,
        max_length=2000,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "size": 60}),
        help_text="Replaces the stored one. Kept encrypted; never shown again. Empty: unchanged.",
    )
    remove_credential = forms.BooleanField(required=False, help_text="Forget the stored credential.")

    class Meta:
        model = Provider
        exclude = ["api_key_encrypted"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        base_url, variable = cleaned.get("base_url"), cleaned.get("api_key_env")
        if self.by_superuser or not base_url:
            return cleaned
        if variable and not self._is_at_home(variable, base_url):
            raise ValidationError({"api_key_env": NOT_AT_HOME.format(variable)})
        keeps = not cleaned.get("new_credential") and not cleaned.get("remove_credential")
        if keeps and self._stored and addresses.origin(base_url) != addresses.origin(self._base_url):
            raise ValidationError({"new_credential": MOVED})
        return cleaned

    def _is_at_home(self, variable: str, base_url: str) -> bool:
        """Whether a provider, or a vendor that is well known, has this variable at this origin."""
        rows = Provider.objects.filter(api_key_env=variable).values_list("base_url", flat=True)
        known = [vendor.base_url for vendor in vendors.VENDORS if vendor.api_key_env == variable]
        return addresses.origin(base_url) in {addresses.origin(url) for url in [*rows, *known]}

    @property
    def _stored(self) -> str:
        return self.instance.api_key_encrypted

    @property
    def _base_url(self) -> str:
        """As it was: by now the instance may carry what was typed."""
        return str(self.initial.get("base_url", ""))

    def save(self, commit: bool = True) -> Provider:
        if self.cleaned_data["remove_credential"]:
            self.instance.set_credential("")
        if self.cleaned_data["new_credential"]:
            self.instance.set_credential(self.cleaned_data["new_credential"])
        return super().save(commit)


@admin.register(Provider)
class ProviderAdmin(NobodyDeletes, HiddenColumns, admin.ModelAdmin[Provider]):
    hidden_columns = frozenset({"api_key_encrypted"})
    form = ProviderForm
    list_display = [
        "name",
        "kind",
        "base_url",
        "region",
        "credential",
        "models_sold",
        "priority",
        "enabled",
        "is_sandbox",
    ]
    list_filter = ["kind", "enabled", "is_sandbox"]
    search_fields = ["name", "base_url", "region"]
    readonly_fields = ["credential"]
    fieldsets = [
        (None, {"fields": ["name", "kind", "base_url", "region", "priority", "enabled", "is_sandbox"]}),
        ("Credential", {"fields": ["credential", "api_key_env", "new_credential", "remove_credential"]}),
        ("Abilities", {"fields": ["serves_responses", "follows_links"]}),
        (
            "Patience",
            {
                "fields": [
                    "connect_timeout",
                    "first_byte_timeout",
                    "idle_timeout",
                    "total_timeout",
                    "max_attempts",
                ]
            },
        ),
        (
            "Breaker",
            {
                "fields": [
                    "breaker_failures",
                    ("breaker_failure_rate", "breaker_window", "breaker_min_calls"),
                    "breaker_cooldown",
                    ("slow_p99", "slow_for"),
                ]
            },
        ),
        ("Cost", {"fields": ["trusts_reported_cost", "reported_cost_tolerance"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        rows: QuerySet[Provider] = super().get_queryset(request)
        return rows.annotate(models_count=Count("models"))

    def get_form(
        self, request: HttpRequest, obj: Provider | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.by_superuser = bool(request.user.is_superuser)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        """People who may only look are not offered a field to type a credential into."""
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        if may_write:
            return self.fieldsets
        name, options = self.fieldsets[1]
        looked_at = (name, {**options, "fields": ["credential", "api_key_env"]})
        return [self.fieldsets[0], looked_at, *self.fieldsets[2:]]

    @admin.display(description="credential")
    def credential(self, provider: Provider) -> str:
        return provider.credential_source

    @admin.display(description="models", ordering="models_count")
    def models_sold(self, provider: Provider) -> int:
        return provider.models_count  # type: ignore[attr-defined, no-any-return]


class PricedFilter(admin.SimpleListFilter):
    """Models that can be called but have no price in force are found here, not in next month's bill."""

    title = "price in force"
    parameter_name = "priced"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No: calls are booked as unknown")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("yes", "no"):
            return queryset.filter(price_in_force__isnull=self.value() == "no")
        return queryset


@admin.register(LanguageModel)
class LanguageModelAdmin(NobodyDeletes, admin.ModelAdmin[LanguageModel]):
    list_display = [
        "name",
        "provider",
        "input_price",
        "output_price",
        "reasoning_price",
        "context_window",
        "max_output_tokens",
        "enabled",
        "source",
        "source_date",
    ]
    list_filter = [PricedFilter, "enabled", "provider"]
    list_select_related = ["provider"]
    search_fields = ["name", "provider__name"]
    autocomplete_fields = ["provider"]
    inlines = [PriceInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LanguageModel]:
        current = in_force_at(timezone.now()).filter(model=OuterRef("pk"))
        rows: QuerySet[LanguageModel] = super().get_queryset(request).select_related("provider")
        return rows.annotate(
            price_in_force=Subquery(current.values("pk")[:1]),
            listed_input=Subquery(current.values("input")[:1]),
            listed_output=Subquery(current.values("output")[:1]),
            listed_reasoning=Subquery(current.values("reasoning")[:1]),
        )

    @admin.display(description="input, $/1M", ordering="listed_input")
    def input_price(self, model: Any) -> str:
        return rates.plain(model.listed_input) or "unknown"

    @admin.display(description="output, $/1M", ordering="listed_output")
    def output_price(self, model: Any) -> str:
        return rates.plain(model.listed_output) or "unknown"

    @admin.display(description="reasoning, $/1M", ordering="listed_reasoning")
    def reasoning_price(self, model: Any) -> str:
        return rates.plain(model.listed_reasoning) or "as output"
