"""How long a credential rests, by what the vendor said."""

import pytest

from proxy.adapters.base import ErrorClass, VendorError
from proxy.reliability.credentials import rests
from proxy.reliability.credentials.rests import Refusal, Rest

BLAMED = {
    ErrorClass.RATE_LIMITED: "rate_limited",
    ErrorClass.CREDENTIAL: "rejected",
    ErrorClass.CREDENTIAL_FUNDS: "no_funds",
}


def error(error_class: ErrorClass, **fields: object) -> VendorError:
    return VendorError(error_class=error_class, message="no", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("error_class", ErrorClass)
def test_which_failures_say_something_of_the_credential(error_class: ErrorClass) -> None:
    refusal = rests.refusal_in(error(error_class), times_before=0)
    assert (refusal.reason if refusal else None) == BLAMED.get(error_class)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (2.0, 2.0),
        (900.0, 900.0),
        (900.001, 900.0),
        (86_400.0, 900.0),
        (0.0, None),  # at once: others are preferred for a second all the same
        (None, None),  # garbage, a negative one, or none
    ],
)
def test_a_throttled_credential_rests_as_long_as_the_vendor_asks_but_15_minutes_at_most(
    retry_after: float | None, seconds: float | None
) -> None:
    said = error(ErrorClass.RATE_LIMITED, retry_after=retry_after, status=429, code="rate_limit_exceeded")
    assert rests.refusal_in(said, times_before=9) == Refusal(
        "rate_limited", seconds, 429, "rate_limit_exceeded"
    )


@pytest.mark.parametrize(
    ("times", "seconds"), [(1, 30), (2, 60), (3, 120), (4, 240), (7, 1920), (8, 3600), (10_000, 3600)]
)
def test_each_rejection_in_a_row_doubles_the_rest_up_to_an_hour(times: int, seconds: float) -> None:
    said = error(ErrorClass.CREDENTIAL, status=401)
    assert rests.rejection_seconds(times) == seconds
    assert rests.refusal_in(said, times_before=times - 1) == Refusal("rejected", seconds, 401, "")


@pytest.mark.parametrize("error_class", BLAMED)
def test_only_what_needs_a_person_is_loud(error_class: ErrorClass) -> None:
    refusal = rests.refusal_in(error(error_class), times_before=0)
    assert refusal is not None
    assert refusal.is_loud is (error_class is not ErrorClass.RATE_LIMITED)


@pytest.mark.parametrize(
    ("error_class", "status", "may"),
    [
        (ErrorClass.CREDENTIAL, 403, True),
        (ErrorClass.CREDENTIAL_FUNDS, 402, True),
        (ErrorClass.CREDENTIAL_FUNDS, 429, True),
        (ErrorClass.CREDENTIAL, 401, False),
        (ErrorClass.CREDENTIAL, 400, False),
        (ErrorClass.RATE_LIMITED, 429, False),
    ],
)
def test_which_refusals_one_request_may_bring_about(error_class: ErrorClass, status: int, may: bool) -> None:
    refusal = rests.refusal_in(error(error_class, status=status), times_before=0)
    assert refusal is not None
    assert refusal.may_be_of_request is may


@pytest.mark.parametrize(
    ("code", "type", "kept"),
    [
        ("invalid_api_key", None, "invalid_api_key"),
        (None, "authentication_error", "authentication_error"),
        ("Your key sk-1 is wrong", "authentication_error", "authentication_error"),
        ("Your key sk-1 is wrong", None, ""),
        ("x" * 81, None, ""),
    ],
)
def test_the_vendors_word_is_kept_and_its_sentences_are_not(
    code: str | None, type: str | None, kept: str
) -> None:
    refusal = rests.refusal_in(error(ErrorClass.CREDENTIAL, code=code, type=type), times_before=0)
    assert refusal is not None
    assert refusal.code == kept


def test_of_two_rests_the_longer_one_holds() -> None:
    short, long = Rest(1.0, "rate_limited", "f"), Rest(60.0, "rate_limited", "f")
    assert [rests.longer(short, long), rests.longer(long, short)] == [long, long]
    assert [rests.longer(short, None), rests.longer(None, short)] == [short, short]
    assert rests.longer(None, None) is None
