"""Uploaded tables as rows of text: what a sheet shows, exactly, and nothing that a file might do besides."""

import io
import zipfile

import pytest

from catalog import spreadsheets
from catalog.spreadsheets import Unreadable

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def xlsx(sheet: str, strings: str = "", *, extra: str = "") -> bytes:
    """A workbook with one sheet, of the parts that hold its values, as Excel names them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr(
            "xl/worksheets/sheet1.xml",
            f'{extra}<worksheet xmlns="{NAMESPACE}"><sheetData>{sheet}</sheetData></worksheet>',
        )
        if strings:
            book.writestr("xl/sharedStrings.xml", f'<sst xmlns="{NAMESPACE}">{strings}</sst>')
    return out.getvalue()


def read(content: bytes, name: str = "prices.xlsx") -> list[list[str]]:
    return spreadsheets.rows(name=name, content=content)


class TestCsv:
    def test_cells_are_text(self) -> None:
        assert read(b"model,input\r\ngpt-4o,2.50\r\n", "p.csv") == [["model", "input"], ["gpt-4o", "2.50"]]

    def test_a_byte_order_mark_and_quotes_are_taken_away(self) -> None:
        assert read('\ufeff"a,b","c ""d"""\n'.encode(), "p.csv") == [["a,b", 'c "d"']]

    @pytest.mark.parametrize(
        ("content", "said"),
        [("ä".encode("latin-1"), "not UTF-8"), (b'"open', "not CSV"), (b"a\0b", "U\\+0000")],
    )
    def test_what_is_no_csv(self, content: bytes, said: str) -> None:
        with pytest.raises(Unreadable, match=said):
            read(content, "p.csv")


class TestXlsx:
    def test_strings_shared_inline_and_of_several_formats(self) -> None:
        strings = "<si><t>model</t></si><si><r><t>gpt</t></r><r><t>-4o</t></r><rPh><t>x</t></rPh></si>"
        sheet = (
            '<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c>'
            '<c r="B2" t="inlineStr"><is><t>here</t></is></c><c r="C2" t="str"><v>formula</v></c></row>'
        )
        assert read(xlsx(sheet, strings)) == [["model"], ["gpt-4o", "here", "formula"]]

    @pytest.mark.parametrize(
        ("stored", "shown"),
        [
            ("2.5", "2.5"),
            ("7.4999999999999997E-2", "0.075"),  # as Excel stores 0.075
            ("1.9999999999999999E-6", "0.000002"),
            ("200000", "200000"),
            ("1E3", "1000"),
            ("0", "0"),
        ],
    )
    def test_a_number_is_what_the_sheet_shows(self, stored: str, shown: str) -> None:
        assert read(xlsx(f'<row r="1"><c r="A1"><v>{stored}</v></c></row>')) == [[shown]]

    def test_rows_and_cells_that_are_left_out_are_empty(self) -> None:
        sheet = (
            '<row r="1"><c r="B1"><v>1</v></c></row><row r="3"><c r="AA3"><v>2</v></c><c><v>3</v></c></row>'
        )

        assert read(xlsx(sheet)) == [["", "1"], [], [*[""] * 26, "2", "3"]]

    @pytest.mark.parametrize(
        "content",
        [
            b"not a zip",
            xlsx('<row r="1"><c r="1A"><v>1</v></c></row>'),
            xlsx('<row r="1"><c r="A1" t="s"><v>7</v></c></row>'),
            xlsx('<row r="1"><c r="A1"><v>many</v></c></row>'),
            xlsx("<row>"),
        ],
    )
    def test_what_is_no_table(self, content: bytes) -> None:
        with pytest.raises(Unreadable, match="not an XLSX table"):
            read(content)

    def test_entities_are_refused_before_they_are_expanded(self) -> None:
        laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'

        with pytest.raises(Unreadable, match="declares entities"):
            read(xlsx("<row/>", extra=laughs))

    def test_a_file_that_unpacks_to_too_much_is_refused(self) -> None:
        content = xlsx("<row/>" + " " * spreadsheets.MOST_UNPACKED)

        assert len(content) < spreadsheets.MOST_BYTES
        with pytest.raises(Unreadable, match="unpacks to too much"):
            read(content)

    def test_a_row_far_below_the_others_is_refused(self) -> None:
        with pytest.raises(Unreadable, match="more than 20,000 rows"):
            read(xlsx('<row r="1048576"/>'))


@pytest.mark.parametrize("name", ["p.csv", "p.xlsx"])
def test_a_large_file_is_refused_unread(name: str) -> None:
    with pytest.raises(Unreadable, match="more than 2,000,000 bytes"):
        read(b"x" * (spreadsheets.MOST_BYTES + 1), name)


def test_many_rows_are_refused() -> None:
    with pytest.raises(Unreadable, match="more than 20,000 rows"):
        read(b"a\n" * (spreadsheets.MOST_ROWS + 1), "p.csv")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@cf/meta/llama", "\tx", "  =x", "\n=x"])
def test_text_that_a_spreadsheet_would_run_comes_back_as_it_was(text: str) -> None:
    escaped = spreadsheets.escaped(text)

    assert escaped == f"'{text}"
    assert spreadsheets.unescaped(escaped) == text


@pytest.mark.parametrize("text", ["", "gpt-4o", "'quoted'", "2.50"])
def test_other_text_is_left_alone(text: str) -> None:
    assert spreadsheets.escaped(text) == spreadsheets.unescaped(text) == text


@pytest.mark.parametrize(
    "sheet",
    [
        '<row r="1"><c r="ZZZ1"><v>1</v></c></row>',
        "".join(f'<row r="{number}"/>' for number in (1, 20_000, 1, 20_000)),
    ],
)
def test_a_small_file_that_means_a_huge_table_is_refused(sheet: str) -> None:
    """A kilobyte must not fill the memory of the process that serves calls."""
    with pytest.raises(Unreadable):
        read(xlsx(sheet))


def test_entities_do_not_hide_in_another_encoding() -> None:
    with pytest.raises(Unreadable, match="UTF-8"):
        read(in_utf_16(xlsx('<row r="1"><c r="A1"><v>1</v></c></row>')))


def in_utf_16(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            text = before.read(name).decode().replace("UTF-8", "UTF-16")
            after.writestr(name, text.encode("utf-16"))
    return out.getvalue()


class TestFormulas:
    """Text that a spreadsheet would run is led by an apostrophe in a CSV, and marked in an XLSX file."""

    @pytest.mark.parametrize("lead", ["", " ", "\n", " \n ", "\u3000", "\u00a0", "\ufeff", "\u200b"])
    @pytest.mark.parametrize("sign", [*"=+-@", *"\uff1d\uff0b\uff0d\uff20", "\t", "\r"])
    def test_what_begins_one_is_escaped_and_comes_back(self, lead: str, sign: str) -> None:
        text = f"{lead}{sign}HYPERLINK(A1)"

        assert spreadsheets.escaped(text) == f"'{text}"
        assert spreadsheets.unescaped(f"'{text}") == text

    @pytest.mark.parametrize("text", ["", "search", "1=1", "a\t=1", "'quoted'", "\uff1a1", " "])
    def test_other_text_stays_as_it_is(self, text: str) -> None:
        assert spreadsheets.escaped(text) == spreadsheets.unescaped(text) == text
