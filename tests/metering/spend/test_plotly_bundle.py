"""plotly.js is served from here: the basic bundle, of the version that writes the figures (`make plotly`)."""

import gzip
import re

from django.conf import settings
from plotly.offline import get_plotlyjs_version

FOLDER = settings.BASE_DIR / "static" / "plotly"
BUNDLE = FOLDER / "plotly.min.js"


def test_it_is_the_version_that_the_figures_are_written_for() -> None:
    [version] = re.findall(r"plotly\.js \(basic - minified\) v([0-9.]+)", BUNDLE.read_text())

    assert version == get_plotlyjs_version()


def test_browsers_are_given_the_same_compressed() -> None:
    assert gzip.decompress((FOLDER / "plotly.min.js.gz").read_bytes()) == BUNDLE.read_bytes()


def test_its_licence_is_beside_it() -> None:
    assert "MIT License" in (FOLDER / "LICENSE").read_text()
