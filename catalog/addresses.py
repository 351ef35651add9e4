"""Where a provider may be: what its base URL says, without asking any name server."""

import ipaddress
import socket
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

# Services that hand out a machine's own credentials to whoever asks from inside it.
METADATA_NAMES = {
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
}
METADATA_ADDRESSES = {ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")}


def origin(base_url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: a credential sent to another origin is sent to somebody else."""
    parts = urlsplit(base_url)
    standard = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, _host(base_url), parts.port or standard


def validate_base_url(base_url: str) -> None:
    """Refuse link-local addresses (169.254.0.0/16, fe80::/10), metadata services and ambiguous spellings.

    Names are not resolved: what a name leads to changes after it was checked. Raises ValidationError.
    """
    try:
        host = _host(base_url)
        _ = urlsplit(base_url).port
    except ValueError as error:
        raise ValidationError("This is not an address.") from error
    if not host or "\\" in base_url or "@" in urlsplit(base_url).netloc:
        raise ValidationError("Write the address as http(s)://host, without a user or a password.")
    address = _address(host)
    if host in METADATA_NAMES or (address is not None and _is_forbidden(address)):
        raise ValidationError("Link-local addresses and metadata services are no vendors.")


def _host(base_url: str) -> str:
    return (urlsplit(base_url).hostname or "").rstrip(".").lower()


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that ``host`` spells; also as 2852039166 or 0xa9fea9fe, as the C library reads them."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_forbidden(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_link_local or address in METADATA_ADDRESSES
