"""What one wire of this vendor does for the calls that take it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from proxy.adapters.base import Answer, ChunkReader, Target, UnsupportedField, VendorRequest
from proxy.interchange.dialect import Call

VENDOR = "openai"  # as callers are told


class Verbs(NamedTuple):
    """The verbs of ``base.Adapter``, for one wire and one way of taking it: bytes pass, or all is written."""

    request_for: Callable[[Call, Target], VendorRequest]
    response_from: Callable[[bytes, Mapping[str, str], Call, Target], Answer]
    chunks_from: Callable[[Call, Target], ChunkReader]
    links_for: Callable[[Call, Target], tuple[str, ...]]


def never_streamed(call: Call, target: Target) -> ChunkReader:
    """Of wires whose answers come whole."""
    raise UnsupportedField(field="stream", vendor=VENDOR, reason="the answer comes whole")


def no_links(call: Call, target: Target) -> tuple[str, ...]:
    """Of wires whose requests hold text alone."""
    return ()
