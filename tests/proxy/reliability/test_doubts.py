"""When a refusal is laid at one request's door, and when at the credential's. Seconds are the test's own.

The credential sells two models, 5 and 6, and served a good call of model 5 at 100 s.
"""

import pytest

from proxy.reliability.credentials.doubts import Doubts
from proxy.reliability.credentials.rests import Place

ACCOUNT, ONE, OTHER = Place(1, 0, None), Place(1, 0, 5), Place(1, 0, 6)
RED, BLUE = 1, 2  # teams


@pytest.fixture
def doubts() -> Doubts:
    doubts = Doubts()
    doubts.served(ACCOUNT, ONE, now=100.0)
    return doubts


def is_of_request(doubts: Doubts, team: int, *, at: float, place: Place = ONE) -> bool:
    return doubts.is_of_request(place, account=ACCOUNT, team=team, now=at)


def test_one_teams_refusals_are_its_own(doubts: Doubts) -> None:
    assert [is_of_request(doubts, RED, at=101.0 + number) for number in range(50)] == [True] * 50


def test_a_credential_that_served_nothing_yet_is_to_blame() -> None:
    assert not is_of_request(Doubts(), RED, at=101.0)


@pytest.mark.parametrize(("at", "of_request"), [(159.9, True), (160.0, False)])
def test_a_good_call_speaks_for_the_credential_for_a_minute(
    doubts: Doubts, at: float, of_request: bool
) -> None:
    assert is_of_request(doubts, RED, at=at) is of_request


def test_a_second_team_is_refused(doubts: Doubts) -> None:
    assert is_of_request(doubts, RED, at=101.0)
    assert not is_of_request(doubts, BLUE, at=102.0)


def test_a_second_team_is_refused_after_a_good_call(doubts: Doubts) -> None:
    assert is_of_request(doubts, RED, at=101.0)
    doubts.served(ACCOUNT, ONE, now=101.5)
    assert is_of_request(doubts, BLUE, at=102.0)
    assert not is_of_request(doubts, RED, at=103.0)


def test_a_good_call_of_one_model_clears_no_other(doubts: Doubts) -> None:
    assert is_of_request(doubts, RED, at=101.0, place=OTHER)
    doubts.served(ACCOUNT, ONE, now=101.5)
    assert not is_of_request(doubts, BLUE, at=102.0, place=OTHER)


def test_a_good_call_of_any_model_shows_that_there_is_money(doubts: Doubts) -> None:
    assert is_of_request(doubts, RED, at=101.0, place=ACCOUNT)
    doubts.served(ACCOUNT, OTHER, now=101.5)
    assert is_of_request(doubts, BLUE, at=102.0, place=ACCOUNT)


def test_a_model_that_is_refused_for_a_minute_is_forbidden_though_others_go_well(doubts: Doubts) -> None:
    assert is_of_request(doubts, RED, at=101.0, place=OTHER)
    doubts.served(ACCOUNT, ONE, now=140.0)
    assert is_of_request(doubts, RED, at=160.9, place=OTHER)
    assert not is_of_request(doubts, RED, at=161.0, place=OTHER)


def test_a_call_of_nobodys_is_no_attack(doubts: Doubts) -> None:
    assert not is_of_request(doubts, 0, at=101.0)
