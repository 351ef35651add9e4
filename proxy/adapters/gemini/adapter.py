"""The verbs of this vendor's wire, as ``base.Adapter`` names them."""

from collections.abc import Mapping

from proxy.adapters.base import Answer, ChunkReader, Target, VendorError, VendorRequest
from proxy.adapters.gemini import counting, embeddings, errors, media, request, response, stream
from proxy.adapters.gemini.rules import RULES, VENDOR
from proxy.interchange.dialect import Call


class GeminiAdapter:
    """Stateless; one serves all calls."""

    vendor = VENDOR
    rules = RULES

    def links_for(self, call: Call, target: Target) -> tuple[str, ...]:
        return () if call.dialect.name == "embeddings" else media.links_for(call, target)

    def request_for(self, call: Call, target: Target) -> VendorRequest:
        match call.dialect.name:
            case "embeddings":
                return embeddings.request_for(call, target)
            case "count_tokens":
                return counting.request_for(call, target)
        return request.request_for(call, target)

    def response_from(self, body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
        match call.dialect.name:
            case "embeddings":
                return embeddings.response_from(body, call, target)
            case "count_tokens":
                return counting.response_from(body, target)
        return response.response_from(body, headers, call, target)

    def chunks_from(self, call: Call, target: Target) -> ChunkReader:
        return stream.Reader(call, target)

    def error_from(self, status: int, headers: Mapping[str, str], body: bytes) -> VendorError:
        return errors.error_from(status, headers, body)
