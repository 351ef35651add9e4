"""Providers with their credentials (write-only), and the models they sell."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from catalog import rates
from catalog.admin import credentials, panels
from catalog.admin.configuration_files import ModelResource
from catalog.admin.credentials import CredentialInline, SecretForm
from catalog.admin.defaults import KeptWhenEmpty
from catalog.admin.exports import CsvExport
from catalog.admin.policies import HiddenColumns, NobodyDeletes
from catalog.admin.prices import PriceInline, in_force_at
from catalog.admin.reasons import SaysWhy
from catalog.admin.searching import FindsModels
from catalog.admin.switching import Switches
from catalog.models import LanguageModel, Provider

FURTHER_MOVE = "The address leads elsewhere, and the further credentials with it: ask who may change them."


class ProviderForm(KeptWhenEmpty, SecretForm):
    """The provider's own credential obeys the rule of ``credentials``; the further ones do in the inline."""

    by_superuser = False  # see ProviderAdmin.get_form
    keeps_further = False  # the person may not change the further credentials
    kept_when_empty = ("breaker_slow_rate", "retry_budget", "queue_seconds", "on_leave", "drain_seconds")

    class Meta:
        model = Provider
        exclude = ["api_key_encrypted"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        base_url, variable = cleaned.get("base_url"), cleaned.get("api_key_env")
        if self.by_superuser or not base_url:
            return cleaned
        if variable and not credentials.is_at_home(variable, base_url):
            raise ValidationError({"api_key_env": credentials.NOT_AT_HOME.format(variable)})
        if self.instance.pk is not None and credentials.has_moved(base_url, self._base_url):
            self._check_what_moves()
        return cleaned

    def _check_what_moves(self) -> None:
        if self.keeps_stored():
            raise ValidationError({"new_credential": credentials.MOVED})
        if self.keeps_further and self.instance.credentials.exists():
            raise ValidationError({"base_url": FURTHER_MOVE})

    @property
    def _base_url(self) -> str:
        """As it was: by now the instance may carry what was typed."""
        return str(self.initial.get("base_url", ""))


@admin.register(Provider)
class ProviderAdmin(SaysWhy, Switches, NobodyDeletes, HiddenColumns, admin.ModelAdmin[Provider]):
    hidden_columns = frozenset({"api_key_encrypted"})
    form = ProviderForm
    actions = ["disable", "enable"]
    list_display = [
        "name",
        "kind",
        "credential",
        "models_sold",
        "priority",
        "enabled",
        "is_sandbox",
        "region",
        "base_url",
    ]
    list_filter = ["kind", "enabled", "is_sandbox"]
    search_fields = ["name", "base_url", "region"]
    readonly_fields = ["credential"]
    inlines = [CredentialInline]
    fieldsets = [
        (None, {"fields": ["name", "kind", "base_url", "region", "priority", "enabled", "is_sandbox"]}),
        ("Credential", {"fields": ["credential", "api_key_env", "new_credential", "remove_credential"]}),
        ("Abilities", {"fields": ["serves_responses", "follows_links"]}),
        (
            "Patience and retries",
            {
                "fields": [
                    ("connect_timeout", "first_byte_timeout"),
                    "first_token_timeout",
                    ("idle_timeout", "total_timeout"),
                    "max_attempts",
                    "retry_budget",
                ],
                "description": "All in seconds. A model may have timeouts of its own.",
            },
        ),
        (
            "Room, and callers who leave",
            {"fields": ["max_in_flight", "queue_seconds", "on_leave", "drain_seconds"]},
        ),
        (
            "Breaker",
            {
                "fields": [
                    "breaker_failures",
                    ("breaker_failure_rate", "breaker_window", "breaker_min_calls"),
                    ("breaker_slow_seconds", "breaker_slow_rate"),
                    "breaker_cooldown",
                ],
                "description": "Opens on failures in a row, or on a share of failed or slow calls. "
                "An open breaker sends nothing but one probe after each cool-down.",
            },
        ),
        (
            "Region and health",
            {
                "fields": [("slow_p99", "slow_for"), "health_check_interval"],
                "description": "A drained provider is tried last until it is fast again.",
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
        form.keeps_further = not request.user.has_perm("catalog.change_credential")
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        """People who may only look are not offered a field to type a credential into."""
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        if may_write:
            return self.with_why(request, obj, self.fieldsets)
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
class LanguageModelAdmin(
    FindsModels, SaysWhy, Switches, CsvExport, NobodyDeletes, admin.ModelAdmin[LanguageModel]
):
    resource_classes = [ModelResource]
    model_lookup = ""
    actions = ["disable", "enable"]
    list_display = [
        "name",
        "provider",
        "input_price",
        "output_price",
        "reasoning_price",
        "context_window",
        "enabled",
    ]
    list_filter = [PricedFilter, "enabled", "provider"]
    list_select_related = ["provider"]
    search_fields = ["name", "provider__name"]
    autocomplete_fields = ["provider"]
    inlines = [PriceInline]
    fieldsets = [
        (None, {"fields": ["provider", "name", "enabled"]}),
        ("Abilities", {"fields": [("context_window", "max_output_tokens"), "capabilities"]}),
        (
            "Patience",
            {
                "fields": [
                    ("first_byte_timeout", "first_token_timeout"),
                    ("idle_timeout", "total_timeout"),
                ],
                "description": "In seconds. Empty: the provider's.",
            },
        ),
        ("Source", {"fields": [("source", "source_date")]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LanguageModel]:
        current = in_force_at(timezone.now()).filter(model=OuterRef("pk"))
        rows: QuerySet[LanguageModel] = super().get_queryset(request).select_related("provider")
        return rows.annotate(
            price_in_force=Subquery(current.values("pk")[:1]),
            listed_input=Subquery(current.values("input")[:1]),
            listed_output=Subquery(current.values("output")[:1]),
            listed_reasoning=Subquery(current.values("reasoning")[:1]),
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With what other apps say of it, such as its prices over time."""
        model = self.get_object(request, unquote(object_id))
        shown = {} if model is None else {"panels": list(panels.rendered(request, model))}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    @admin.display(description="input, $/1M", ordering="listed_input")
    def input_price(self, model: Any) -> str:
        return rates.plain(model.listed_input) or "unknown"

    @admin.display(description="output, $/1M", ordering="listed_output")
    def output_price(self, model: Any) -> str:
        return rates.plain(model.listed_output) or "unknown"

    @admin.display(description="reasoning, $/1M", ordering="listed_reasoning")
    def reasoning_price(self, model: Any) -> str:
        return rates.said("reasoning", model.listed_reasoning)
