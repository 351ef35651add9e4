"""What is done about each class of failure: every class has its row, and the rows agree with each other."""

import pytest

from proxy.adapters.base import ErrorClass, VendorError
from proxy.reliability import reactions
from proxy.reliability.reactions import REACTIONS


def error(error_class: ErrorClass, *, code: str | None = None, refused_for: str = "") -> VendorError:
    return VendorError(error_class=error_class, message="", code=code, refused_for=refused_for)


def test_every_class_has_a_reaction() -> None:
    assert set(REACTIONS) == set(ErrorClass)


def test_what_counts_towards_a_breaker_is_what_is_retried_there() -> None:
    assert {found for found, reaction in REACTIONS.items() if reaction.counts} == {
        ErrorClass.OVERLOADED,
        ErrorClass.PROVIDER,
        ErrorClass.TRANSPORT,
    }
    assert all(reaction.counts == reaction.same_target for reaction in REACTIONS.values())


@pytest.mark.parametrize("code", ["first_byte_timeout", "first_token_timeout"])
def test_a_vendor_that_did_not_begin_in_time_is_not_asked_the_same_again(code: str) -> None:
    assert not reactions.may_retry_there(error(ErrorClass.TRANSPORT, code=code))
    assert reactions.may_go_on(error(ErrorClass.TRANSPORT, code=code), on_content_filter="answer")


def test_a_connection_that_failed_is() -> None:
    assert reactions.may_retry_there(error(ErrorClass.TRANSPORT, code="connect_failed"))


@pytest.mark.parametrize("policy", ["answer", "next"])
def test_a_callers_mistake_ends_the_request(policy: str) -> None:
    assert not reactions.may_go_on(error(ErrorClass.CALLER), on_content_filter=policy)


def test_a_prompt_that_is_too_long_here_may_fit_elsewhere() -> None:
    assert reactions.may_go_on(error(ErrorClass.CALLER, refused_for="context"), on_content_filter="answer")


@pytest.mark.parametrize(("policy", "goes_on"), [("answer", False), ("next", True)])
def test_a_content_filter_is_the_routes_own_decision(policy: str, goes_on: bool) -> None:
    refusal = error(ErrorClass.CALLER, refused_for="content")

    assert reactions.may_go_on(refusal, on_content_filter=policy) is goes_on
