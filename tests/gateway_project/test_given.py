"""Settings that are not what they must be are refused in words."""

import pytest

from gateway_project import given


@pytest.mark.parametrize(("text", "number"), [("", 2), ("7", 7), (" 7 ", 7)])
def test_a_whole_number(text: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", text)
    assert given.whole("WORKERS", default=2, least=1) == number


@pytest.mark.parametrize("text", ["two", "0", "1.5", "-1", "65536"])
def test_what_is_no_whole_number_in_its_limits_says_so(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(given.UnusableSetting, match=r"PORT is .* from 1 to 65535, such as PORT=8000"):
        given.whole("PORT", default=8000, least=1, most=65_535)


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "inf"])
def test_a_duration_is_above_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEP_ALIVE_SECONDS", text)
    with pytest.raises(given.UnusableSetting, match="seconds above 0"):
        given.seconds("KEEP_ALIVE_SECONDS", default=10.0)


@pytest.mark.parametrize(
    ("text", "on"), [("", False), ("1", True), ("TRUE", True), ("0", False), ("off", False)]
)
def test_a_switch(text: str, on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECURE_COOKIES", text)
    assert given.switch("SECURE_COOKIES", default=False) is on


def test_a_slip_of_the_pen_switches_nothing_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECURE_COOKIES", "maybe")
    with pytest.raises(given.UnusableSetting, match="must be 1 or 0"):
        given.switch("SECURE_COOKIES", default=True)


@pytest.mark.parametrize("text", ["Mars", "../etc/passwd", "Europe/"])
def test_a_time_zone_is_one_of_the_database(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIME_ZONE", text)
    with pytest.raises(given.UnusableSetting, match="Europe/Berlin"):
        given.time_zone("TIME_ZONE", default="UTC")


@pytest.mark.parametrize("url", ["mysql://a@b/c", "sqlite:///x.db", "not a url"])
def test_a_database_is_postgresql(url: str) -> None:
    with pytest.raises(given.UnusableSetting, match="PostgreSQL URL"):
        given.database_url(url)
