"""The reconciliation sheet in the month pack."""

from collections.abc import Iterator

from metering.models import Closing
from metering.reconciliation import write_sheet
from metering.spend.months import pack as closing_pack
from metering.spend.months.pack import File, Out


class _Encoded:
    """Lines of text into a file of bytes."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def write(self, text: str, /) -> None:
        self._out.write(text.encode())


def sheet(closing: Closing) -> Iterator[File]:
    """As it was when the month was closed: the same bytes each time."""

    def write(out: Out) -> None:
        write_sheet(_Encoded(out), month=closing.period.month, as_of=closing.closed_at)

    yield File("reconciliation.csv", write)


def register() -> None:
    """The month pack has it, too, from now on."""
    if sheet not in closing_pack.PARTS:
        closing_pack.PARTS.append(sheet)
