"""docs/compatibility.md says what the code does."""

from pathlib import Path

from proxy import compatibility

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"


def test_the_document_is_the_one_that_the_tables_write() -> None:
    assert DOCUMENT.read_text() == compatibility.page(), "run: manage.py compatibility --write"


def test_every_dialect_and_every_wire_has_its_place() -> None:
    assert set(compatibility.DIALECTS) == {"/v1/chat/completions", "/v1/messages", "/v1/responses"}
    named = {wire for _, _, wires in compatibility.DIALECTS.values() for wire in wires}
    assert named == set(compatibility.WIRES)
