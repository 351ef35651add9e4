"""What of metering the audit trail keeps: what people set. The books are a trail of their own."""

from catalog.audit.tracking import host, track
from metering.models import (
    Limit,
    LimitRaise,
    ReportCredential,
    TeamBudgets,
    VendorAccount,
    VendorAlias,
    Webhook,
)


def register() -> None:
    track(
        Webhook,
        secret=["url"],
        left_out=["secret_encrypted"],
        masked_by="catalog.audit.tracking.host",
        called=host,
    )
    track(ReportCredential, secret=["api_key_encrypted"])
    for model in (Limit, LimitRaise, TeamBudgets, VendorAlias, VendorAccount):
        track(model)
