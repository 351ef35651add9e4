"""Serves plotly.js from the installed plotly package: the page and the library never disagree, no CDN."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly
from django.contrib.staticfiles.finders import FileSystemFinder


class PlotlyFinder(FileSystemFinder):
    """Finds ``plotly/plotly.min.js`` in the plotly package's data."""

    def __init__(self, app_names: Sequence[str] | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(app_names, *args, **kwargs)
        root = str(Path(plotly.__file__).parent / "package_data")
        storage = next(iter(self.storages.values())).__class__(location=root)
        storage.prefix = "plotly"
        self.locations = [("plotly", root)]
        self.storages = {root: storage}
