"""What people are answered is kept by no cache: not by their browser, not by a proxy on the way.

The pages have money and names of one person's teams, some a secret that is shown once. One rule for every
answer, refusals and files too, but those that WhiteNoise gives: static files stay cached, with their ETags.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import add_never_cache_headers
from django.utils.decorators import sync_and_async_middleware

Answer = HttpResponseBase | Awaitable[HttpResponseBase]


@sync_and_async_middleware
def never_stored(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Answer]:
    """Middleware, behind WhiteNoise's."""
    if iscoroutinefunction(get_response):

        async def waiting(request: HttpRequest) -> HttpResponseBase:
            return _marked(await get_response(request))

        return waiting

    def asked(request: HttpRequest) -> HttpResponseBase:
        return _marked(get_response(request))

    return asked


def _marked(answer: HttpResponseBase) -> HttpResponseBase:
    add_never_cache_headers(answer)
    return answer
