"""Responses for callers who speak them: bytes pass both ways."""

from proxy.adapters.openai.responses import links, request, response, stream
from proxy.adapters.openai.verbs import Verbs

VERBS = Verbs(request.request_for, response.response_from, stream.Reader, links.links_for)
