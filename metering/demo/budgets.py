"""The demo's budgets: sized by what was spent, so that on any date some are nearly used up, one is over."""

import datetime as dt
from decimal import ROUND_CEILING, Decimal
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Sum
from django.db.models.functions import TruncMonth

from catalog.models import Team
from metering import windows
from metering.demo.traffic import Plan
from metering.demo.workloads import DEPARTMENTS, Department
from metering.models import DailySpend, Limit

EARLY_IN_THE_MONTH = Decimal("0.4")  # a budget is at least this part of the dearest month
RATE_LIMITED = "mobile"
REQUESTS_A_MINUTE = Decimal(600)


def set_up(*, plan: Plan) -> int:
    """A budget for each department, unless it has one, with the windows that the plan's days fall into."""
    opened = 0
    for department in DEPARTMENTS:
        team = Team.objects.get(name=department.team)
        limit, _ = Limit.objects.get_or_create(
            team=team,
            unit="usd",
            period=department.period,
            mode=department.mode,
            defaults={"amount": _amount_for(department, plan)},
        )
        opened += _open_windows(limit, plan)
    Limit.objects.get_or_create(
        team=Team.objects.get(name=RATE_LIMITED),
        unit="requests",
        period="minute",
        mode="hard",
        defaults={"amount": REQUESTS_A_MINUTE},
    )
    return opened


def amount_of(*, used: Decimal, current: Decimal, dearest: Decimal, mode: str) -> Decimal:
    """A round budget, in USD.

    ``used`` is the part of it that is to be spent; ``current`` and ``dearest`` are the spend of this window
    and of the dearest so far. A hard budget is above both, because hard budgets are never exceeded.
    """
    if mode == "hard":
        return rounded_up(max(current, dearest) / used)
    return rounded_up(max(current / used, dearest * EARLY_IN_THE_MONTH))


def rounded_up(amount: Decimal) -> Decimal:
    """To two significant digits, a dollar at least: ``181.20`` gives ``190``."""
    if amount <= 1:
        return Decimal(1)
    step = Decimal(1).scaleb(amount.adjusted() - 1)
    return amount.quantize(step, rounding=ROUND_CEILING).quantize(Decimal("0.01"))


def _amount_for(department: Department, plan: Plan) -> Decimal:
    rows = DailySpend.objects.filter(team__name=department.team).order_by()
    if department.period == "total":
        dearest = current = rows.aggregate(usd=Sum("cost"))["usd"] or Decimal(0)
    else:
        months = dict(rows.annotate(month=TruncMonth("day")).values_list("month").annotate(usd=Sum("cost")))
        dearest = max(months.values(), default=Decimal(0))
        current = months.get(plan.last_day.replace(day=1), Decimal(0))
    return amount_of(used=Decimal(department.used), current=current, dearest=dearest, mode=department.mode)


def _open_windows(limit: Limit, plan: Plan) -> int:
    found = {windows.bounds(period=limit.period, at=at, zone=plan.zone) for at in _noons(plan, plan.zone)}
    with connection.cursor() as cursor:
        for starts_at, ends_at in sorted(found):
            cursor.execute("SELECT metering_open_window(%s, %s, %s)", [limit.pk, starts_at, ends_at])
    return len(found)


def _noons(plan: Plan, zone: ZoneInfo) -> list[dt.datetime]:
    days = [plan.first_day + dt.timedelta(days=number) for number in range(plan.days)]
    return [dt.datetime(day.year, day.month, day.day, 12, tzinfo=zone) for day in days]
