"""Which addresses we talk to on somebody else's word: a caller's link, an admin's webhook.

Judged when the socket is made, on the very address that it will connect to: no spelling of a host, no answer
of a name server and no redirect gets around it.
"""

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.addresses import METADATA_ADDRESSES

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]  # as socket.getaddrinfo gives it

STANDARD_PORTS = {80, 443}

# IANA's special-purpose registries (RFC 6890), multicast (RFC 5771) and what is reserved. A table of our own:
# ipaddress.is_global differs between Python's versions and takes multicast, 6to4 and site-local for global.
NOT_PUBLIC: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' NAT, and clouds' inner services
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local: metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "2001::/23",  # protocol assignments: Teredo, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address, private ones too, inside an IPv6 one
        "3ffe::/16",  # the 6bone, given back
        "3fff::/20",  # documentation
    )
)
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # the only part of IPv6 that is handed out
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is meant

# Whatever an operator opens: services that hand out a machine's own credentials.
METADATA: tuple[Network, ...] = (
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("fe80::/10"),
    ipaddress.ip_network("168.63.129.16/32"),  # Azure: public by its number, answered by the host itself
    ipaddress.ip_network("fd20:ce::254/128"),  # Google Cloud
    *(ipaddress.ip_network(address) for address in METADATA_ADDRESSES),
)


@dataclass(frozen=True, slots=True)
class OpenNetwork:
    """A network that the operator opened (LINK_NETWORKS, WEBHOOK_NETWORKS). ``port`` None: every port."""

    network: Network
    port: int | None = None

    def holds(self, address: Address, port: int) -> bool:
        return address in self.network and self.port in (None, port)


def open_networks(texts: Iterable[str]) -> tuple[OpenNetwork, ...]:
    """``10.1.0.0/16``, ``fd00:1::/64:9000`` (that port only). Raises ValueError saying which is wrong."""
    return tuple(_open_network(text.strip()) for text in texts if text.strip())


def _open_network(text: str) -> OpenNetwork:
    address, slash, rest = text.partition("/")
    length, colon, port = rest.partition(":")
    if not slash or (colon and not (port.isdecimal() and 0 < int(port) < 65_536)):
        raise ValueError(f"{text!r} is not a network with its length, like 10.1.0.0/16 or 10.1.0.0/16:9000")
    return OpenNetwork(ipaddress.ip_network(f"{address}/{length}"), int(port) if port else None)


class Guard:
    """Makes sockets to public addresses at ports 80 and 443, and to what the operator opened."""

    def __init__(self, opened: Sequence[OpenNetwork] = ()) -> None:
        self._opened = tuple(opened)

    def socket_for(self, info: AddressInfo) -> socket.socket:
        """The socket that will connect to this address. Raises PermissionError for a refused one."""
        family, kind, protocol, _, (host, port, *_) = info
        if not self.admits(host, port):
            raise PermissionError("this address is not open to us")
        return socket.socket(family, kind, protocol)

    def admits(self, host: str, port: int) -> bool:
        """``host`` is a numeric address; names and unusual spellings of numbers are refused."""
        try:
            address = _meant(ipaddress.ip_address(host))
        except ValueError:
            return False
        if any(address in network for network in METADATA):
            return False
        if any(opened.holds(address, port) for opened in self._opened):
            return True
        return port in STANDARD_PORTS and is_public(address)


def is_public(address: Address) -> bool:
    """Whether the address is one that the whole internet can reach."""
    if address.version == 6 and address not in GLOBAL_UNICAST:
        return False
    return not any(address in network for network in NOT_PUBLIC)


def _meant(address: Address) -> Address:
    """Where packets to this address end: in IPv4 for ::ffff:a.b.c.d, and for NAT64's prefix."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address
