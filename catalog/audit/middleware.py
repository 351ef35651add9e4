"""Knows whose request it is when something is changed. For people: calls never come here.

django-auditlog's own middleware believes X-Forwarded-For of anybody, and a header that is no address would
make every change fail.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from catalog.audit import acting

Answer = HttpResponseBase | Awaitable[HttpResponseBase]


@sync_and_async_middleware
def whose_request(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    if iscoroutinefunction(get_response):

        async def waiting(request: HttpRequest) -> HttpResponseBase:
            with acting.during(request):
                answer: HttpResponseBase = await get_response(request)
                return answer

        return waiting

    def asked(request: HttpRequest) -> HttpResponseBase:
        with acting.during(request):
            answer: HttpResponseBase = get_response(request)
            return answer

    return asked
