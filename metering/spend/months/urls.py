"""The URLs under /spend/months/."""

import datetime as dt

from django.urls import path, register_converter

from metering.closing import months
from metering.spend import downloads
from metering.spend.months import statements as statement_views
from metering.spend.months import views as closing_views


class MonthConverter:
    """``2026-10``, as the first day of the month. No other text is an address."""

    regex = "20[0-9]{2}-(?:0[1-9]|1[0-2])"

    def to_python(self, value: str) -> dt.date:
        return months.parse(value)

    def to_url(self, value: dt.date) -> str:
        return months.written(value)


register_converter(MonthConverter, "month")

urlpatterns = [
    path("months/", closing_views.month_list, name="months"),
    *downloads.paths("months/export", closing_views.month_file, name="months"),
    path("months/<month:month>/", closing_views.month_page, name="month"),
    path("months/<month:month>/begin/", closing_views.begin, name="begin_close"),
    path("months/<month:month>/withdraw/", closing_views.withdraw, name="withdraw_close"),
    path("months/<month:month>/waive/", closing_views.waive, name="waive_obstacle"),
    path("months/<month:month>/finish/", closing_views.finish, name="finish_close"),
    path("months/<month:month>/reopening/", closing_views.ask_reopening, name="ask_reopening"),
    path(
        "months/<month:month>/reopening/<int:number>/",
        closing_views.decide_reopening,
        name="decide_reopening",
    ),
    *downloads.paths("months/<month:month>/chargeback", closing_views.chargeback_file, name="chargeback"),
    path("months/<month:month>/pack.zip", statement_views.pack, name="month_pack"),
    path("months/<month:month>/<int:team_id>/", statement_views.statement, name="statement"),
    path(
        "months/<month:month>/<int:team_id>/statement.pdf",
        statement_views.statement_pdf,
        name="statement_pdf",
    ),
    *downloads.paths(
        "months/<month:month>/<int:team_id>/lines", statement_views.statement_file, name="statement"
    ),
]
