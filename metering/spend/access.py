"""Who may open the spend pages: whoever sees every team's spend, and leads of teams."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render

from catalog import visibility
from catalog.visibility import Visibility
from metering.spend import building, queries
from metering.spend.filters import BadFilter, Filters

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, Visibility, P], HttpResponseBase]


def for_spend_readers(page: Page[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Gives ``page`` what the person may see; people without any role get a page that says whom to ask.

    What cannot be filtered, or built at this moment, is answered with a page that says so.
    Anonymous people never come here: LoginRequiredMiddleware sends them to the login first.
    """

    @wraps(page)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        seen = visibility.of(request.user)
        if seen.nothing:
            return render(request, "spend/no_role.html", status=403)
        try:
            return page(request, seen, *args, **kwargs)
        except BadFilter as error:
            return render(request, "spend/bad_filter.html", {"reason": str(error)}, status=400)
        except building.NoRoom:
            return _busy(request)

    return guarded


def _busy(request: HttpRequest) -> HttpResponseBase:
    shown = {"most": building.MOST, "seconds": building.RETRY_SECONDS}
    answer = render(request, "spend/busy.html", shown, status=503)
    answer["Retry-After"] = str(building.RETRY_SECONDS)
    return answer


def check_scope(filters: Filters, seen: Visibility) -> None:
    """A team or key that is asked for by name must be one that may be seen. Raises Http404 for all others."""
    if filters.team and not queries.team_is_visible(name=filters.team, visibility=seen):
        raise Http404("no such team")
    if filters.key and not queries.key_is_visible(prefix=filters.key, visibility=seen):
        raise Http404("no such key")
