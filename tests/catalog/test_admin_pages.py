"""Every page of the admin, for every role: enumerated from the registry, so that no page is forgotten."""

from collections.abc import Iterator

import pytest
from auditlog.models import LogEntry
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from catalog.models import (
    ApiKey,
    LanguageModel,
    Price,
    PriceProposal,
    Provider,
    Route,
    RouteTarget,
    Team,
)
from metering.models import (
    BillingPeriod,
    BudgetNotice,
    Closing,
    ClosingWaiver,
    CorrectionBatch,
    CostEntry,
    DailySpend,
    GapExplanation,
    Hold,
    Limit,
    LimitRaise,
    LimitWindow,
    NoticeDelivery,
    ReconciliationRun,
    Reopening,
    ReportCredential,
    SignOff,
    VendorAccount,
    VendorAlias,
    VendorCost,
    VendorReport,
    Webhook,
    WorkerLease,
)
from proxy.models import Breaker, BreakerEvent, CredentialState, HealthCheck
from tests import factories
from tests.catalog.admin_objects import one_of_each

MODELS: list[type[Model]] = list(admin.site._registry)
BOOKS: set[type[Model]] = {
    CostEntry,
    DailySpend,
    Hold,
    LimitRaise,
    LimitWindow,
    BudgetNotice,
    NoticeDelivery,
    WorkerLease,
    CorrectionBatch,
    BillingPeriod,
    Closing,
    ClosingWaiver,
    Reopening,
    VendorReport,
    VendorCost,
    ReconciliationRun,
    GapExplanation,
    SignOff,
    BreakerEvent,
    CredentialState,
    HealthCheck,
}
CATALOG: set[type[Model]] = {
    Provider,
    LanguageModel,
    Price,
    PriceProposal,
    Route,
    RouteTarget,
    Team,
    ApiKey,
    Limit,
}
SECRETS: set[type[Model]] = {Webhook, ReportCredential}
TRAIL: set[type[Model]] = {LogEntry}
VENDORS: set[type[Model]] = {VendorAlias, VendorAccount}
SEEN = BOOKS | CATALOG | VENDORS | {Breaker}
NOBODY_ADDS = BOOKS | TRAIL | {Price}
KEPT_BY_CATALOG_ADMINS = {Provider, LanguageModel, PriceProposal}
# role -> (models whose list and rows it sees, models it may add)
ROLES: dict[str, tuple[set[type[Model]], set[type[Model]]]] = {
    "superuser": (set(MODELS), set(MODELS) - NOBODY_ADDS),
    "Auditor": (SEEN | TRAIL, set()),
    "Approver": (SEEN, set()),
    "Finance": (SEEN, VENDORS | {PriceProposal}),
    "Catalog admin": (SEEN, KEPT_BY_CATALOG_ADMINS - NOBODY_ADDS),
    "Platform admin": (
        SEEN | SECRETS | TRAIL | {User, Group},
        (CATALOG | VENDORS | SECRETS | {Breaker, User}) - NOBODY_ADDS,
    ),
    "Team lead": ({Team, ApiKey, Limit, LimitRaise, LimitWindow, CostEntry}, set()),
    "no role": (set(), set()),
}


def person(role: str) -> User:
    if role == "superuser":
        return factories.make_user("root", is_superuser=True)
    return factories.make_user("ada", role=None if role == "no role" else role)


def name(model: type[Model]) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_what_it_may_and_nothing_else(db: None, client: Client, role: str) -> None:
    who = person(role)
    rows = one_of_each(who)
    assert set(rows) == set(MODELS)
    client.force_login(who)
    sees, adds = ROLES[role]
    found: dict[str, int] = {}
    wanted: dict[str, int] = {}
    for model in MODELS:
        listing, adding = reverse(f"{name(model)}_changelist"), reverse(f"{name(model)}_add")
        changing = reverse(f"{name(model)}_change", args=[rows[model].pk])
        deleting = reverse(f"{name(model)}_delete", args=[rows[model].pk])
        wanted |= {listing: 200 if model in sees else 403, changing: 200 if model in sees else 403}
        wanted[adding] = 200 if model in adds else 403
        found |= {url: client.get(url).status_code for url in (listing, changing, adding)}
        if model not in {Route, RouteTarget, Group, ReportCredential} | VENDORS:
            wanted[deleting] = 403
            found[deleting] = client.get(deleting).status_code
    assert {url: status for url, status in found.items() if wanted[url] != status} == {}


@pytest.mark.parametrize("model", sorted(BOOKS | TRAIL, key=str))
def test_nobody_writes_the_books(db: None, client: Client, model: type[Model]) -> None:
    who = person("superuser")
    row = one_of_each()[model]
    client.force_login(who)
    before = model._default_manager.values().get(pk=row.pk)
    assert client.post(reverse(f"{name(model)}_add"), {}).status_code == 403
    assert client.post(reverse(f"{name(model)}_change", args=[row.pk]), {"cost": "0"}).status_code == 403
    assert client.post(reverse(f"{name(model)}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    listing = reverse(f"{name(model)}_changelist")
    client.post(listing, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert model._default_manager.values().get(pk=row.pk) == before


def people_urls(patterns: object = None, prefix: str = "/") -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:  # type: ignore[attr-defined]
        path = prefix + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver):
            yield from people_urls(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield path


def test_anonymous_people_are_asked_to_log_in_everywhere(db: None, client: Client) -> None:
    rows = one_of_each()
    urls = [reverse(f"{name(m)}_{page}") for m in MODELS for page in ("changelist", "add")]
    urls += [
        reverse(f"{name(m)}_{p}", args=[rows[m].pk]) for m in MODELS for p in ("change", "history", "delete")
    ]
    urls += [url for url in people_urls() if url.startswith("/admin/") and url.endswith("export/")]
    urls += ["/admin/", "/admin/autocomplete/", "/", "/admin/password_change/"]
    answers = {url: client.get(url) for url in urls}
    assert {url: a.status_code for url, a in answers.items() if a.status_code != 302} == {}
    assert {a["Location"].partition("?")[0] for a in answers.values()} <= {"/login/", "/admin/login/"}


def test_the_ledger_is_exported_by_those_who_may_see_it(db: None, client: Client) -> None:
    """django-import-export lets any staff member export unless told otherwise."""
    one_of_each()
    exports = [reverse(f"{name(model)}_export") for model in (CostEntry, DailySpend, Price)]
    client.force_login(factories.make_user("staff"))
    assert [client.get(url).status_code for url in exports] == [403, 403, 403]
    client.force_login(factories.make_user("fin", role="Finance"))
    assert [client.get(url).status_code for url in exports] == [200, 200, 200]


def test_lists_ask_a_fixed_number_of_questions(db: None, client: Client) -> None:
    """The same number with one row and with many: no question for each row."""
    rows = one_of_each()
    client.force_login(person("superuser"))
    urls = [reverse(f"{name(model)}_changelist") for model in MODELS]
    few = {url: questions(client, url) for url in urls}
    for number in range(8):
        team = factories.make_team(f"team-{number}")
        key = factories.make_key(team=team)
        provider = factories.make_provider(f"vendor-{number}")
        model = factories.make_model("m", provider=provider)
        price = factories.make_price(model)
        factories.make_entry(key=key, model=model, price=price)
        limit = Limit.objects.create(team=team, api_key=key, unit="usd", amount=1, period="day")
        window = rows[LimitWindow]
        window.pk, window.limit = None, limit
        window.save()
        hold = rows[Hold]
        hold.pk, hold.attempt, hold.team, hold.api_key, hold.model = None, number + 2, team, key, model
        hold.save()
        route = Route.objects.create(name=f"route-{number}")
        RouteTarget.objects.create(route=route, model=model)
        proposal = rows[PriceProposal]
        proposal.pk, proposal.model, proposal.current = None, model, price
        proposal.save()
        state = rows[CredentialState]
        state.pk, state.provider = None, provider
        state.save()
        HealthCheck.objects.create(provider=provider, claimed_at=state.since)
        breaker = Breaker.objects.create(provider=provider, model=model, changed_at=state.since)
        event = rows[BreakerEvent]
        event.pk, event.breaker = None, breaker
        event.save()
        factories.make_user(f"person-{number}", role="Finance")
    many = {url: questions(client, url) for url in urls}
    assert {url: (few[url], many[url]) for url in urls if many[url] > few[url] + 1} == {}


def questions(client: Client, url: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)
