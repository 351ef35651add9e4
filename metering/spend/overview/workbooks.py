"""/spend/export.xlsx: the overview's table as a spreadsheet."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import filters, headings, workbook
from metering.spend.access import check_scope, for_spend_readers
from metering.spend.overview import files, page


@require_safe
@for_spend_readers
def report_xlsx(request: HttpRequest, seen: Visibility) -> HttpResponseBase:
    asked = filters.spend_filters(request.GET, today=timezone.localdate())
    check_scope(asked, seen)
    shown = page.shown(filters=asked, visibility=seen)
    rows = files.table_rows(shown, time_zone=settings.TIME_ZONE)
    about = headings.heading(
        f"Spend by {asked.by.replace('_', ' ')}",
        filters=asked,
        time_zone=settings.TIME_ZONE,
        made_at=timezone.now(),
    )
    name = f"spend-by-{asked.by}-{asked.start}-{asked.end}.xlsx"
    return workbook.response(request, rows, name=name, about=about)
