"""The people's pages by name, with a way to each from what is in the ledger: for tests and screenshots."""

import contextlib
from collections.abc import Callable

from django.core.exceptions import ObjectDoesNotExist
from django.urls import NoReverseMatch, reverse

from metering.models import BillingPeriod, CostEntry, DailySpend, Limit

Way = Callable[[], str]


def _busiest_team() -> str:
    return DailySpend.objects.select_related("team").latest("cost").team.name


def _dearest_request() -> str:
    return str(CostEntry.objects.filter(cost__isnull=False).latest("cost").request_id)


def _a_month() -> str:
    closed = BillingPeriod.objects.order_by("month").first()
    return f"{closed.month if closed else DailySpend.objects.earliest('period').period:%Y-%m}"


def _statement() -> str:
    month = _a_month()
    row = DailySpend.objects.filter(period=f"{month}-01").earliest("team__name")
    return f"/spend/months/{month}/{row.team_id}/"


def _vendor_month() -> str:
    row = DailySpend.objects.select_related("model__provider").latest("cost")
    return f"/spend/reconciliation/{row.model.provider.name}/{_a_month()}/"


def _key() -> str:
    row = DailySpend.objects.select_related("api_key").latest("cost")
    return reverse("spend:key", args=[row.api_key.prefix])


def _priced_model() -> str:
    row = DailySpend.objects.latest("cost")
    return reverse("admin:catalog_languagemodel_change", args=[row.model_id])


def _a_model() -> str:
    priced = DailySpend.objects.filter(model__prices__isnull=False)
    return priced.select_related("model__provider").earliest("cost").model.full_name


def _named(name: str) -> Way:
    return lambda: reverse(name)


PAGES: dict[str, Way] = {
    "overview": lambda: f"{reverse('spend:report')}?period=90d",
    "overview-by-token-type": lambda: f"{reverse('spend:report')}?period=90d&by=token_type",
    "economics": lambda: f"{reverse('spend:economics')}?period=90d",
    "what-if": lambda: f"{reverse('spend:what_if')}?period=90d&t1={_a_model()}&share1=70",
    "what-if-empty": lambda: f"{reverse('spend:what_if')}?period=90d",
    "bridge": _named("spend:bridge"),
    "anomalies": _named("spend:anomalies"),
    "anomalies-by-hour": lambda: f"{reverse('spend:anomalies')}?grain=hour",
    "forecast": _named("spend:forecast"),
    "entries": lambda: f"{reverse('spend:entries')}?period=90d",
    "request": lambda: reverse("spend:request", args=[_dearest_request()]),
    "teams": _named("spend:teams"),
    "team": lambda: reverse("spend:team", args=[_busiest_team()]),
    "key": _key,
    "budgets": _named("spend:budgets"),
    "budget": lambda: reverse("spend:budget", args=[Limit.objects.filter(unit="usd").earliest("pk").pk]),
    "months": _named("spend:months"),
    "month": lambda: f"/spend/months/{_a_month()}/",
    "statement": _statement,
    "reconciliation": _named("spend:reconciliation"),
    "reconciliation-vendor": _vendor_month,
    "claims": _named("spend:claims"),
    "exports": _named("spend:exports"),
    "reliability": _named("reliability:report"),
    "try": _named("playground:page"),
    "admin": _named("admin:index"),
    "admin-model": _priced_model,
    "admin-price-drafts": _named("admin:catalog_priceproposal_changelist"),
    "admin-prices": _named("admin:catalog_price_changelist"),
    "admin-limits": _named("admin:metering_limit_changelist"),
    "admin-audit-trail": _named("admin:auditlog_logentry_changelist"),
}


def addresses() -> dict[str, str]:
    """Of every page that there is; those of something that is not in the ledger are left out."""
    found = {}
    for name, way in PAGES.items():
        with contextlib.suppress(NoReverseMatch, ObjectDoesNotExist):
            found[name] = way()
    return found
