"""The verbs of this vendor's wires, as ``base.Adapter`` names them."""

from collections.abc import Mapping

from proxy.adapters.base import Answer, ChunkReader, Target, VendorError, VendorRequest
from proxy.adapters.openai import errors
from proxy.adapters.openai.chat import rules
from proxy.adapters.openai.verbs import VENDOR
from proxy.adapters.openai.wires import wire_for
from proxy.interchange.dialect import Call


class OpenAIAdapter:
    """Stateless; one serves all calls, of OpenAI's own endpoint and of compatible ones."""

    vendor = VENDOR
    rules = rules.OPENAI

    def request_for(self, call: Call, target: Target) -> VendorRequest:
        return wire_for(call, target).request_for(call, target)

    def response_from(self, body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
        return wire_for(call, target).response_from(body, headers, call, target)

    def chunks_from(self, call: Call, target: Target) -> ChunkReader:
        return wire_for(call, target).chunks_from(call, target)

    def links_for(self, call: Call, target: Target) -> tuple[str, ...]:
        return wire_for(call, target).links_for(call, target)

    def error_from(self, status: int, headers: Mapping[str, str], body: bytes) -> VendorError:
        return errors.error_from(status, headers, body)
