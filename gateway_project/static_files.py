"""Static files as the ASGI server takes them.

WhiteNoise gives a file as a plain iterator. Django would gather it in memory first, and warn of it on every
request; read in threads, part by part, it is neither.
"""

from collections.abc import Callable, Iterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from metering.spend.export import in_threads


class InParts:
    """Middleware, before WhiteNoise's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if not isinstance(response, StreamingHttpResponse) or not isinstance(request, ASGIRequest):
            return response
        parts = response.streaming_content
        if isinstance(parts, Iterator):
            response.streaming_content = in_threads(parts)
        return response
