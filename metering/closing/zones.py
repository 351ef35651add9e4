"""The business time zone of now beside that of the months that are closed."""

from zoneinfo import ZoneInfo

from metering.closing import months
from metering.models import BillingPeriod, Closing


def changed(*, zone: ZoneInfo) -> str:
    """What to say to whoever starts in another zone than the last month was closed in, or empty."""
    closed = Closing.objects.filter(period__status=BillingPeriod.Status.CLOSED).select_related("period")
    last = closed.order_by("-period__month", "-version").first()
    if last is None or last.time_zone == zone.key:
        return ""
    return (
        f"TIME_ZONE is {zone.key}, but {months.written(last.period.month)} was closed in {last.time_zone}:"
        " days, months and budgets begin at another moment from now on, and calls around the change may be in"
        " another month than before. Set it back unless this is meant (docs/decisions/0030)."
    )
