"""The four verbs of this vendor's wire, as ``base.Adapter`` names them."""

from collections.abc import Mapping

from proxy.adapters.anthropic import errors, request, response, stream
from proxy.adapters.base import Answer, ChatCall, ChunkReader, Target, VendorError, VendorRequest


class AnthropicAdapter:
    """Stateless; one serves all calls."""

    def request_for(self, call: ChatCall, target: Target) -> VendorRequest:
        return request.request_for(call, target)

    def response_from(self, body: bytes, headers: Mapping[str, str], target: Target) -> Answer:
        return response.response_from(body, headers, target)

    def chunks_from(self, call: ChatCall, target: Target) -> ChunkReader:
        return stream.Reader(call, target)

    def error_from(self, status: int, headers: Mapping[str, str], body: bytes) -> VendorError:
        return errors.error_from(status, headers, body)
