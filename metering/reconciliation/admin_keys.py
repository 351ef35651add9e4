"""The admin key with which a vendor's reports are asked for, and where it may be sent to.

A stored key goes to the origin for which it was entered, one of the environment to the vendor's own: a
provider whose address is changed afterwards does not get it.
"""

import os

from catalog import vault, vendors
from catalog.models import Provider
from metering.models import ReportCredential
from metering.models.reconciliation import origin_of

VARIABLES = {"openai": "OPENAI_ADMIN_API_KEY", "anthropic": "ANTHROPIC_ADMIN_API_KEY"}


class NoAdminKey(Exception):
    """There is no admin key for this, or none for this address; the message says how to give one."""


def of(*, provider: Provider, address: str, confirmed: bool) -> str:
    """The key for ``address``. ``confirmed``: the operator named the address itself. Raises NoAdminKey.

    Raises vault.CredentialUnreadable for a stored key of another SECRET_KEY.
    """
    kept = ReportCredential.objects.filter(provider=provider).first()
    if kept is not None and kept.api_key_encrypted:
        if not confirmed and kept.origin != origin_of(address):
            raise NoAdminKey(
                f"The admin key was entered for {kept.origin}; {provider.name} is elsewhere now."
            )
        return _whole(vault.decrypt(kept.api_key_encrypted))
    variable = (kept.api_key_env if kept is not None else "") or VARIABLES.get(provider.kind, "")
    key = os.environ.get(variable, "") if variable else ""
    if not key:
        raise NoAdminKey(
            f"There is no admin key for {provider.name}: set {variable or 'its variable'}, or store one"
            " in the admin under report credentials. An export of the vendor's console needs none."
        )
    if not confirmed and not _is_the_vendors(provider.kind, address):
        raise NoAdminKey(
            f"{variable} is sent to the vendor alone, and {provider.name} is at {origin_of(address)}: name"
            " the address with --base-url to confirm it."
        )
    return _whole(key)


def _whole(key: str) -> str:
    """Without the line break that a file ends with; with one inside it would be no header, and be printed."""
    if not (key := key.strip()).isprintable():
        raise NoAdminKey("The admin key has characters that no key has: enter it again.")
    return key


def _is_the_vendors(kind: str, address: str) -> bool:
    return any(
        vendor.kind == kind and vendor.name == kind and origin_of(vendor.base_url) == origin_of(address)
        for vendor in vendors.VENDORS
    )
