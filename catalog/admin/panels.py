"""What other apps have to say on a row's page: the catalog does not know the books, so they come to it."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString

Panel = Callable[[HttpRequest, Any], SafeString]  # "" where there is nothing to say
_panels: dict[type[Model], list[Panel]] = {}


def register(model: type[Model]) -> Callable[[Panel], Panel]:
    """Show it on the page of every row of ``model``: pages of models and of open drafts have panels."""

    def registered(panel: Panel) -> Panel:
        _panels.setdefault(model, []).append(panel)
        return panel

    return registered


def rendered(request: HttpRequest, row: Model) -> Iterator[SafeString]:
    yield from (shown for panel in _panels.get(type(row), ()) if (shown := panel(request, row)))
