"""Static files through the real server: whole, and without a warning."""

import httpx2
import pytest

from tests.live.house import ROOT, House

pytestmark = pytest.mark.live

STYLES = ROOT / "static" / "tallygate.css"


def test_a_file_comes_whole_and_nothing_is_warned_of(house: House) -> None:
    answer = httpx2.get(f"{house.url}/static/tallygate.css", timeout=10.0)

    assert answer.status_code == 200
    assert answer.text == STYLES.read_text()
    assert "StreamingHttpResponse" not in house.server.output


def test_its_head_and_a_part_of_it(house: House) -> None:
    head = httpx2.head(f"{house.url}/static/tallygate.css", timeout=10.0)
    part = httpx2.get(f"{house.url}/static/tallygate.css", headers={"range": "bytes=0-9"}, timeout=10.0)

    assert (head.status_code, head.content) == (200, b"")
    assert (part.status_code, part.text) == (206, STYLES.read_text()[:10])
