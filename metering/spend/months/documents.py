"""A statement as a file of its own: HTML that needs nothing else, and PDF made of the same HTML."""

import logging
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string

from metering.closing.statements import Statement

STYLESHEET = "statement.css"
INSTALL = (
    "PDF needs WeasyPrint: pip install 'weasyprint>=66', and the Pango libraries (on Debian or Ubuntu:"
    " apt-get install libpango-1.0-0 libpangoft2-1.0-0). The statement prints as well from the browser."
)


class PdfUnavailable(Exception):
    """WeasyPrint, or a library that it needs, is not installed; the message says how to get it."""

    def __init__(self) -> None:
        super().__init__(INSTALL)


def html(statement: Statement) -> str:
    return render_to_string(
        "spend/statement_document.html", {"statement": statement, "stylesheet": _stylesheet()}
    )


def pdf(statement: Statement) -> bytes:
    """The same bytes each time on one machine: its fonts and WeasyPrint decide. Raises PdfUnavailable."""
    written: bytes = (
        _weasyprint().HTML(string=html(statement), url_fetcher=_nothing_from_elsewhere).write_pdf()
    )
    return written


def offers_pdf() -> bool:
    """Whether a page leads to it: told without loading WeasyPrint, which takes a second."""
    return find_spec("weasyprint") is not None


def can_make_pdf() -> bool:
    try:
        _weasyprint()
    except PdfUnavailable:
        return False
    return True


@cache
def _weasyprint() -> Any:
    for name in (
        "weasyprint",
        "weasyprint.progress",
    ):  # tell of every step, of its import too, and of rules that are for screens
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        import weasyprint
    except (ImportError, OSError) as error:  # OSError: Pango is missing
        raise PdfUnavailable from error
    return weasyprint


def _nothing_from_elsewhere(url: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    raise ValueError(f"a statement refers to nothing outside itself: {url}")


@cache
def _stylesheet() -> str:
    found = finders.find(STYLESHEET)
    assert isinstance(found, str)
    return Path(found).read_text()
