"""plotly.js is found in the plotly package, or compressed in VAR_DIR once ``compress`` was called."""

import gzip
from pathlib import Path

import pytest
from pytest_django import Settings

from metering import static_plotly


@pytest.fixture
def var_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path


def found() -> dict[str, str]:
    return {name: storage.path(name) for name, storage in static_plotly.PlotlyFinder().list(None)}


def test_without_a_copy_it_is_the_package_s_own(var_dir: Path) -> None:
    assert found()["plotly.min.js"] == str(static_plotly.PACKAGE / "plotly.min.js")


def test_the_copy_is_the_same_and_has_its_compressed_file_beside_it(var_dir: Path) -> None:
    static_plotly.compress()
    static_plotly.compress()
    paths = found()
    own = (static_plotly.PACKAGE / "plotly.min.js").read_bytes()
    assert sorted(paths) == ["plotly.min.js", "plotly.min.js.gz"]
    assert Path(paths["plotly.min.js"]).read_bytes() == own
    assert gzip.decompress(Path(paths["plotly.min.js.gz"]).read_bytes()) == own
    assert all(path.startswith(str(var_dir)) for path in paths.values())
