"""A re-rating small enough to be shown and booked while a person waits."""

from dataclasses import dataclass
from decimal import Decimal

from metering.corrections import preview, rerating
from metering.corrections.preview import Preview
from metering.corrections.scopes import Scope
from metering.models import CorrectionBatch

MOST = 5000  # entries: a second or two


class TooMany(Exception):
    """More than MOST entries: a command does it, with its progress in sight."""


class Changed(Exception):
    """What would change is no longer what the person was shown."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a person agreed to: so many entries, and USD by which the total moves."""

    entries: int
    difference: Decimal


def told(found: Preview) -> Told:
    return Told(found.total.entries, found.total.difference)


def show(*, scope: Scope) -> Preview:
    """What would change. Raises ScopeError, TooMany."""
    if preview.count(scope=scope, most=MOST + 1) > MOST:
        raise TooMany
    return preview.preview(scope=scope)


def book(*, scope: Scope, reason: str, author: str, agreed: Told) -> CorrectionBatch:
    """The whole batch, when it is what was agreed to. Raises ScopeError, TooMany, Changed."""
    if told(show(scope=scope)) != agreed:
        raise Changed
    batch = rerating.begin(scope=scope, reason=reason, author=author)
    for _ in rerating.run(batch=batch):
        pass
    return batch
