"""Reports asked for over HTTP with an admin key: all pages, with patience, never a key in a message."""

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import httpx2

from catalog.models import Provider
from metering.reconciliation import importing
from metering.reconciliation.importing import Imported, Origin
from metering.reconciliation.readers import anthropic, files, openai, shape
from metering.reconciliation.readers.lines import COST, USAGE, Report

TRIES = 6
LONGEST_WAIT = 60.0  # seconds
MOST_PAGES = 1_000
MOST_BYTES = 50_000_000
PASSING = {408, 429, 500, 502, 503, 504, 529}
TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
DAY = dt.timedelta(days=1)

Params = list[tuple[str, str | int | float | bool | None]]


class FetchFailed(Exception):
    """The vendor did not give a report; the message has its words, never the key."""


class Endpoint(NamedTuple):
    """A report: its kind, where it is below the provider's address, and what is asked for."""

    kind: str
    path: str
    params: Params


def endpoints(kind: str, *, first: dt.date, last: dt.date) -> list[Endpoint]:
    """What a vendor is asked for the days ``first`` to ``last`` (UTC, inclusive). Raises FetchFailed."""
    if kind == "openai":
        return _openai(first, last)
    if kind == "anthropic":
        return _anthropic(first, last)
    raise FetchFailed(f"No vendor of kind {kind} has an endpoint for its costs: import its export as a file.")


def fetch(
    *,
    provider: Provider,
    key: str,
    first: dt.date,
    last: dt.date,
    at: dt.datetime,
    by: str,
    address: str = "",
    pause: Callable[[float], None] = time.sleep,
    progress: importing.Progress = importing.unheard,
) -> Imported:
    """Ask for all reports of the days and import them. Raises FetchFailed and UnreadableReport."""
    base = (address or provider.base_url).rstrip("/")
    asked = endpoints(provider.kind, first=first, last=last)
    reports: list[Report] = []
    whole = hashlib.sha256()
    with httpx2.Client(headers=_headers(provider.kind, key), timeout=TIMEOUT) as client:
        for endpoint in asked:
            pages = list(_pages(client, base + endpoint.path, endpoint.params, key=key, pause=pause))
            for page in pages:
                whole.update(page)
            reports.append(_read(provider.kind, pages, endpoint))
    source = ", ".join(base + endpoint.path for endpoint in asked)
    origin = Origin(provider, source, whole.hexdigest(), at, by, fetched=True)
    return importing.record(_by_kind(reports), origin, progress)


def _openai(first: dt.date, last: dt.date) -> list[Endpoint]:
    span: Params = [
        ("start_time", _seconds(first)),
        ("end_time", _seconds(last + DAY)),
        ("bucket_width", "1d"),
    ]
    by_line: Params = [("group_by[]", "line_item"), ("group_by[]", "project_id"), ("limit", "180")]
    by_model: Params = [("group_by[]", name) for name in ("model", "api_key_id", "batch", "service_tier")]
    by_key: Params = [("group_by[]", name) for name in ("model", "api_key_id")]
    month: Params = [("limit", "31")]
    return [
        Endpoint(COST, "/organization/costs", span + by_line),
        Endpoint(USAGE, "/organization/usage/completions", span + by_model + month),
        Endpoint(USAGE, "/organization/usage/embeddings", span + by_key + month),
    ]


def _anthropic(first: dt.date, last: dt.date) -> list[Endpoint]:
    end = f"{last + DAY}T00:00:00Z"
    start = f"{first}T00:00:00Z"
    span: Params = [("starting_at", start), ("ending_at", end), ("bucket_width", "1d"), ("limit", "31")]
    by_line: Params = [("group_by[]", name) for name in ("description", "workspace_id")]
    by_model: Params = [
        ("group_by[]", name) for name in ("model", "api_key_id", "service_tier", "context_window")
    ]
    root = "/v1/organizations"
    return [
        Endpoint(COST, f"{root}/cost_report", span + by_line),
        Endpoint(USAGE, f"{root}/usage_report/messages", span + by_model),
    ]


def _seconds(day: dt.date) -> str:
    return str(int(dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC).timestamp()))


def _headers(kind: str, key: str) -> dict[str, str]:
    if kind == "anthropic":
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}
    return {"authorization": f"Bearer {key}"}


def _pages(
    client: httpx2.Client, url: str, params: Params, *, key: str, pause: Callable[[float], None]
) -> Iterator[bytes]:
    """The bodies of all pages."""
    page: Params = []
    for _ in range(MOST_PAGES):
        body = _answered(client, url, params + page, key=key, pause=pause)
        yield body
        [document] = shape.documents(body, file=url)
        if document.get("has_more").value is not True:
            return
        page = [("page", document.get("next_page").text())]
    raise FetchFailed(f"{url} has more than {MOST_PAGES} pages")


def _answered(
    client: httpx2.Client, url: str, params: Params, *, key: str, pause: Callable[[float], None]
) -> bytes:
    """One page; what passes is waited for, as long as the vendor says or twice as long each time."""
    for attempt in range(1, TRIES + 1):
        try:
            answer = client.get(url, params=params)
        except httpx2.TransportError as error:
            trouble, wait = f"{type(error).__name__}: {error}", None
        else:
            if answer.status_code == 200:
                if len(answer.content) > MOST_BYTES:
                    raise FetchFailed(f"{url} answered with more than {MOST_BYTES:,} bytes")
                return answer.content
            said = answer.text.replace(key, "(the key)")[:300]
            trouble, wait = f"{answer.status_code} {said}", answer.headers.get("retry-after")
            if answer.status_code not in PASSING:
                break
        if attempt < TRIES:
            pause(_patience(wait, attempt))
    raise FetchFailed(f"{url}: {trouble.replace(key, '(the key)')}")


def _patience(retry_after: str | None, attempt: int) -> float:
    """Seconds."""
    try:
        told = float(retry_after) if retry_after is not None else 2.0 ** (attempt - 1)
    except ValueError:
        told = 2.0 ** (attempt - 1)
    return min(max(told, 0.0), LONGEST_WAIT)


def _read(kind: str, pages: Sequence[bytes], endpoint: Endpoint) -> Report:
    """All pages of one endpoint as one report: a page of empty buckets is one of its kind."""
    reader = anthropic.read if kind == "anthropic" else openai.read
    parts = [
        part
        for number, page in enumerate(pages, start=1)
        for part in reader(page, file=f"{endpoint.path} page {number}", kind=endpoint.kind)
    ]
    return files.together(parts)


def _by_kind(reports: Sequence[Report]) -> list[Report]:
    by_kind = [[report for report in reports if report.kind == kind] for kind in (COST, USAGE)]
    return [files.together(of_kind) for of_kind in by_kind if of_kind]
