"""Chat completions for callers who speak them: bytes pass both ways."""

from proxy.adapters.openai.chat import request, response, stream
from proxy.adapters.openai.verbs import Verbs

VERBS = Verbs(request.request_for, response.response_from, stream.Reader, request.links_for)
