"""FOCUS files as answers: streamed, so that neither the server nor the reader waits for the whole."""

import tempfile
from collections.abc import Iterator
from typing import IO

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from metering.focus import billing_periods, columns, csv_files, exporting, names, parquet_files
from metering.focus.asked import Export, Unusable
from metering.spend import building
from metering.spend.export import in_threads
from metering.spend.exports.asked import Download
from metering.spend.filters import BadFilter

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "billing-period": "text/csv; charset=utf-8",
}
BYTES_AT_A_TIME = 256 * 1024


def response(request: HttpRequest, asked: Download) -> StreamingHttpResponse:
    """The file. Raises BadFilter where it cannot be made, NoRoom where it cannot be made now."""
    parts = _MAKERS[asked.form](asked.export)
    # Each server consumes its own kind of iterator without gathering the whole file in memory first.
    body = in_threads(parts) if isinstance(request, ASGIRequest) else parts
    streamed = StreamingHttpResponse(body, content_type=TYPES[asked.form])
    streamed["Content-Disposition"] = f'attachment; filename="{asked.name}"'
    return streamed


def _csv(export: Export) -> Iterator[bytes]:
    return (part.encode() for part in exporting.csv_parts(exporting.rows(export)))


def _parquet(export: Export) -> Iterator[bytes]:
    """Written whole to a temporary file: the rows of Parquet are found by what stands at its end."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever reads it
    try:
        with building.room(), exporting.one_moment():
            found = exporting.rows(export)
            parquet_files.write(file, found.records, found.columns)
    except Unusable as error:
        file.close()
        raise BadFilter(f"{error}.") from error
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return _read(file)


def _json(export: Export) -> Iterator[bytes]:
    """What the file would hold: all its rows are made, and added up."""
    with building.room(), exporting.one_moment():
        found = exporting.rows(export)
        for _ in found.records:
            pass
    return iter([found.summary.json().encode()])


def _billing_period(export: Export) -> Iterator[bytes]:
    records = billing_periods.records(export, names.of(export.month))
    return iter(["".join(csv_files.lines(records, columns.BILLING_PERIOD)).encode()])


_MAKERS = {"csv": _csv, "parquet": _parquet, "json": _json, "billing-period": _billing_period}


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(BYTES_AT_A_TIME):
            yield part
