"""Single settings from the environment, each refused in words when it is not what it must be."""

import os
import zoneinfo

SWITCH = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)
MOST = 2**62


class UnusableSetting(Exception):
    """A setting is missing, or is not what it must be; the message says how to set it."""


def whole(name: str, *, default: int, least: int = 0, most: int = MOST) -> int:
    """A whole number. Raises UnusableSetting."""
    text = os.environ.get(name, "").strip()
    try:
        number = int(text) if text else default
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        limits = f"from {least} to {most}" if most < MOST else f"of {least} or more"
        raise UnusableSetting(
            f"{name} is {text!r} and must be a whole number {limits}, such as {name}={default}"
        )
    return number


def seconds(name: str, *, default: float) -> float:
    """A duration above 0. Raises UnusableSetting."""
    text = os.environ.get(name, "").strip()
    try:
        number = float(text) if text else default
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise UnusableSetting(f"{name} is {text!r} and must be seconds above 0, such as {name}={default:g}")
    return number


def switch(name: str, *, default: bool) -> bool:
    """On or off; nothing else, so that a slip of the pen switches nothing off. Raises UnusableSetting."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if text.lower() not in SWITCH:
        raise UnusableSetting(f"{name} is {text!r} and must be 1 or 0")
    return SWITCH[text.lower()]


def time_zone(name: str, *, default: str) -> str:
    """A name of the time zone database. Raises UnusableSetting."""
    text = os.environ.get(name, "").strip() or default
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnusableSetting(
            f"{name} is {text!r}, which is no time zone: use a name such as {name}=Europe/Berlin"
        ) from error
    return text


def database_url(text: str) -> str:
    """A URL of PostgreSQL. Raises UnusableSetting."""
    if text and not text.startswith(("postgres://", "postgresql://", "pgsql://", "psql://")):
        raise UnusableSetting(
            "DATABASE_URL must be a PostgreSQL URL (15 or newer), such as"
            " DATABASE_URL=postgresql://user:password@host:5432/tallygate"
        )
    return text
