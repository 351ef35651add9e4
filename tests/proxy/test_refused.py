"""Which refusals speak of an unavailable gateway or vendor, and which of their callers."""

import datetime as dt
from decimal import Decimal

import pytest

from metering.errors import LedgerUnavailable, LimitReached
from proxy import envelopes, errors, refused
from proxy.adapters.base import ErrorClass, InvalidField, UnsupportedField, VendorError
from tests.proxy import values

LATER = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "error",
    [
        LedgerUnavailable("PostgreSQL is away"),
        errors.Unavailable("is failing", code="circuit_open"),
        errors.Unavailable("full", code="provider_full"),
        errors.Unavailable("nobody", code="no_target"),
        errors.Unavailable("at its limit", code="overloaded"),
        errors.Unavailable("goes", code="stopping"),
        errors.RateLimited("the vendor asked us to wait", code="upstream_rate_limited"),
        errors.UpstreamFailed("refuses our credential", code="upstream_credential_rejected"),
        ZeroDivisionError("our own fault"),
    ],
    ids=str,
)
def test_ours_or_a_vendors(error: Exception) -> None:
    assert refused.is_ours(envelopes.call_error(error))


@pytest.mark.parametrize(
    "error",
    [
        *[
            LimitReached(limit=values.limit(unit), reason=unit, room=Decimal(0), resets_at=LATER)
            for unit in ("usd", "tokens", "requests", "concurrency", "unpriced")
        ],
        errors.RateLimited("counts tokens too often"),
        errors.BadRequest("no JSON"),
        errors.Unauthorized("a wrong key"),
        errors.Forbidden("not this model"),
        errors.NotFound("no such model"),
        errors.MethodNotAllowed("POST it"),
        errors.RequestTimeout("the body did not come"),
        errors.TooLarge("too large"),
        errors.OutOfBudget("spent"),
        UnsupportedField(field="audio", vendor="anthropic", reason="has none"),
        InvalidField(field="temperature", reason="is no number"),
        VendorError(error_class=ErrorClass.CALLER, message="too long", status=400),
    ],
    ids=str,
)
def test_the_callers_own(error: Exception) -> None:
    assert not refused.is_ours(envelopes.call_error(error))
