"""What an installation may choose."""

import pytest

from proxy.idempotency.keeping import Keeping, keeping_in


def test_unless_told_otherwise() -> None:
    assert keeping_in({}) == Keeping(hours=24, answers=True, max_bytes=1_048_576)


def test_as_told() -> None:
    told = {"IDEMPOTENCY_HOURS": "48", "IDEMPOTENCY_STORE": "receipts", "IDEMPOTENCY_MAX_BYTES": "0"}

    assert keeping_in(told) == Keeping(hours=48, answers=False, max_bytes=0)


@pytest.mark.parametrize(
    "told",
    [
        {"IDEMPOTENCY_HOURS": "0"},
        {"IDEMPOTENCY_HOURS": "a day"},
        {"IDEMPOTENCY_STORE": "everything"},
        {"IDEMPOTENCY_MAX_BYTES": "-1"},
    ],
)
def test_what_it_may_not_be(told: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="IDEMPOTENCY_STORE=receipts"):
        keeping_in(told)
