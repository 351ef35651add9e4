"""People's pages while PostgreSQL is away: a 503 that says so, and one line in the log, no traceback.

Not a middleware: Django turns what any of them raises (the session's among the first) into a response before
another one sees it. This stands where that response is made.
"""

import logging
import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

RETRY_SECONDS = 5
# SQLSTATE: connection failures; the server ends or does not yet take sessions; it has no room for one more.
AWAY = ("08", "57P01", "57P02", "57P03", "53300")


def failed(request: HttpRequest) -> HttpResponse:
    """``handler500``: called while the exception is being handled."""
    if not is_unreachable(sys.exc_info()[1]):
        return server_error(request)
    page = render_to_string("503.html")  # without the request: who is logged in is in the database
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_SECONDS)})


def is_unreachable(error: BaseException | None) -> bool:
    """Whether ``error`` is Django's for a database that cannot be reached, not one about a statement."""
    from django.db.utils import InterfaceError, OperationalError  # not while settings are read

    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)  # None: there was no server to give one
    return state is None or str(state).startswith(AWAY)


class OneLine(logging.Filter):
    """On ``django.request``: what it says of such a page."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if is_unreachable(error):
            path = getattr(getattr(record, "request", None), "path", "")
            record.msg, record.args = "page_without_database path=%s", (path,)
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


__all__ = ["OneLine", "failed", "is_unreachable"]
