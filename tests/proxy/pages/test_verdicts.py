"""Whose failure it was: every class of error and every outcome that the ledger knows."""

import pytest

from metering.models import CostEntry
from proxy.adapters.base import ErrorClass
from proxy.pages import verdicts
from proxy.pages.verdicts import Verdict

AGAINST_THE_VENDOR = {
    ErrorClass.MODEL_UNAVAILABLE,
    ErrorClass.CREDENTIAL,
    ErrorClass.CREDENTIAL_FUNDS,
    ErrorClass.RATE_LIMITED,
    ErrorClass.OVERLOADED,
    ErrorClass.PROVIDER,
    ErrorClass.TRANSPORT,
}


@pytest.mark.parametrize("error", ErrorClass)
def test_each_class_of_error_counts_or_says_nothing(error: ErrorClass) -> None:
    expected = Verdict.FAILED if error in AGAINST_THE_VENDOR else Verdict.NEUTRAL
    assert verdicts.of_attempt("error", error) is expected


@pytest.mark.parametrize("error", ErrorClass)
def test_each_class_of_error_has_words(error: ErrorClass) -> None:
    assert verdicts.words("error", error) == verdicts.WORDS[error]


@pytest.mark.parametrize("outcome", CostEntry.Outcome)
def test_each_outcome_without_a_class(outcome: CostEntry.Outcome) -> None:
    expected = {"ok": Verdict.SUCCEEDED, "error": Verdict.FAILED, "cut": Verdict.FAILED}
    assert verdicts.of_attempt(outcome, "") is expected.get(outcome, Verdict.NEUTRAL)


def test_our_own_fault_is_not_the_vendors() -> None:
    assert verdicts.of_attempt("error", "gateway") is Verdict.NEUTRAL
    assert verdicts.words("error", "gateway") == "our own fault"


def test_a_class_that_is_not_known_here_is_shown_as_it_is() -> None:
    assert verdicts.words("error", "something_new") == "something_new"
    assert verdicts.of_attempt("error", "something_new") is Verdict.FAILED
