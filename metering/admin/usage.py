"""How much of a limit is used, as the admin shows it."""

from decimal import Decimal

from django.db.models import DecimalField, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from metering.models import Limit, LimitWindow
from metering.spend import money

USD = DecimalField(max_digits=24, decimal_places=12)


def with_taken(limits: QuerySet[Limit]) -> QuerySet[Limit]:
    """``limits`` with ``taken``, what is used of the window that is open now, and ``ceiling``, the amount
    with the raises of that window."""
    now = timezone.now()
    open_window = LimitWindow.objects.filter(limit=OuterRef("pk"), starts_at__lte=now, ends_at__gt=now)
    taken = open_window.annotate(taken=F("spent") + F("held") + F("exposed")).values("taken")[:1]
    raised = open_window.values("raised")[:1]
    return limits.annotate(
        taken=Coalesce(Subquery(taken, output_field=USD), Decimal(0)),
        ceiling=F("amount") + Coalesce(Subquery(raised, output_field=USD), Decimal(0)),
    )


def ceiling_of(window: LimitWindow) -> Decimal:
    """The limit's amount with the raises of this period."""
    ceiling: Decimal = window.limit.amount + window.raised
    return ceiling


def taken_of(window: LimitWindow) -> Decimal:
    """What is not left: spent, set aside, or possibly spent."""
    taken: Decimal = window.spent + window.held + window.exposed
    return taken


def in_unit(amount: Decimal, unit: str) -> str:
    if unit == Limit.Unit.USD:
        return money.exact_usd(amount)
    return f"{amount:,.0f} {'in flight' if unit == Limit.Unit.CONCURRENCY else unit}"


def used_bar(taken: Decimal, amount: Decimal, unit: str) -> SafeString:
    """A bar with its figures in words; full from the first moment when nothing is allowed. An overrun is
    said."""
    share = 100 * taken / amount if amount else Decimal(100)
    words = f"{in_unit(taken, unit)} of {in_unit(amount, unit)}"
    if unit == Limit.Unit.CONCURRENCY:
        words = f"{taken:,.0f} of {in_unit(amount, unit)}"
    return format_html(
        '<progress max="100" value="{}" title="{}" aria-label="{}"></progress> {} %{}',
        f"{min(Decimal(100), share):.0f}",
        words,
        words,
        f"{share:.0f}",
        f", over by {in_unit(taken - amount, unit)}" if taken > amount else "",
    )
