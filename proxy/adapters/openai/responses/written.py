"""Responses for callers of other dialects."""

from proxy.adapters.openai.responses import conversation, reply, told
from proxy.adapters.openai.verbs import Verbs

VERBS = Verbs(conversation.request_for, reply.response_from, told.Reader, conversation.links_for)
