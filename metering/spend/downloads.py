"""A page's table as a file, CSV or XLSX: the same rows, written as the URL's ending says.

A room says what it has (Download) and where (``*downloads.paths("bridge/export", ...)``), once for both.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone

from metering.spend import export, headings, workbook
from metering.spend.export import Cell
from metering.spend.headings import Lines

ENDINGS = ("csv", "xlsx")

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Download:
    """``rows`` begin with the names of the columns; ``name`` is the file's, without its ending.

    ``title`` and ``facts`` (the period, what narrows it) stand above the table in a workbook. A CSV is the
    table alone: programs read it.
    """

    name: str
    title: str
    rows: Iterable[tuple[Cell, ...]]
    facts: Lines = ()


def as_file(
    found: Callable[Concatenate[HttpRequest, P], Download],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """What ``found`` gives, as the file that was asked for. Raises BadFilter where a sheet cannot hold it."""

    @wraps(found)
    def answered(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return _RESPONSES[request.path.rpartition(".")[2]](request, found(request, *args, **kwargs))

    return answered


def paths(route: str, view: Callable[..., HttpResponseBase], *, name: str) -> list[URLPattern]:
    """The URLs of both formats: ``export.csv`` is called ``..._csv``, ``export.xlsx`` ``..._xlsx``."""
    return [path(f"{route}.{ending}", view, name=f"{name}_{ending}") for ending in ENDINGS]


def _csv(request: HttpRequest, file: Download) -> HttpResponseBase:
    return export.response(request, file.rows, name=f"{file.name}.csv", with_mark="bom" in request.GET)


def _xlsx(request: HttpRequest, file: Download) -> HttpResponseBase:
    about = headings.above(file.title, facts=file.facts, made_at=timezone.now())
    return workbook.response(
        request, file.rows, name=f"{file.name}.xlsx", about=about, most=workbook.MOST_ROWS
    )


_RESPONSES = {"csv": _csv, "xlsx": _xlsx}

__all__ = ["ENDINGS", "Download", "as_file", "paths"]
