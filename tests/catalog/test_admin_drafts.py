"""Prices in the admin: looked at, drafted by one person, approved by another."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from catalog.models import LanguageModel, Price, PriceProposal
from catalog.models.prices import RATES
from catalog.price_imports import LISTED
from metering.usage import Usage
from tests import factories
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db

ADD = "/admin/catalog/priceproposal/add/"
DRAFTS = "/admin/catalog/priceproposal/"


def person(name: str, *permissions: str, role: str | None = None) -> User:
    user = factories.make_user(name, role=role)
    user.user_permissions.add(
        *Permission.objects.filter(content_type__app_label="catalog", codename__in=permissions)
    )
    return user


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def ann() -> Client:
    return logged_in(person("ann", role="Catalog admin"))


@pytest.fixture
def bob() -> Client:
    return logged_in(person("bob", "approve_priceproposal", role="Finance"))


@pytest.fixture
def root() -> Client:
    return logged_in(factories.make_user("root", is_superuser=True))


def soon() -> dt.datetime:
    return (timezone.now() + dt.timedelta(hours=1)).replace(microsecond=0)


def form(model: LanguageModel, begins: dt.datetime | None = None, **fields: str) -> dict[str, Any]:
    local = timezone.localtime(begins or soon())
    when = {"effective_from_0": f"{local:%Y-%m-%d}", "effective_from_1": f"{local:%H:%M:%S}"}
    slot = {"variant": "standard", "above_input_tokens": 0, "tier": "whole", "weekdays": ""}
    hours = {"daily_from": "", "daily_to": ""}
    return {
        "model": model.pk,
        "note": "",
        "discount": "",
        **dict.fromkeys([*RATES, *LISTED], ""),
        **when,
        **slot,
        **hours,
        **fields,
    }


def page(draft: PriceProposal) -> str:
    return f"/admin/catalog/priceproposal/{draft.pk}/change/"


def decide(client: Client, draft: PriceProposal, decision: str) -> int:
    url = f"/admin/catalog/priceproposal/{draft.pk}/decide/"
    status: int = client.post(url, {"decision": decision}).status_code
    draft.refresh_from_db()
    return status


def drafted(client: Client, **fields: str) -> PriceProposal:
    old = factories.make_price()
    assert client.post(ADD, form(old.model, **({"input": "2", "output": "8"} | fields))).status_code == 302
    return PriceProposal.objects.get()


class TestDrafting:
    def test_a_draft_prices_nothing_until_another_person_accepts_it(self, ann: Client, bob: Client) -> None:
        draft = drafted(ann, output="8.000001", note="invoice of November")
        assert Price.objects.count() == 1

        assert decide(bob, draft, "accept") == 302

        old, new = Price.objects.order_by("pk")
        assert (old.effective_to, new.effective_from, new.effective_to) == (
            draft.effective_from,
            draft.effective_from,
            None,
        )
        assert (new.input, new.output, new.source) == (Decimal(2), Decimal("8.000001"), "admin: ann")
        assert new.note == "Drafted by ann, accepted by bob: invoice of November"
        assert (draft.state, draft.made_by, draft.decided_by) == ("accepted", "ann", "bob")
        assert (draft.self_approved, draft.price) == (False, new)

    def test_it_begins_when_it_says(self, ann: Client, bob: Client) -> None:
        begins = soon()
        old = factories.make_price()
        ann.post(ADD, form(old.model, begins, input="1", output="10"))
        draft = PriceProposal.objects.get()

        decide(bob, draft, "accept")

        assert Price.objects.get(input=1).effective_from == begins

    def test_from_an_existing_price_the_form_has_its_rates(self, ann: Client) -> None:
        old = factories.make_price(
            input="2.50",
            output="10.00",
            cache_read="1.25",
            list_rates={"input": "3"},
            above_input_tokens=200_000,
        )
        html = ann.get(f"{ADD}?from={old.pk}").content.decode()

        assert 'name="input" value="2.5"' in html
        assert 'name="cache_read" value="1.25"' in html
        assert 'name="list_input" value="3"' in html
        assert 'name="above_input_tokens" value="200000"' in html
        assert ann.get(f"{ADD}?from=nonsense").status_code == 200

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"input": "2.50", "output": "10.00"}, "These rates hold at that moment already."),
            ({"input": "-1"}, "price_rates_not_negative"),
            ({"input": "0.0000001"}, "price_rates_six_decimals"),
            ({}, "price_has_a_rate"),
            ({"input": "1", "daily_from": "01:00"}, "price_hours_both_or_none"),
            ({"input": "1", "tier": "marginal"}, "A marginal price has a threshold"),
            ({"input": "1", "list_input": "-2"}, "price_list_rates_well_formed"),
            ({"list_input": "1", "discount": "100"}, "less than or equal to 99.99"),
        ],
    )
    def test_a_price_that_cannot_be_is_refused_in_the_form(
        self, ann: Client, fields: dict[str, str], said: str
    ) -> None:
        old = factories.make_price()

        answer = ann.post(ADD, form(old.model, **fields))

        assert answer.status_code == 200
        assert said in answer.content.decode()
        assert not PriceProposal.objects.exists()
        assert list(Price.objects.values_list("pk", "effective_to")) == [(old.pk, None)]

    def test_the_past_of_a_model_with_prices_is_corrected_by_a_re_rate(self, ann: Client) -> None:
        old = factories.make_price()

        answer = ann.post(ADD, form(old.model, timezone.now() - dt.timedelta(minutes=1), input="1"))

        assert "begins now at the earliest" in answer.content.decode()
        assert "re-rating" in answer.content.decode()
        assert not PriceProposal.objects.exists()

    def test_who_may_correct_is_led_to_re_rating_the_days_since(self, ann: Client, root: Client) -> None:
        old, begins = factories.make_price(), timezone.localtime() - dt.timedelta(days=3)
        refused = form(old.model, begins, input="1", output="10")
        link = f"/admin/metering/correctionbatch/re-rate/?model={old.model_id}&amp;start={begins:%Y-%m-%d}"

        assert link in root.post(ADD, refused).content.decode()
        assert "correctionbatch/re-rate" not in ann.post(ADD, refused).content.decode()

    def test_the_first_price_of_a_model_may_begin_in_the_past(self, ann: Client, bob: Client) -> None:
        begins = soon() - dt.timedelta(days=400)
        ann.post(ADD, form(factories.make_model(), begins, input="1"))

        decide(bob, PriceProposal.objects.get(), "accept")

        assert Price.objects.get().effective_from == begins

    def test_one_person_drafts_the_same_moment_once(self, ann: Client) -> None:
        begins, old = soon(), factories.make_price()
        ann.post(ADD, form(old.model, begins, input="1", output="10"))

        answer = ann.post(ADD, form(old.model, begins, input="3", output="10"))

        assert "You have drafted a price for this" in answer.content.decode()
        assert PriceProposal.objects.count() == 1


class TestForgottenRates:
    """Empty where the price in force has a rate: named, and only left out when somebody says so."""

    def test_they_are_named_and_where_to_start_instead(self, ann: Client) -> None:
        old = factories.make_price(cache_read="1.25", per_request="0.01")

        answer = ann.post(ADD, form(old.model, input="2", output="10"))

        html = answer.content.decode()
        assert "The price in force has cache_read 1.25, per_request 0.01, and here it is empty" in html
        assert "then cache_read as input, per_request unknown" in html
        assert f'<a href="{ADD}?from={old.pk}">' in html
        assert not PriceProposal.objects.exists()

    def test_a_tick_leaves_them_out_and_a_badge_says_so(self, ann: Client) -> None:
        old = factories.make_price(cache_read="1.25")

        ann.post(ADD, form(old.model, input="2", output="10", drop_rates="on"))

        draft = PriceProposal.objects.get()
        assert draft.reason == "changed: input 2.5 -> 2, cache_read 1.25 -> as input"
        assert '<span class="alarm">dropped: cache read</span>' in ann.get(page(draft)).content.decode()

    def test_another_slot_has_rates_of_its_own(self, ann: Client) -> None:
        old = factories.make_price(cache_read="1.25")

        assert ann.post(ADD, form(old.model, input="2", variant="batch")).status_code == 302

    def test_of_a_model_the_form_begins_with_its_price_in_force(self, ann: Client) -> None:
        old = factories.make_price(cache_read="1.25")

        html = ann.get(f"{ADD}?model={old.model_id}").content.decode()

        assert 'name="cache_read" value="1.25"' in html


class TestSlips:
    """A tenfold, a tenth or a zero, drafted by a person, is in red wherever the draft is looked at."""

    @pytest.mark.parametrize(
        ("input", "badge"), [("25", "tenfold: input"), ("0.25", "a tenth: input"), ("0", "free: input")]
    )
    def test_on_its_page_in_the_list_and_before_it_is_accepted(
        self, ann: Client, bob: Client, input: str, badge: str
    ) -> None:
        draft = drafted(ann, input=input, output="10")
        chosen = {"action": "accept", "_selected_action": [draft.pk]}

        assert f'<span class="alarm">{badge}</span>' in ann.get(page(draft)).content.decode()
        assert f'<span class="alarm">{badge}</span>' in ann.get(DRAFTS).content.decode()
        assert f"Look twice: {badge}." in bob.post(DRAFTS, chosen).content.decode()

    def test_nothing_is_said_of_an_ordinary_change(self, ann: Client) -> None:
        draft = drafted(ann, input="2", output="10")

        assert "Look twice" not in ann.get(page(draft)).content.decode()


class TestDiscount:
    def test_what_is_paid_is_the_list_price_less_the_discount(self, ann: Client, bob: Client) -> None:
        draft = drafted(ann, input="", output="", list_input="2.50", list_output="10.00", discount="12.5")
        shown = ann.get(page(draft)).content.decode()

        decide(bob, draft, "accept")

        new = Price.objects.get(input=Decimal("2.1875"))
        assert (new.output, new.list_rates) == (Decimal("8.75"), {"input": "2.5", "output": "10"})
        assert '<td class="n">12.5 %</td><td class="n">2.1875</td>' in shown

    @pytest.mark.parametrize(
        ("listed", "paid"),
        [("0.000001", "0"), ("0.000003", "0.000002"), ("0.000005", "0.000002"), ("0.000007", "0.000004")],
    )
    def test_halves_go_to_the_even_digit(self, ann: Client, listed: str, paid: str) -> None:
        draft = drafted(ann, list_input=listed, input="", discount="50")

        assert draft.rates["input"] == paid

    def test_what_is_typed_is_paid_whatever_the_discount(self, ann: Client) -> None:
        draft = drafted(ann, input="2", list_input="2.50", list_output="10", output="", discount="50")

        assert (draft.rates["input"], draft.rates["output"]) == ("2", "5")
        assert draft.list_rates == {"input": "2.5", "output": "10"}

    def test_a_list_price_that_is_paid_is_not_kept_twice(self, ann: Client) -> None:
        draft = drafted(ann, input="", list_input="2", output="8", list_output="8.00")

        assert (draft.rates["input"], draft.list_rates) == ("2", {})


class TestDeciding:
    def test_nobody_approves_their_own(self, root: Client) -> None:
        draft = drafted(root)

        answer = root.post(
            f"/admin/catalog/priceproposal/{draft.pk}/decide/", {"decision": "accept"}, follow=True
        )

        draft.refresh_from_db()
        assert "another person has to decide" in answer.content.decode()
        assert (draft.state, Price.objects.count()) == ("open", 1)

    def test_a_single_admin_does_and_it_is_kept(self, root: Client, settings: LazySettings) -> None:
        settings.SELF_APPROVAL = True
        draft = drafted(root)

        decide(root, draft, "accept")

        assert (draft.state, draft.decided_by, draft.self_approved) == ("accepted", "root", True)
        assert Price.objects.latest("pk").note.startswith("Drafted and accepted by root: ")

    @pytest.mark.parametrize("role", [None, "Finance", "Catalog admin", "Team lead"])
    def test_approving_is_a_permission_of_its_own(self, ann: Client, role: str | None) -> None:
        draft = drafted(ann)
        other = logged_in(factories.make_user("eve", role=role))

        assert decide(other, draft, "accept") == 403
        chosen = {"action": "accept", "_selected_action": [draft.pk], "confirmed": "yes"}
        other.post(DRAFTS, chosen)
        draft.refresh_from_db()
        assert (draft.state, Price.objects.count()) == ("open", 1)

    def test_without_permission_the_page_has_no_button(self, ann: Client, bob: Client) -> None:
        draft = drafted(ann)

        assert 'value="accept"' not in ann.get(page(draft)).content.decode()
        assert 'value="accept"' in bob.get(page(draft)).content.decode()

    def test_who_drafted_it_withdraws_it(self, ann: Client) -> None:
        draft = drafted(ann)

        assert decide(ann, draft, "dismiss") == 302
        assert (draft.state, draft.decided_by) == ("withdrawn", "ann")

    def test_dismissing_changes_no_price(self, ann: Client, bob: Client) -> None:
        draft = drafted(ann)

        assert decide(bob, draft, "dismiss") == 302
        assert (draft.state, Price.objects.count()) == ("dismissed", 1)

    def test_it_is_decided_once(self, ann: Client, bob: Client) -> None:
        draft = drafted(ann)
        decide(bob, draft, "dismiss")

        assert decide(bob, draft, "accept") == 302
        assert (draft.state, Price.objects.count()) == ("dismissed", 1)

    def test_a_list_of_drafts_is_accepted_at_once_each_for_itself(self, bob: Client) -> None:
        fine, own = b.proposal(model=b.price().model), b.proposal(made_by="bob", from_feed=False)

        chosen = {"action": "accept", "_selected_action": [fine.pk, own.pk]}
        bob.post(DRAFTS, chosen | {"confirmed": "yes"})

        assert dict(PriceProposal.objects.values_list("pk", "state")) == {fine.pk: "accepted", own.pk: "open"}

    def test_a_feeds_proposal_needs_one_person(self, bob: Client) -> None:
        proposal = b.proposal(model=b.price().model)

        decide(bob, proposal, "accept")

        assert (proposal.state, proposal.self_approved) == ("accepted", False)

    def test_decisions_are_in_the_history(self, ann: Client, bob: Client) -> None:
        draft = drafted(ann)
        decide(bob, draft, "accept")

        assert [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")] == [
            "Added.",
            "Accepted.",
        ]

    @pytest.mark.parametrize("decision", ["", "delete", "log_change"])
    def test_there_are_no_other_decisions(self, ann: Client, bob: Client, decision: str) -> None:
        draft = drafted(ann)

        assert decide(bob, draft, decision) == 404
        assert decide(bob, b.proposal(), decision) == 404

    def test_a_link_decides_nothing(self, ann: Client, bob: Client) -> None:
        draft = drafted(ann)

        answer = bob.get(f"/admin/catalog/priceproposal/{draft.pk}/decide/", {"decision": "accept"})

        draft.refresh_from_db()
        assert (answer.status_code, draft.state) == (405, "open")

    def test_nobody_edits_a_draft(self, root: Client) -> None:
        draft = drafted(root)

        assert 'name="input"' not in root.get(page(draft)).content.decode()
        assert root.post(page(draft), form(draft.model, input="9")).status_code == 403
        assert root.post(page(draft).replace("change", "delete"), {"post": "yes"}).status_code == 403


class TestPage:
    def test_it_shows_what_would_change(self, ann: Client) -> None:
        model = factories.make_price().model
        key = factories.make_key(team=factories.make_team("ads"))
        price, now = model.prices.get(), timezone.now()
        factories.make_entry(key=key, model=model, price=price, usage=Usage(input=1_000_000), started_at=now)
        ann.post(ADD, form(model, input="2", output="10"))

        html = ann.get(page(PriceProposal.objects.get())).content.decode()

        assert (
            f"This price changes {timezone.localtime(now):%B %Y} by <strong>-$0.5</strong> over 1 call"
            in html
        )
        assert '<th scope="row">ads</th>' in html

    def test_only_who_sees_every_team_sees_what_would_change(self, ann: Client) -> None:
        draft = drafted(ann)
        keeper = logged_in(person("keeper", "view_priceproposal"))

        html = keeper.get(page(draft)).content.decode()

        assert "sees every team" in html
        assert "Together" not in html

    def test_a_passed_date_is_said_to_be_now(self, ann: Client) -> None:
        late = b.proposal(model=b.price().model)

        assert "Its date has passed" in ann.get(page(late)).content.decode()

    def test_a_decided_draft_says_by_whom_and_prices_nothing_anew(self, ann: Client, bob: Client) -> None:
        draft = drafted(ann)
        decide(bob, draft, "accept")

        html = bob.get(page(draft)).content.decode()

        assert "bob" in html
        assert 'value="accept"' not in html
        assert "What it would change" not in html
        assert "No call of" in html

    def test_what_the_approver_saw_stays_when_more_is_booked(self, ann: Client, bob: Client) -> None:
        draft, key = drafted(ann, input="5", output="10"), factories.make_key()
        price, now = Price.objects.get(), timezone.now()
        used = {"key": key, "model": draft.model, "price": price, "started_at": now}
        factories.make_entry(**used, usage=Usage(input=1_000_000))

        decide(bob, draft, "accept")
        factories.make_entry(**used, usage=Usage(input=1_000_000))

        html = bob.get(page(draft)).content.decode()
        assert "What it was to change, as told when it was decided" in html
        assert 'by <strong class="dearer">+$2.5</strong> over 1 call' in html
        assert draft.impact is not None
        assert draft.impact["months"][0]["teams"][0][1]["new"] == "5"

    def test_what_was_told_is_kept_by_the_database(self, ann: Client, bob: Client) -> None:
        draft = drafted(ann)
        decide(bob, draft, "accept")

        with pytest.raises(IntegrityError, match="was decided before"), transaction.atomic():
            PriceProposal.objects.filter(pk=draft.pk).update(impact=None)

    def test_a_first_price_has_rows_for_every_open_month(self, ann: Client) -> None:
        model, key = factories.make_model(), factories.make_key()
        today = timezone.localtime().replace(day=15, hour=12)
        before = today.replace(day=1) - dt.timedelta(days=10)
        for at in (before, timezone.now()):
            factories.make_entry(key=key, model=model, usage=Usage(input=1_000_000), started_at=at)
        ann.post(ADD, form(model, before, input="2", output="10"))

        html = ann.get(page(PriceProposal.objects.get())).content.decode()

        assert f'<th scope="rowgroup">{before:%B %Y}</th>' in html
        assert f'<th scope="rowgroup">{today:%B %Y}</th>' in html
        assert "It would price 2 unpriced calls: $4." in html


class TestAccepting:
    def test_what_begins_when_is_said_with_its_row(self, ann: Client, bob: Client) -> None:
        draft = drafted(ann, input="2", output="8")

        url = f"/admin/catalog/priceproposal/{draft.pk}/decide/"
        html = bob.post(url, {"decision": "accept"}, follow=True).content.decode()

        new = Price.objects.latest("pk")
        assert (
            "Accepted: openai/gpt-4o (standard) costs input 2, output 8 (USD per 1,000,000 tokens)"
            f" from {draft.effective_from:%Y-%m-%d %H:%M} UTC on: price row {new.pk}." in html
        )

    def test_a_draft_that_ends_a_price_says_that(self, bob: Client) -> None:
        proposal = b.proposal(model=b.price().model, rates={"input": None})

        url = f"/admin/catalog/priceproposal/{proposal.pk}/decide/"
        html = bob.post(url, {"decision": "accept"}, follow=True).content.decode()

        assert "has no price from now on: later calls are unpriced." in html


class TestPrices:
    def test_nobody_adds_or_edits_a_price(self, root: Client) -> None:
        old = factories.make_price()
        url = f"/admin/catalog/price/{old.pk}/change/"

        assert root.get("/admin/catalog/price/add/").status_code == 403
        assert 'name="input"' not in root.get(url).content.decode()
        assert root.post(url, {"input": "1"}).status_code == 403
        assert root.post(f"/admin/catalog/price/{old.pk}/delete/", {"post": "yes"}).status_code == 403

    def test_a_planned_price_is_called_off_and_the_one_before_it_goes_on(self, root: Client) -> None:
        begins = timezone.now() + dt.timedelta(days=1)
        now = factories.make_price(effective_to=begins)
        planned = factories.make_price(now.model, input="9", effective_from=begins)

        assert root.post(f"/admin/catalog/price/{planned.pk}/delete/", {"post": "yes"}).status_code == 302
        assert list(Price.objects.values_list("pk", "effective_to")) == [(now.pk, None)]

    def test_calling_off_needs_the_right_to_approve(self) -> None:
        planned = factories.make_price(effective_from=timezone.now() + dt.timedelta(days=1))
        keeper = logged_in(person("keeper", "view_price", "delete_price"))

        assert keeper.post(f"/admin/catalog/price/{planned.pk}/delete/", {"post": "yes"}).status_code == 403

    def test_the_list_price_is_shown_beside_what_is_paid(self, root: Client) -> None:
        price = factories.make_price(list_rates={"input": "3"})

        html = root.get(f"/admin/catalog/price/{price.pk}/change/").content.decode()

        assert "input 3, output 10" in html

    def test_its_row_is_named_and_leads_to_re_rating_at_it(self, ann: Client, root: Client) -> None:
        price = factories.make_price()
        url = f"/admin/catalog/price/{price.pk}/change/"
        link = f"/admin/metering/correctionbatch/re-rate/?at_prices={price.pk}&amp;model={price.model_id}"

        listed, shown = (root.get(at).content.decode() for at in ("/admin/catalog/price/", url))

        assert f'<th class="field-row"><a href="{url}">{price.pk}</a></th>' in listed
        assert f'<div class="readonly">{price.pk} (manage.py rerate --at-price {price.pk})</div>' in shown
        assert f'<a href="{link}">Re-rate a period at this price</a>' in shown
        assert link not in ann.get(url).content.decode()

    def test_the_accepted_draft_names_the_row(self, ann: Client, bob: Client, root: Client) -> None:
        draft = drafted(ann)
        decide(bob, draft, "accept")

        html = root.get(page(draft)).content.decode()

        assert f"?at_prices={draft.price_id}&amp;model={draft.model_id}" in html
        assert f'<div class="readonly">{draft.price_id}</div>' in html

    def test_every_digit_is_exported(self, root: Client) -> None:
        factories.make_price(input="0.075", output="0.000001", source="=cmd()", list_rates={"input": "0.1"})
        names = ("model_name", "input", "output", "cache_read", "list_input", "source")
        fields = {f"priceresource_{name}": "on" for name in names}

        answer = root.post("/admin/catalog/price/export/", {"format": "0", "resource": ""} | fields)

        assert answer.content.decode().splitlines() == [
            "model,input,output,cache_read,list_input,source",
            "gpt-4o,0.075000000000,0.000001000000,,0.1,'=cmd()",
        ]
