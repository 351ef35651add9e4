"""Responses for callers who speak them: bytes pass both ways."""

from proxy.adapters.openai.responses import request, response, stream
from proxy.adapters.openai.verbs import Verbs, no_links

VERBS = Verbs(request.request_for, response.response_from, stream.Reader, no_links)
