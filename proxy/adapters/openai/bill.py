"""What an answer will be billed for, as far as the vendor tells."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from metering.usage import Part, Usage
from proxy.adapters.base import StreamState


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of ``base.Answer`` and ``base.StreamState``. ``tier`` is the vendor's own word."""

    usage: Usage | None
    raw_usage: Mapping[str, Any] | None
    variant: str
    flags: tuple[str, ...]
    tier: str = ""
    parts: tuple[Part, ...] = ()
    reported_cost: Decimal | None = None

    def note_in(self, state: StreamState) -> None:
        """Keep the figures as those of the stream so far."""
        state.usage, state.raw_usage = self.usage, self.raw_usage
        state.variant, state.flags, state.service_tier = self.variant, self.flags, self.tier
        state.parts, state.reported_cost = self.parts, self.reported_cost
