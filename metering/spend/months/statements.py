"""/spend/months/2026-10/...: a team's statement as page, PDF and CSV, and the pack of a closed month."""

import datetime as dt
import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import IO
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.closing import months, statements
from metering.closing.statements import Statement
from metering.spend import downloads
from metering.spend.access import for_spend_readers
from metering.spend.downloads import Download
from metering.spend.months import documents as closing_documents
from metering.spend.months import files, pages
from metering.spend.months import pack as closing_pack
from metering.spend.months.documents import PdfUnavailable

PART = 1 << 16


@require_safe
@for_spend_readers
def statement(request: HttpRequest, seen: Visibility, month: dt.date, team_id: int) -> HttpResponse:
    found = _statement(request, seen, month, team_id)
    shown = {
        "section": "months",
        "statement": found,
        "team_id": team_id,
        "version": _version(request),
        "versions": pages.versions_of(team_id=team_id, month=month),
        "can_make_pdf": closing_documents.offers_pdf(),
        "how_to_install_pdf": closing_documents.INSTALL,
    }
    return render(request, "spend/statement.html", shown)


@require_safe
@for_spend_readers
def statement_pdf(request: HttpRequest, seen: Visibility, month: dt.date, team_id: int) -> HttpResponse:
    found = _statement(request, seen, month, team_id)
    try:
        made = closing_documents.pdf(found)
    except PdfUnavailable as unavailable:
        return HttpResponse(str(unavailable), status=501, content_type="text/plain; charset=utf-8")
    return HttpResponse(made, content_type="application/pdf", headers=_as_file(f"{_stem(found)}.pdf"))


@require_safe
@for_spend_readers
@downloads.as_file
def statement_file(request: HttpRequest, seen: Visibility, month: dt.date, team_id: int) -> Download:
    found = _statement(request, seen, month, team_id)
    return Download(
        name=_stem(found),
        title="Lines of a statement",
        rows=files.lines([found]),
        facts=(("Month", f"{month:%Y-%m}"), ("Days in", found.time_zone)),
    )


@require_safe
@for_spend_readers
def pack(request: HttpRequest, seen: Visibility, month: dt.date) -> HttpResponseBase:
    """Of people who see every team: all of them are in it."""
    if seen.team_ids is not None:
        raise PermissionDenied
    closing = statements.standing(month)
    if closing is None:
        raise Http404("the month is not closed")
    file = tempfile.TemporaryFile()  # noqa: SIM115 - read while it is sent, closed by _parts
    closing_pack.build(closing, file)
    parts = _parts(file)
    body = _in_threads(parts) if isinstance(request, ASGIRequest) else parts
    name = closing_pack.name(closing)
    return StreamingHttpResponse(body, content_type="application/zip", headers=_as_file(name))


def _statement(request: HttpRequest, seen: Visibility, month: dt.date, team_id: int) -> Statement:
    team = pages.find_team(team_id=team_id, visibility=seen)
    if team is None:
        raise Http404("no such team")
    found = statements.statement(
        team=team,
        month=month,
        version=_version(request),
        at=timezone.now(),
        zone=ZoneInfo(settings.TIME_ZONE),
    )
    if found is None:
        raise Http404("no such statement")
    return found


def _version(request: HttpRequest) -> int | None:
    asked = request.GET.get("version", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 5 else None


def _stem(found: Statement) -> str:
    number = found.number or f"{months.written(found.month)}/{found.team}/preliminary"
    return f"statement-{number.replace('/', '-')}"


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while part := file.read(PART):
            yield part


async def _in_threads(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    advance = sync_to_async(lambda: next(parts, None))
    while (part := await advance()) is not None:
        yield part
