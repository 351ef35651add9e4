"""Finding the line of a value in a TOML file."""

import tomllib

import pytest

from catalog.declaration.lines import Lines, Path

FILE = '''\
# a comment with [[providers]] and key = 1
title = "a # not a comment"
[[providers]]
name = "one"
[providers.policy]   # comment
idle_timeout = 5
[[providers]]
name = "two"
policy.idle_timeout = 6
policy . "max attempts" = 7
[[models]]
text = """
[[providers]]
name = "inside"
"""
raw = \'\'\'x\'\'\'
[[models.prices]]
input = "1"
[[models.prices]]
  input = "2"
output = { deep = { er = 1 }, list = [1, 2] }
[[models]]
[[models.prices]]
input = \'3\'
[[routes]]
targets = [
  # first
  { model = "a/b", weight = 1 },
  { model = "c]d", weight = 2 }, "e/f",
  [1,
   2],
]
at = 2026-01-01T00:00:00Z
last = true'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("providers", 0), 3),
        (("providers", 0, "name"), 4),
        (("providers", 0, "policy"), 5),
        (("providers", 0, "policy", "idle_timeout"), 6),
        (("providers", 1, "name"), 8),
        (("providers", 1, "policy", "idle_timeout"), 9),
        (("providers", 1, "policy", "max attempts"), 10),
        (("models", 0, "text"), 12),
        (("models", 0, "raw"), 16),
        (("models", 0, "prices", 0, "input"), 18),
        (("models", 0, "prices", 1, "input"), 20),
        (("models", 0, "prices", 1, "output", "deep", "er"), 21),
        (("models", 1, "prices", 0), 23),
        (("models", 1, "prices", 0, "input"), 24),
        (("routes", 0, "targets"), 26),
        (("routes", 0, "targets", 0, "weight"), 28),
        (("routes", 0, "targets", 1, "model"), 29),
        (("routes", 0, "targets", 2), 29),
        (("routes", 0, "targets", 3, 1), 31),
        (("routes", 0, "at"), 33),
        (("routes", 0, "last"), 34),
        (("routes", 0, "missing"), 25),  # the table around it
        (("models", 1, "prices", 0, "output"), 23),
        (("nowhere",), 1),
    ],
)
def test_the_line_of(path: Path, line: int) -> None:
    assert Lines(FILE).of(path) == line


def test_every_value_that_tomllib_sees_has_a_line_of_its_own() -> None:
    lines = Lines(FILE)._lines

    assert [path for path in _paths(tomllib.loads(FILE), ()) if path not in lines] == []


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "a = 1", "a = []\r\nb = {}\r\n"])
def test_small_files(text: str) -> None:
    assert Lines(text).of(("a",)) == 1


def _paths(value: object, path: Path) -> list[Path]:
    if isinstance(value, dict):
        return [p for key, inner in value.items() for p in [(*path, key), *_paths(inner, (*path, key))]]
    if isinstance(value, list):
        return [p for i, inner in enumerate(value) for p in [(*path, i), *_paths(inner, (*path, i))]]
    return []
