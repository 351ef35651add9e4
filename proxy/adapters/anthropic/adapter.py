"""The four verbs of this vendor's wire, as ``base.Adapter`` names them."""

from collections.abc import Mapping

from proxy.adapters.anthropic import errors, passthrough, request, response, stream
from proxy.adapters.anthropic.passed_stream import PassingReader
from proxy.adapters.anthropic.rules import RULES, VENDOR, unsupported
from proxy.adapters.base import Answer, ChunkReader, Target, VendorError, VendorRequest
from proxy.interchange.dialect import Call

_OWN = ("messages", "count_tokens")  # Anthropic's own dialects: bytes pass


class AnthropicAdapter:
    """Stateless; one serves all calls."""

    vendor = VENDOR
    rules = RULES

    def request_for(self, call: Call, target: Target) -> VendorRequest:
        if call.dialect.name in _OWN:
            return passthrough.request_for(call, target)
        if call.dialect.name == "embeddings":
            raise unsupported("model", "anthropic makes no embeddings")
        return request.request_for(call, target)

    def links_for(self, call: Call, target: Target) -> tuple[str, ...]:
        """The links in the messages that the gateway must fetch before ``request_for``."""
        if call.dialect.name in _OWN:
            return passthrough.links_for(call, target)
        if call.dialect.name == "embeddings":
            return ()
        return request.links_for(call, target)

    def response_from(self, body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
        if call.dialect.name == "count_tokens":
            return passthrough.count_from(body, headers, target)
        if call.dialect.name == "messages":
            return passthrough.response_from(body, headers, target)
        return response.response_from(body, headers, call, target)

    def chunks_from(self, call: Call, target: Target) -> ChunkReader:
        return PassingReader(target) if call.dialect.name in _OWN else stream.Reader(call, target)

    def error_from(self, status: int, headers: Mapping[str, str], body: bytes) -> VendorError:
        return errors.error_from(status, headers, body)
