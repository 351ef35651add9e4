"""Spans of time as commands are given them: ``12h``, ``90d``, ``4w``."""

import datetime as dt
import re

from django.core.management.base import CommandError

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def parse(text: str, *, option: str) -> dt.timedelta | None:
    """None where nothing is given. Raises CommandError, which names the option."""
    if not text:
        return None
    shape = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", text)
    if not shape:
        raise CommandError(
            f"{option} {text!r} is not understood: use hours, days or weeks, such as 12h, 90d, 4w"
        )
    return dt.timedelta(**{_UNITS[shape[2]]: int(shape[1])})
