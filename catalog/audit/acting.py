"""Who changes something now, and why: a person whose request it is, or a command on this machine."""

import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest

MOST_CHARS = 500  # of a reason


@dataclass(slots=True)
class Acting:
    """Of one request. Shared with the threads that serve it, so that a reason given late is known to all."""

    request: HttpRequest
    why: str = ""

    @property
    def person(self) -> AbstractUser | None:
        """Asked for when something is changed: at the request's start nobody may be logged in yet."""
        user = getattr(self.request, "user", None)
        return user if isinstance(user, AbstractUser) and user.is_authenticated else None


_acting: ContextVar[Acting | None] = ContextVar("acting", default=None)


@contextmanager
def during(request: HttpRequest) -> Iterator[None]:
    """What is changed until the end is changed by whoever sent ``request``."""
    token = _acting.set(Acting(request))
    try:
        yield
    finally:
        _acting.reset(token)


def because(why: str) -> None:
    """Keep ``why`` with every change that this request makes from here on. Outside of requests: nothing."""
    acting = _acting.get()
    if acting is not None:
        acting.why = why.strip()[:MOST_CHARS]


def person() -> AbstractUser | None:
    acting = _acting.get()
    return None if acting is None else acting.person


def name() -> str:
    """``ann``, or ``manage.py apply (root)``: the command and the operating system's user."""
    acting = _acting.get()
    if acting is None:
        return f"{_command()} ({_os_user()})"
    found = acting.person
    return found.get_username() if found is not None else "nobody logged in"


def why() -> str:
    acting = _acting.get()
    return "" if acting is None else acting.why


def _command() -> str:
    program = Path(sys.argv[0]).name
    return " ".join([program, *sys.argv[1:2]]) if program == "manage.py" else program or "python"


def _os_user() -> str:
    """By the process, not by the environment: LOGNAME can be set to anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        return f"uid {os.getuid()}"
