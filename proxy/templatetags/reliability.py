"""How shares and durations are written on the reliability page. Not known is said, never shown as 0."""

from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

from django import template

from proxy.pages.latencies import FEW, Percentiles

register = template.Library()
NOT_KNOWN = "not known"
TOO_FEW = "too few calls"


@register.filter
def availability(share: Decimal | None) -> str:
    """``0.99951`` as ``99.95 %``: rounded down, so that 100 % is all of them."""
    if share is None:
        return NOT_KNOWN
    hundredths = (share * 100).quantize(Decimal("0.01"), rounding=ROUND_FLOOR)
    return "100 %" if share == 1 else f"{hundredths:f} %"


@register.filter
def objective(share: Decimal) -> str:
    """``0.999`` as ``99.9 %``: every digit."""
    return f"{(share * 100).normalize():f} %"


@register.filter
def budget(left: Decimal | None) -> str:
    """``0.43`` as ``43 % left``, ``-1.3`` as ``2.3 times what it allows``."""
    if left is None:
        return NOT_KNOWN
    if left < 0:
        return f"{(1 - left).quantize(Decimal('0.1'), rounding=ROUND_HALF_UP):,f} times what it allows"
    return f"{(left * 100).quantize(Decimal(1), rounding=ROUND_FLOOR):f} % left"


@register.filter
def about(number: Decimal) -> str:
    """A quotient to one decimal, below 1 to two: ``7.2``, ``0.15``."""
    if 0 < number < Decimal("0.01"):
        return "less than 0.01"
    places = Decimal("0.1") if number >= 1 or number == 0 else Decimal("0.01")
    return f"{number.quantize(places, rounding=ROUND_HALF_UP):,f}"


@register.filter
def took(duration: int | None) -> str:
    """``850 ms``, from 10 s on ``12.3 s``."""
    if duration is None:
        return NOT_KNOWN
    return f"{duration:,} ms" if duration < 10_000 else f"{Decimal(duration) / 1000:,.1f} s"


@register.filter
def rare(duration: int | None, times: Percentiles) -> str:
    """p95 and p99, where there are calls enough for them to differ from the slowest."""
    return TOO_FEW if 0 < times.count < FEW else took(duration)


@register.filter
def slowest(times: Percentiles) -> str:
    """p99.9, where there are calls enough for it to say anything."""
    return TOO_FEW if times.too_few else took(times.p999)
