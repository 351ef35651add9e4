"""The gateway's own address, as callers outside write it."""

from django.conf import settings
from django.http import HttpRequest


def gateway(request: HttpRequest) -> str:
    """Without a slash at its end. PUBLIC_URL, for behind a proxy a request does not know its scheme; else as
    the page itself was asked for."""
    return settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
