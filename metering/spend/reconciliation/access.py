"""Who may see and do what of reconciliation: vendors' bills are of all teams together."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from catalog.approvals import NeedsAnotherPerson
from catalog.visibility import Visibility
from metering.reconciliation.explaining import NotToExplain
from metering.reconciliation.readers.lines import UnreadableReport
from metering.reconciliation.signing import CannotSign
from metering.spend.access import for_spend_readers

IMPORT = "metering.add_vendorreport"
COMPARE = "metering.add_reconciliationrun"
EXPLAIN = "metering.add_gapexplanation"
SIGN = "metering.sign_reconciliation"

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def for_finance(page: Page[P]) -> Page[P]:
    """Only for people who see every team's spend. Leads of teams are refused (403)."""

    @wraps(page)
    def guarded(
        request: HttpRequest, seen: Visibility, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        if seen.team_ids is not None:
            raise PermissionDenied
        return page(request, *args, **kwargs)

    return for_spend_readers(guarded)


def needs(permission: str) -> Callable[[Page[P]], Page[P]]:
    """A step by people with ``permission``. What cannot be done is answered with the reason (409, or 400)."""

    def decorated(page: Page[P]) -> Page[P]:
        @wraps(page)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            try:
                return page(request, *args, **kwargs)
            except UnreadableReport as error:
                return _refused(request, f"{error}. Nothing was imported.", status=400)
            except (NotToExplain, CannotSign, NeedsAnotherPerson) as error:
                return _refused(request, str(error), status=409)

        return guarded

    return decorated


def _refused(request: HttpRequest, reason: str, *, status: int) -> HttpResponseBase:
    shown = {"section": "reconciliation", "reason": reason}
    return render(request, "spend/reconciliation_refused.html", shown, status=status)
