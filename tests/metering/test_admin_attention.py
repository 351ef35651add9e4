"""The first page of the admin: what needs attention now, and only what the person may see of it."""

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from catalog import attention
from catalog.attention import Concern
from catalog.models import PriceProposal
from metering.models import (
    BudgetNotice,
    Hold,
    Limit,
    LimitRaise,
    NoticeDelivery,
    ReconciliationRun,
    SignOff,
    WorkerLease,
)
from metering.usage import Usage
from proxy.models import Breaker, CredentialState
from tests import factories
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db
AT = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
EARLIER = AT - dt.timedelta(minutes=10)
LATER = AT + dt.timedelta(minutes=10)


@pytest.fixture(autouse=True)
def spool_dir(tmp_path: Path, settings: Any) -> Path:
    settings.SPOOL_DIR = tmp_path
    return tmp_path


@pytest.fixture
def root() -> User:
    """Of a gateway that can be called: it has a provider with a model, a team and its key."""
    factories.make_model()
    factories.make_key("first", team=factories.make_team("search"))
    return factories.make_user("root", is_superuser=True)


def told(person: User) -> dict[str, Concern]:
    return {concern.kind: concern for concern in attention.concerns(person=person, at=AT)}


def limit_of(team: str = "search") -> Limit:
    limit, _ = Limit.objects.get_or_create(
        team=factories.make_team(team), unit="usd", period="month", defaults={"amount": Decimal(5)}
    )
    return limit


def raised(team: str = "search") -> LimitRaise:
    asker = User.objects.filter(username="asker").first() or factories.make_user("asker")
    return LimitRaise.objects.create(
        limit=limit_of(team), starts_at=EARLIER, ends_at=LATER, amount=1, reason="launch", asked_by=asker
    )


def held(*, team: str = "search", worker: uuid.UUID | None = None) -> None:
    key = factories.make_key(team=factories.make_team(team))
    Hold.objects.create(
        request_id=uuid.uuid4(),
        attempt=1,
        team=key.team,
        api_key=key,
        model=factories.make_model(),
        route="warm",
        usd=Decimal("0.5"),
        tokens=100,
        window_ids=[],
        window_amounts=[],
        worker=worker or uuid.uuid4(),
        started_at=EARLIER,
        expires_at=LATER,
    )


def compared(month: dt.date, *, state: str = "open", gap: str = "12.30") -> ReconciliationRun:
    return ReconciliationRun.objects.create(
        provider=factories.make_provider(),
        month=month,
        as_of=AT,
        created_by="fin",
        state=state,
        ours=Decimal(100),
        theirs=Decimal(100) + Decimal(gap),
        gap=Decimal(gap),
        open_gap=Decimal(gap),
        tolerance=Decimal(1),
        vendor_lines=10,
        uncovered_days=0,
        unpriced=0,
        oldest_open=month.replace(day=3),
        digest="0" * 64,
    )


def given_up(team: str = "search") -> None:
    notice = BudgetNotice.objects.create(
        event_id=uuid.uuid4(),
        limit=limit_of(team),
        kind="threshold",
        threshold=80,
        used=Decimal(4),
        ceiling=Decimal(5),
        starts_at=EARLIER,
        ends_at=LATER,
        created_at=EARLIER,
    )
    NoticeDelivery.objects.create(
        notice=notice, channel="email", address="a@example.org", state="given_up", next_try_at=EARLIER
    )


def unpriced(team: str = "search", day: dt.datetime = AT, exposure: str | None = "0.25") -> None:
    key = factories.make_key(name=f"k{uuid.uuid4().hex[:6]}", team=factories.make_team(team))
    model = factories.make_model("gpt-next")
    factories.make_entry(key=key, model=model, usage=Usage(input=1), started_at=day, exposure=exposure)


def test_all_is_well(root: User) -> None:
    assert told(root) == {}


def test_an_empty_gateway_is_told_the_steps_to_its_first_call() -> None:
    root = factories.make_user("root", is_superuser=True)

    found = told(root)["set_up"]

    assert (found.count, found.urgent) == (4, True)
    assert found.sentence == "steps to the first call, in this order."
    assert found.links == (
        ("Add a provider", "/admin/catalog/provider/add/"),
        ("Add a model", "/admin/catalog/languagemodel/add/"),
        ("Add a team", "/admin/catalog/team/add/"),
        ("Add an API key", "/admin/catalog/apikey/add/"),
    )


def test_the_steps_are_for_people_who_may_take_them() -> None:
    assert told(factories.make_user("fin", role="Finance")) == {}


def test_entries_of_unknown_cost_since_when_and_how_much_they_cost_at_most(root: User) -> None:
    unpriced(day=AT - dt.timedelta(days=80))
    unpriced()
    factories.make_closed_month(dt.date(2026, 8, 1))

    found = told(root)["unpriced"]

    assert (found.count, found.urgent) == (2, True)
    assert found.sentence == (
        "entries have no known cost (since 2026-09-01): no price held for what was used, or the vendor did"
        " not say what was used. Together they cost $0.50 at most. Enter the prices that are missing; then"
        " “Re-rate them” shows what each cost before anything is booked."
    )
    days = "from=2026-09-01&to=2026-11-20"
    assert found.links == (
        ("See them", f"/spend/entries/?{days}&cost=unknown"),
        (
            "Re-rate them",
            "/admin/metering/correctionbatch/re-rate/?start=2026-09-01&end=2026-11-20&unpriced=on",
        ),
        ("openai/gpt-next (2)", f"/spend/entries/?{days}&model=openai%2Fgpt-next&cost=unknown"),
    )


def test_what_is_older_than_the_last_closed_month_was_closed_with_it(root: User) -> None:
    unpriced(day=AT - dt.timedelta(days=40))
    factories.make_closed_month(dt.date(2026, 10, 1))

    assert "unpriced" not in told(root)


def test_entries_that_state_no_exposure_are_said_to_have_no_bound(root: User) -> None:
    unpriced()
    unpriced(exposure=None)

    assert "1 of them cost $0.25 at most; of the other 1 nobody knows. Enter" in sentence(root)


def test_one_entry_without_any_bound(root: User) -> None:
    unpriced(exposure=None)

    said = sentence(root)
    assert said.startswith("entry has no known cost (since 2026-11-20): ")
    assert "Nobody knows what it cost at most. Enter" in said


def test_who_may_not_correct_is_told_who_does() -> None:
    lea = factories.make_user("lea", role="Team lead")
    factories.make_team("search", leads=(lea,))
    unpriced("search")

    assert sentence(lea).endswith(
        "then who may correct entries re-rates them, and sees what it cost before anything is booked."
    )
    assert "Re-rate them" not in [link.text for link in told(lea)["unpriced"].links]


def test_the_admin_the_overview_and_the_entries_count_the_same(root: User, client: Client) -> None:
    now = timezone.now()
    for days in (0, 40, 80):
        unpriced(day=now - dt.timedelta(days=days))
    last_closed = (now - dt.timedelta(days=60)).date().replace(day=1)
    factories.make_closed_month(last_closed)
    client.force_login(root)

    [found] = [one for one in attention.concerns(person=root, at=now) if one.kind == "unpriced"]

    assert found.count == 2
    listed = client.get(found.links[0].href).content.decode()
    assert listed.count('<tr class="is-unknown') == 2
    form = client.get(found.links[1].href).content.decode()
    assert '<input type="checkbox" name="unpriced" value="on" id="id_unpriced" checked' in form
    overview = client.get("/spend/").content.decode()
    assert f'<a href="{escape(found.links[0].href)}">2</a>' in overview


def sentence(person: User) -> str:
    return told(person)["unpriced"].sentence


def test_a_lead_sees_their_own_teams_calls_alone() -> None:
    lea = factories.make_user("lea", role="Team lead")
    factories.make_team("search", leads=(lea,))
    unpriced("search")
    unpriced("ads")
    raised("ads")
    raised("search")
    held(team="ads")
    given_up("ads")

    assert {kind: concern.count for kind, concern in told(lea).items()} == {"unpriced": 1, "raises": 1}


def test_drafts_that_i_may_decide_and_my_own_that_wait_for_another() -> None:
    bob = factories.make_user("bob", role="Approver")
    b.proposal(model=b.price().model)
    b.proposal(made_by="bob", from_feed=False)

    found = told(bob)

    assert (found["drafts"].count, found["drafts"].sentence) == (1, "price draft waits for your decision.")
    assert found["own_drafts"].sentence == "price draft of your own waits for another person's decision."


def test_a_single_admin_decides_their_own(settings: Any, root: User) -> None:
    settings.SELF_APPROVAL = True
    b.proposal(made_by="root", from_feed=False)

    assert set(told(root)) >= {"drafts"}
    assert "own_drafts" not in told(root)


def test_decided_drafts_are_quiet(root: User) -> None:
    b.proposal()
    PriceProposal.objects.update(state="dismissed", decided_by="bob", decided_at=AT)

    assert "drafts" not in told(root)


def test_raises_link_to_where_they_are_decided(root: User) -> None:
    asked = raised()

    [link] = told(root)["raises"].links
    assert link == ("search", f"/spend/budgets/{asked.limit_id}/#raises")


def test_a_month_that_is_asked_to_be_opened_again(root: User) -> None:
    factories.make_reopening(factories.make_closed_month(dt.date(2026, 9, 1)), state="open")

    found = told(root)["reopenings"]
    assert (found.count, found.sentence) == (1, "closed month is asked to be opened again.")
    assert [link.text for link in found.links] == ["2026-09"]


def test_months_that_are_over_and_can_be_closed_in_their_order(root: User) -> None:
    factories.make_closed_month(dt.date(2026, 8, 1))
    key, model = factories.make_key(), factories.make_model()
    price = factories.make_price(model)
    september = dt.datetime(2026, 9, 5, tzinfo=dt.UTC)
    factories.make_entry(key=key, model=model, price=price, usage=Usage(input=1), started_at=september)

    found = told(root)["months"]

    assert [link.text for link in found.links] == ["2026-09", "2026-10"]
    assert "months" not in told(factories.make_user("aud", role="Auditor"))


def test_bills_that_nobody_signed(root: User) -> None:
    compared(dt.date(2026, 9, 1), gap="1.00")
    run = compared(dt.date(2026, 10, 1))

    found = told(root)["variances"]

    assert (found.count, found.urgent) == (2, True)
    assert found.sentence == (
        "vendor bills compared and not signed: $13.30 of open gaps, the oldest of 2026-09-03."
    )
    assert found.links[1] == ("openai 2026-10", "/spend/reconciliation/openai/2026-10/")
    SignOff.objects.create(
        run=run, state="signed", needs_two=False, asked_by=root, asked_at=AT, signed_by=root, signed_at=AT,
        self_approved=True,
    )  # fmt: skip
    assert told(root)["variances"].count == 1


def test_a_signature_does_not_hold_when_the_figures_moved(root: User) -> None:
    run = compared(dt.date(2026, 10, 1))
    SignOff.objects.create(
        run=run, state="signed", needs_two=False, asked_by=root, asked_at=AT, signed_by=root, signed_at=AT,
        self_approved=True,
    )  # fmt: skip
    compared(dt.date(2026, 10, 1), gap="12.80")
    assert "variances" not in told(root)  # within the tolerance
    compared(dt.date(2026, 10, 1), gap="20")
    assert told(root)["variances"].count == 1


def test_messages_that_never_arrived(root: User) -> None:
    given_up()

    assert told(root)["deliveries"].sentence == "message about budgets given up in 30 days."


def test_entries_that_wait_in_the_spool(root: User, spool_dir: Path) -> None:
    folder = spool_dir / "1-2"
    folder.mkdir()
    (folder / "a.spool").write_bytes(b"an entry")
    (folder / "b.spool").touch()  # all of it is booked
    (folder / "c.refused").write_bytes(b"an entry")

    found = told(root)

    assert (found["spool"].count, found["refused_spool"].count) == (1, 1)


def test_holds_of_workers_that_are_gone(root: User) -> None:
    alive = WorkerLease.objects.create(id=uuid.uuid4(), host="h", pid=1, started_at=EARLIER, seen_at=AT)
    held(worker=alive.pk)
    assert "holds" not in told(root)

    held(team="ads")

    assert told(root)["holds"].count == 1


def test_credentials_that_vendors_refuse(root: User) -> None:
    provider = factories.make_provider()
    CredentialState.objects.create(provider=provider, reason="rejected", since=EARLIER, until=LATER)
    throttled = factories.make_provider("gemini", kind="gemini")
    CredentialState.objects.create(provider=throttled, reason="rate_limited", since=EARLIER, until=LATER)

    found = told(root)["credentials"]

    assert (found.count, found.sentence) == (1, "credential broken: openai default: rejected by the vendor.")


def test_breakers_that_are_open_or_held_open(root: User) -> None:
    model = factories.make_model()
    Breaker.objects.create(provider=model.provider, state="open", opened_at=EARLIER, changed_at=EARLIER)
    Breaker.objects.create(provider=model.provider, model=model, forced="open", changed_at=EARLIER)
    closed = factories.make_provider("gemini", kind="gemini")
    Breaker.objects.create(provider=closed, changed_at=EARLIER)

    found = told(root)["breakers"]

    assert (found.count, found.urgent) == (2, True)
    assert found.sentence == "breakers are open, so no calls go to openai; openai/gpt-4o (held)."


def test_who_has_no_role_is_told_nothing() -> None:
    unpriced()
    raised()
    given_up()
    held(team="ads")
    b.proposal(model=b.price().model)

    assert told(factories.make_user("nobody")) == {}


def everything() -> None:
    unpriced()
    raised()
    given_up("ads")
    held(team="video")
    compared(dt.date(2026, 10, 1))
    b.proposal(model=b.price().model)


def test_the_urgent_comes_first(root: User) -> None:
    everything()

    urgent = [concern.urgent for concern in attention.concerns(person=root, at=AT)]
    assert urgent == sorted(urgent, reverse=True)
    assert len(urgent) >= 6


def test_the_page_asks_the_same_number_of_questions_of_little_and_of_much(
    root: User, client: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    client.force_login(root)
    everything()
    client.get("/admin/")
    with django_assert_num_queries(QUERIES):
        client.get("/admin/")
    for number in range(3):
        unpriced(f"team-{number}", day=timezone.now())
        raised(f"other-{number}")
        compared(dt.date(2026, 7 + number, 1))
    with django_assert_num_queries(QUERIES):
        page = client.get("/admin/").content.decode()
    assert page.count('<li class="concern') >= 5


QUERIES = 26
