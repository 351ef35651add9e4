"""Guessing passwords takes long: failed logins are counted, and after a few the form waits.

They are counted in Django's cache by user name and address together, so that nobody locks a colleague out
from elsewhere, and by address alone, so that trying many names does not help. The default cache is each
worker's own; with CACHE_URL at a shared one the workers count together.
"""

import hashlib
from typing import TYPE_CHECKING, Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.cache import cache
from django.core.exceptions import ValidationError

WINDOW = 15 * 60  # seconds from the first failure
PER_NAME = 5  # failures of one user name from one address
PER_ADDRESS = 20  # failures of all user names from one address: an office may share it
TOO_MANY = "Too many failed attempts. Wait up to 15 minutes, then try again."

if TYPE_CHECKING:
    Base = AuthenticationForm
else:
    Base = object


class SlowsGuessing(Base):
    """List it first on an authentication form. A refused attempt is not checked, right or wrong."""

    def clean(self) -> dict[str, Any]:
        name = _counter(self._address, self.cleaned_data.get("username", "").casefold())
        address = _counter(self._address)
        if cache.get(address, 0) >= PER_ADDRESS or cache.get(name, 0) >= PER_NAME:
            raise ValidationError(TOO_MANY, code="too_many")
        # Counted before the password is looked at: attempts at the same time do not slip through.
        _count(address, 1)
        _count(name, 1)
        cleaned: dict[str, Any] = super().clean()
        _count(address, -1)
        cache.delete(name)
        return cleaned

    @property
    def _address(self) -> str:
        return self.request.META.get("REMOTE_ADDR", "") if self.request else ""


class LoginForm(SlowsGuessing, AuthenticationForm):
    """Of /login/."""


class AdminLoginForm(SlowsGuessing, AdminAuthenticationForm):
    """Of /admin/login/."""


def _counter(*parts: str) -> str:
    """A key that any cache takes, and that shows no user name."""
    return "failed-logins-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _count(counter: str, difference: int) -> None:
    cache.add(counter, 0, WINDOW)
    try:
        cache.incr(counter, difference)
    except ValueError:  # it ended in this moment
        cache.add(counter, max(difference, 0), WINDOW)
