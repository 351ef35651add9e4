"""Where in a TOML file a value stands: tomllib gives values, people need line numbers.

A small scanner for text that tomllib has accepted, so it checks nothing. A path is a tuple of keys and
indices: ("models", 0, "prices", 1, "input").
"""

import re
from bisect import bisect_right

Path = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'", re.DOTALL
)


class Lines:
    """The line numbers of one file, found by path."""

    def __init__(self, text: str) -> None:
        self._lines = _Scanner(text).scan()

    def of(self, path: Path) -> int:
        """The line where ``path`` stands, or else the line of the nearest table around it."""
        for length in range(len(path), 0, -1):
            if line := self._lines.get(path[:length]):
                return line
        return 1


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.counts: dict[Path, int] = {}  # arrays of tables: how many so far
        self.lines: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_SPACE)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._assignment(table)
            self._skip(_SPACE)
        return self.lines

    def _header(self) -> Path:
        array = self.text.startswith("[[", self.at)
        line = self._line()
        self.at += 2 if array else 1
        *outer, last = self._key()
        self.at += 2 if array else 1
        path: Path = ()
        for part in outer:
            path += (part,)
            if path in self.counts:
                path += (self.counts[path] - 1,)
        path += (last,)
        if array:
            self.lines.setdefault(path, line)
            self.counts[path] = self.counts.get(path, 0) + 1
            path += (self.counts[path] - 1,)
        self.lines[path] = line
        return path

    def _assignment(self, table: Path) -> None:
        line = self._line()
        path = (*table, *self._key())
        for length in range(len(table) + 1, len(path) + 1):
            self.lines.setdefault(path[:length], line)
        self.at += 1  # the equals sign
        self._value(path)

    def _key(self) -> list[str]:
        """A dotted key, up to what ends it: ``=`` or ``]``."""
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            quoted = self.text[self.at] in "\"'"
            found = self._take(_STRING if quoted else _BARE_KEY)
            parts.append(found[1:-1] if quoted else found)
            self._skip(_BLANK)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        self.lines.setdefault(path, self._line())
        match self.text[self.at]:
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case '"' | "'":
                self._take(_STRING)
            case _:
                self._take(_SCALAR)

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        self._skip(_SPACE)
        while self.text[self.at] != "]":
            self._value((*path, index))
            index += 1
            self._comma()
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        self._skip(_SPACE)
        while self.text[self.at] != "}":
            self._assignment(path)
            self._comma()
        self.at += 1

    def _comma(self) -> None:
        self._skip(_SPACE)
        if self.text[self.at] == ",":
            self.at += 1
        self._skip(_SPACE)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        assert found, f"tomllib accepted what the scanner does not understand at {self.at}"
        self.at = found.end()
        return found[0]

    def _line(self) -> int:
        return bisect_right(self.starts, self.at)
