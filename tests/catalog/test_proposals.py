"""What a source proposes waits for a person; accepting it starts a new period."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest

from catalog import proposals
from catalog.models import PriceProposal
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
