"""Serves plotly.js from the installed plotly package: the page and the library never disagree, no CDN.

It has 4.8 MB. ``compress``, which ``manage.py serve`` calls, keeps it in VAR_DIR with a gzip file beside it,
which whitenoise then sends to browsers that take it (1.4 MB). Without that the package's own file is served.
"""

import gzip
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly
from django.conf import settings
from django.contrib.staticfiles.finders import FileSystemFinder

NAME = "plotly.min.js"
PACKAGE = Path(plotly.__file__).parent / "package_data"


class PlotlyFinder(FileSystemFinder):
    """Finds ``plotly/plotly.min.js``: the compressed copy, or else the plotly package's."""

    def __init__(self, app_names: Sequence[str] | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(app_names, *args, **kwargs)
        root = str(_compressed() if _compressed().exists() else PACKAGE)
        storage = next(iter(self.storages.values())).__class__(location=root)
        storage.prefix = "plotly"
        self.locations = [("plotly", root)]
        self.storages = {root: storage}


def compress() -> None:
    """Make the compressed copy of the installed version, unless it is there; half a second."""
    if _compressed().exists():
        return
    making = _compressed().with_name(f"{_compressed().name}.{os.getpid()}")
    making.mkdir(parents=True)
    shutil.copyfile(PACKAGE / NAME, making / NAME)
    (making / f"{NAME}.gz").write_bytes(gzip.compress((PACKAGE / NAME).read_bytes(), mtime=0))
    making.rename(_compressed())


def _compressed() -> Path:
    """By version: another plotly makes another copy."""
    version: str = plotly.__version__
    return Path(settings.VAR_DIR) / "plotly" / version
