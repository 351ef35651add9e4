"""What a source proposes waits for a person; accepting it starts a new period."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, transaction

from catalog import approvals, periods, proposals
from catalog.models import LanguageModel, Price, PriceProposal
from catalog.periods import Slot, Terms
from catalog.rates import Rates
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db


def test_accepting_ends_the_price_in_force_and_starts_the_proposed_one() -> None:
    old = b.price(input="1", output="5")
    proposal = b.proposal(model=old.model, current=old)

    new = proposals.accept(proposal, by="ada", at=b.NOW)

    assert new is not None
    old.refresh_from_db()
    assert old.effective_to == new.effective_from == b.NOW
    assert (new.input, new.output, new.effective_to) == (Decimal(2), Decimal(5), None)
    assert new.source == "genai-prices 0.2.3"
    assert new.note == "Accepted by ada: changed: input 1 -> 2"
    assert (proposal.state, proposal.decided_by, proposal.decided_at) == ("accepted", "ada", b.NOW)


def test_an_announced_price_starts_when_announced() -> None:
    old = b.price()
    proposal = b.proposal(model=old.model, effective_from=b.FUTURE)

    new = proposals.accept(proposal, by="ada", at=b.NOW)

    assert new is not None
    assert new.effective_from == b.FUTURE


def test_the_first_price_of_a_model_holds_for_its_past_too_and_enables_it() -> None:
    model = b.model(enabled=False)

    new = proposals.accept(b.proposal(model=model), by="ada", at=b.NOW)

    assert new is not None
    assert new.effective_from == b.PAST
    model.refresh_from_db()
    assert model.enabled


def test_a_model_that_a_person_disabled_stays_disabled() -> None:
    model = b.model(enabled=False)
    b.price(model=model)

    proposals.accept(b.proposal(model=model), by="ada", at=b.NOW)

    model.refresh_from_db()
    assert not model.enabled


def test_a_proposal_without_rates_only_ends_the_price() -> None:
    old = b.price()

    new = proposals.accept(b.proposal(model=old.model, rates={"input": None}), by="ada", at=b.NOW)

    old.refresh_from_db()
    assert new is None
    assert old.effective_to == b.NOW


def test_a_zero_rate_is_a_rate() -> None:
    new = proposals.accept(b.proposal(rates={"input": "0", "output": "0"}), by="ada", at=b.NOW)

    assert new is not None
    assert (new.input, new.output, new.cache_read) == (0, 0, None)


def test_dismissing_changes_no_price() -> None:
    old = b.price()
    proposal = b.proposal(model=old.model)

    proposals.dismiss(proposal, by="ada", at=b.NOW)

    assert list(old.model.prices.values_list("pk", "effective_to")) == [(old.pk, None)]
    assert (proposal.state, proposal.decided_by) == ("dismissed", "ada")


@pytest.mark.parametrize("decide", [proposals.accept, proposals.dismiss])
def test_it_is_decided_once(decide: Callable[..., object]) -> None:
    proposal = b.proposal()
    proposals.dismiss(proposal, by="ada", at=b.NOW)

    with pytest.raises(proposals.AlreadyDecided, match="already dismissed by ada"):
        decide(proposal, by="bob", at=b.NOW + dt.timedelta(hours=1))

    assert PriceProposal.objects.get().decided_by == "ada"


HOUR = dt.timedelta(hours=1)
TWO = Terms(Rates(input=Decimal(2), output=Decimal(5)))


def draft(model: LanguageModel, **values: Any) -> PriceProposal:
    asked = {
        "model": model,
        "slot": Slot(),
        "terms": TWO,
        "effective_from": b.NOW + HOUR,
        "made_by": "ada",
        "source": "admin: ada",
        "note": "",
        "at": b.NOW,
    }
    return proposals.draft(**{**asked, **values})


class TestDrafts:
    def test_a_draft_says_what_would_change(self) -> None:
        old = b.price(input="1", output="5")

        made = draft(old.model, note="new contract")

        assert (made.reason, made.current, made.note) == ("changed: input 1 -> 2", old, "new contract")
        assert (made.state, made.made_by, made.from_feed) == ("open", "ada", False)
        assert proposals.terms_of(made) == Terms(TWO.paid, "whole", TWO.paid)

    def test_terms_come_through_as_they_were_drafted(self) -> None:
        model = b.price().model
        terms = Terms(
            Rates(input=Decimal("3.5"), cache_read=Decimal("0.35")),
            "marginal",
            Rates(input=Decimal(4), cache_read=Decimal("0.4")),
        )

        made = draft(model, slot=Slot(above_input_tokens=200_000), terms=terms)
        price = proposals.accept(made, by="bob", at=b.NOW)

        assert price is not None
        assert periods.terms_of(price) == proposals.terms_of(made) == terms
        assert price.list_rates == {"input": "4", "cache_read": "0.4"}

    def test_another_tier_or_list_price_is_another_price(self) -> None:
        price = b.price(tier="whole", above_input_tokens=9, output=None, input="1")
        paid, slot = Rates(input=Decimal(1)), Slot(above_input_tokens=9)

        draft(price.model, slot=slot, terms=Terms(paid, "marginal"))
        draft(price.model, slot=slot, terms=Terms(paid, "whole", Rates(input=Decimal(2))), made_by="bob")
        with pytest.raises(proposals.NothingChanges):
            draft(price.model, slot=slot, terms=Terms(paid, "whole", paid), made_by="eve")

    def test_its_date_has_passed_when_it_is_accepted(self) -> None:
        made = draft(b.price().model)

        price = proposals.accept(made, by="bob", at=b.NOW + 2 * HOUR)

        assert price is not None
        assert price.effective_from == b.NOW + 2 * HOUR

    @pytest.mark.parametrize("slot", [Slot(), Slot(variant="batch"), Slot(above_input_tokens=5)])
    def test_no_price_of_a_priced_model_begins_in_the_past(self, slot: Slot) -> None:
        model = b.price().model

        with pytest.raises(proposals.InThePast, match="begins now at the earliest; past calls are corrected"):
            draft(model, slot=slot, effective_from=b.NOW - dt.timedelta(microseconds=1))

    def test_the_first_prices_of_a_model_do_in_any_order(self) -> None:
        model = b.model()
        batch = draft(model, slot=Slot(variant="batch"), effective_from=b.PAST)
        standard = draft(model, effective_from=b.PAST)

        started = [proposals.accept(made, by="bob", at=b.NOW) for made in (standard, batch)]

        assert [price and price.effective_from for price in started] == [b.PAST, b.PAST]

    def test_what_was_drafted_once_there_was_a_price_begins_when_it_is_accepted(self) -> None:
        model = b.model()
        first = draft(model, effective_from=b.PAST)
        proposals.accept(first, by="bob", at=b.NOW)
        feed = b.proposal(model=model, variant="batch")

        price = proposals.accept(feed, by="bob", at=b.NOW)

        assert price is not None
        assert price.effective_from == b.NOW

    @pytest.mark.parametrize("decide", [proposals.accept, proposals.dismiss])
    def test_a_decision_is_kept_by_the_database(self, decide: Callable[..., object]) -> None:
        made = draft(b.price().model)
        decide(made, by="bob", at=b.NOW)

        for change in ({"state": "open", "decided_by": "", "decided_at": None}, {"decided_by": "eve"}):
            assert refused(made, **change) == "price_proposal_decided_once"

    @pytest.mark.parametrize(
        "change",
        [
            {"rates": {"input": "0"}},
            {"list_rates": {"input": "9"}},
            {"effective_from": b.PAST},
            {"tier": "marginal"},
            {"made_by": "bob"},
            {"from_feed": True},
            {"note": "other"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_a_draft_says_is_kept_by_the_database(self, change: dict[str, Any]) -> None:
        assert refused(draft(b.price().model), **change) == "price_proposal_kept"

    def test_calling_off_the_price_that_it_compares_with_keeps_the_draft(self) -> None:
        planned = b.price(effective_from=b.NOW + HOUR)
        made = b.proposal(model=planned.model, current=planned)

        periods.call_off(planned, at=b.NOW)

        made.refresh_from_db()
        assert (made.current, made.state) == (None, "open")


def refused(proposal: PriceProposal, **change: Any) -> str:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        PriceProposal.objects.filter(pk=proposal.pk).update(**change)
    return str(refusal.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


class TestTwoPeople:
    def test_nobody_accepts_their_own_draft(self) -> None:
        made = draft(b.price().model)

        with pytest.raises(approvals.NeedsAnotherPerson):
            proposals.accept(made, by="ada", at=b.NOW)

        made.refresh_from_db()
        assert (made.state, Price.objects.count()) == ("open", 1)

    def test_a_single_admin_does_where_the_installation_says_so(self, settings: LazySettings) -> None:
        settings.SELF_APPROVAL = True
        made = draft(b.price().model)

        proposals.accept(made, by="ada", at=b.NOW)

        assert (made.state, made.self_approved) == ("accepted", True)

    def test_another_person_is_not_recorded_as_self_approved(self, settings: LazySettings) -> None:
        settings.SELF_APPROVAL = True
        made = draft(b.price().model)

        proposals.accept(made, by="bob", at=b.NOW)

        assert (made.state, made.self_approved) == ("accepted", False)
