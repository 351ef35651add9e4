"""/spend/reconciliation/: vendors' bills beside the ledger, and what people say of the gaps."""

import datetime as dt

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from catalog.models import Provider
from metering.models import Reason, ReconciliationLine, ReconciliationRun, SignOff
from metering.reconciliation import explaining, importing, runs, signing
from metering.spend import downloads, filters
from metering.spend.downloads import Download
from metering.spend.reconciliation import export as reconciliation_export
from metering.spend.reconciliation import pages
from metering.spend.reconciliation import rows as reconciliation_rows
from metering.spend.reconciliation.access import COMPARE, EXPLAIN, IMPORT, SIGN, for_finance, needs
from metering.spend.reconciliation.forms import ExplainAllForm, ExplainForm, SignForm, UploadForm


@require_safe
@for_finance
def overview(request: HttpRequest) -> HttpResponse:
    return _overview(request, UploadForm())


@require_safe
@for_finance
@downloads.as_file
def overview_file(request: HttpRequest) -> Download:
    found = pages.overview(month=_asked_month(request), now=timezone.now())
    return Download(
        name=f"reconciliation-{found.month:%Y-%m}",
        title="Vendors' bills beside the ledger",
        rows=reconciliation_export.overview_rows(found),
        facts=(("Month", f"{found.month:%Y-%m}"), ("Days in", "UTC")),
    )


@require_POST
@for_finance
@needs(IMPORT)
def upload(request: HttpRequest) -> HttpResponseBase:
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _overview(request, form, status=400)
    provider = form.cleaned_data["provider"]
    done = importing.import_files(
        provider=provider, given=form.given(), at=timezone.now(), by=_person(request)
    )
    return redirect("spend:reconciliation_vendor", provider=provider.name, month=done.runs[-1].month)


@require_safe
@for_finance
def vendor_month(request: HttpRequest, provider: str, month: dt.date) -> HttpResponse:
    vendor = get_object_or_404(Provider, name=provider)
    day = filters.read_day(request.GET, "day")
    now = timezone.now()
    found, strip = pages.vendor_month(provider=vendor, month=month, now=now)
    run = found.run
    shown = {
        "section": "reconciliation",
        "found": found,
        "strip": strip,
        "day": day,
        "rows": reconciliation_rows.lines(run=run, day=day) if run else None,
        "models": reconciliation_rows.models(run=run) if run else (),
        "reports": reconciliation_rows.reports(run=run) if run else (),
        "reasons": Reason.choices,
        "needs_two": signing.needs_two(run, by=_user(request)) if run else "",
        "may_compare": request.user.has_perm(COMPARE),
        "may_explain": request.user.has_perm(EXPLAIN),
        "may_sign": request.user.has_perm(SIGN),
        "may_second": found.signature is not None
        and signing.may_second(asked_by=found.signature.asked_by, by=_user(request)),
    }
    return render(request, "spend/reconciliation_vendor.html", shown)


@require_safe
@for_finance
@downloads.as_file
def vendor_month_file(request: HttpRequest, provider: str, month: dt.date) -> Download:
    run = _run(provider, month)
    day = filters.read_day(request.GET, "day")
    asked = reconciliation_rows.asked_lines(run=run, day=day)
    shown = f"{day or f'{month:%Y-%m}'}"
    return Download(
        name=f"reconciliation-{provider}-{shown}",
        title=f"The bill of {provider} beside the ledger",
        rows=reconciliation_export.line_rows(asked.iterator(), provider=provider),
        facts=(("Day" if day else "Month", shown), ("Days in", "UTC"), ("Compared", run.as_of)),
    )


@require_POST
@for_finance
@needs(COMPARE)
def compare(request: HttpRequest, provider: str, month: dt.date) -> HttpResponse:
    vendor = get_object_or_404(Provider, name=provider)
    runs.keep(provider=vendor, month=month, as_of=timezone.now(), by=_person(request))
    return redirect("spend:reconciliation_vendor", provider=provider, month=month)


@require_POST
@for_finance
@needs(EXPLAIN)
def explain(request: HttpRequest, provider: str, month: dt.date, run: int, number: int) -> HttpResponse:
    line = get_object_or_404(
        ReconciliationLine.objects.select_related("run__provider"),
        run=run,
        number=number,
        run__provider__name=provider,
        run__month=month,
    )
    form = ExplainForm(request.POST)
    if not form.is_valid():
        raise Http404("no such reason, or no note")
    explaining.explain(line=line, by=_person(request), at=timezone.now(), **form.cleaned_data)
    return redirect("spend:reconciliation_vendor", provider=provider, month=month)


@require_POST
@for_finance
@needs(EXPLAIN)
def explain_all(request: HttpRequest, provider: str, month: dt.date, run: int) -> HttpResponse:
    found = get_object_or_404(ReconciliationRun, pk=run, provider__name=provider, month=month)
    form = ExplainAllForm(request.POST)
    if not form.is_valid():
        raise Http404("no such reason, or no note")
    explaining.explain_all(run=found, by=_person(request), at=timezone.now(), **form.cleaned_data)
    return redirect("spend:reconciliation_vendor", provider=provider, month=month)


@require_POST
@for_finance
@needs(SIGN)
def sign(request: HttpRequest, provider: str, month: dt.date, run: int) -> HttpResponse:
    found = get_object_or_404(ReconciliationRun, pk=run, provider__name=provider, month=month)
    form = SignForm(request.POST)
    if not form.is_valid():
        raise Http404("the note is too long")
    signing.sign(run=found, by=_user(request), at=timezone.now(), **form.cleaned_data)
    return redirect("spend:reconciliation_vendor", provider=provider, month=month)


@require_POST
@for_finance
@needs(SIGN)
def second(request: HttpRequest, provider: str, month: dt.date, sign_off: int) -> HttpResponse:
    found = get_object_or_404(SignOff, pk=sign_off, run__provider__name=provider, run__month=month)
    form = SignForm(request.POST)
    if not form.is_valid():
        raise Http404("the note is too long")
    signing.second(sign_off=found, by=_user(request), at=timezone.now(), **form.cleaned_data)
    return redirect("spend:reconciliation_vendor", provider=provider, month=month)


def _overview(request: HttpRequest, form: UploadForm, *, status: int = 200) -> HttpResponse:
    shown = {
        "section": "reconciliation",
        "found": pages.overview(month=_asked_month(request), now=timezone.now()),
        "form": form,
        "may_import": request.user.has_perm(IMPORT),
    }
    return render(request, "spend/reconciliation.html", shown, status=status)


def _asked_month(request: HttpRequest) -> dt.date:
    """The month in the URL; without one, the last that is over, in UTC. Raises BadFilter."""
    asked = filters.read_text(request.GET, "month")
    if not asked:
        return (timezone.now().date().replace(day=1) - dt.timedelta(days=1)).replace(day=1)
    try:
        month = dt.date.fromisoformat(f"{asked}-01")
    except ValueError as error:
        raise filters.BadFilter("month must be a month such as 2026-10") from error
    if month.year not in filters.YEARS:
        raise filters.BadFilter("month must be a month such as 2026-10")
    return month


def _run(provider: str, month: dt.date) -> ReconciliationRun:
    found = runs.latest(provider=get_object_or_404(Provider, name=provider), month=month)
    if found is None:
        raise Http404("not compared yet")
    return found


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # LoginRequiredMiddleware
    return request.user


def _person(request: HttpRequest) -> str:
    return _user(request).get_username()
