"""What other apps have to say on a draft's page: the catalog does not know the books, so they come to it."""

from collections.abc import Callable, Iterator

from django.http import HttpRequest
from django.utils.safestring import SafeString

from catalog.models import PriceProposal

Panel = Callable[[HttpRequest, PriceProposal], SafeString]  # "" where there is nothing to say
_panels: list[Panel] = []


def register(panel: Panel) -> Panel:
    """Show ``panel`` on the page of every open draft."""
    _panels.append(panel)
    return panel


def rendered(request: HttpRequest, proposal: PriceProposal) -> Iterator[SafeString]:
    yield from (shown for panel in _panels if (shown := panel(request, proposal)))
