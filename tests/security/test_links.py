"""M3: a link in a message makes the gateway talk to nobody but public addresses (SSRF).

The server ``inside`` is at 127.0.0.1 and at the very port that links name. 127.0.0.2 stands for the public
internet: the tests open it, as nothing on a test's machine is public.
"""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from catalog.guard import Guard, open_networks
from proxy import errors
from proxy.links.fetching import Links
from tests.proxy.link_server import PNG, Names, Pages, links_to, page, redirect, serving, talking, unlimited

OUTSIDE = "127.0.0.2"
UNFETCHED = (
    "could not be fetched: it must be at a public address, at port 80 or 443, and arrive within 10 seconds. "
    "Mend it, or send the content as a data: URL."
)
LOOPBACK_SPELLINGS = [
    "127.0.0.1",
    "127.0.0.1.",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "127。0。0。1",  # with the full stop of Chinese, which IDNA reads as a dot
    "①②⑦.0.0.1",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ⓛocalhost",
]


class Inside:
    """A server that must never be asked."""

    def __init__(self, port: int, pages: Pages) -> None:
        self.port, self.pages = port, pages


@pytest_asyncio.fixture
async def inside() -> AsyncIterator[Inside]:
    pages = Pages()
    async with serving(pages) as port:
        yield Inside(port, pages)
    assert pages.asked == []


async def refusal(links: Links, url: str) -> str:
    with pytest.raises(errors.BadRequest) as caught:
        await links.fetch(url, keep=unlimited)
    assert (caught.value.status, caught.value.code) == (400, "invalid_image_url")
    start, _, reason = caught.value.message.removeprefix("The link ").partition(" ")
    assert url.startswith(start) or start == f"{url.partition(':')[0]}:..."
    return reason


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
async def test_no_spelling_of_a_loopback_address_is_followed(inside: Inside, host: str) -> None:
    async with links_to(f"{OUTSIDE}/32") as links:
        assert await refusal(links, f"http://{host}:{inside.port}/") == UNFETCHED


async def test_the_server_inside_would_have_answered() -> None:
    """What shows that the refusals of this file are the guard's and not a missing server's."""
    async with serving(page()) as port, links_to("127.0.0.1/32") as links:
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "localhost"):
            assert (await links.fetch(f"http://{host}:{port}/", keep=unlimited)).data == PNG


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:0808:0808::",
        "3ffe::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_an_address_that_is_not_public_is_refused_at_every_port(address: str) -> None:
    assert [port for port in (80, 443) if Guard().admits(address, port)] == []


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8"])
@pytest.mark.parametrize(
    ("port", "admitted"), [(80, True), (443, True), (0, False), (22, False), (8080, False)]
)
def test_a_public_address_is_for_links_at_the_ports_of_the_web(
    address: str, port: int, admitted: bool
) -> None:
    assert Guard().admits(address, port) is admitted


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_what_python_does_not_hold_for_global_is_never_admitted(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    translated = isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None
    if not address.is_global and not translated:
        assert not Guard().admits(str(address), 443)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_an_ipv6_one_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    admitted = Guard().admits(str(address), 443)
    assert Guard().admits(f"::ffff:{address}", 443) is admitted
    assert Guard().admits(f"64:ff9b::{address}", 443) is admitted


@pytest.mark.parametrize("host", ["localhost", "", "127.1", "0x7f.1", "2130706433", "8.8.8.8 ", "8.8.8.08"])
def test_only_a_plain_numeric_address_gets_a_socket(host: str) -> None:
    assert not Guard(open_networks(["0.0.0.0/0", "::/0"])).admits(host, 80)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "fe80::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
    ],
)
def test_metadata_services_stay_shut_whatever_is_opened(address: str) -> None:
    opened = Guard(open_networks(["0.0.0.0/0", "::/0"]))
    assert opened.admits("10.0.0.1", 8080)
    assert opened.admits("fd00::1", 8080)
    assert not opened.admits(address, 80)


@pytest.mark.parametrize(
    ("address", "port", "admitted"), [("10.1.2.3", 9000, True), ("10.1.2.3", 6379, False)]
)
def test_an_operator_can_open_one_port(address: str, port: int, admitted: bool) -> None:
    assert Guard(open_networks(["10.1.0.0/16:9000"])).admits(address, port) is admitted


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["10.0.0.1", "127.0.0.1"],
        ["localhost"],  # a resolver that answers with a name
    ],
)
async def test_a_name_that_leads_inside_is_not_followed(inside: Inside, addresses: list[str]) -> None:
    async with links_to(f"{OUTSIDE}/32", names=Names(innocent_test=[addresses])) as links:
        assert await refusal(links, f"http://innocent.test:{inside.port}/") == UNFETCHED


async def test_of_a_names_addresses_only_those_outside_are_tried(inside: Inside) -> None:
    names = Names(both_test=[["127.0.0.1", OUTSIDE]])
    async with links_to(f"{OUTSIDE}/32", names=names) as links:  # nobody listens outside at this port
        assert await refusal(links, f"http://both.test:{inside.port}/") == UNFETCHED


async def test_a_name_that_is_bound_anew_between_two_hops_is_judged_anew(inside: Inside) -> None:
    names = Names(rebinding_test=[[OUTSIDE], ["127.0.0.1"]])
    outside = Pages({"/": redirect(f"http://rebinding.test:{inside.port}/secret")})
    async with serving(outside, host=OUTSIDE) as port, links_to(f"{OUTSIDE}/32", names=names) as links:
        assert await refusal(links, f"http://rebinding.test:{port}/") == UNFETCHED
    assert outside.asked == ["/"]


async def test_a_name_that_is_bound_anew_between_two_calls_is_judged_anew(inside: Inside) -> None:
    """Neither an answer of the name server nor a connection is kept from one call to the next."""
    names = Names(rebinding_test=[[OUTSIDE], ["127.0.0.1"]])
    async with serving(Pages(), host=OUTSIDE) as port, links_to(f"{OUTSIDE}/32", names=names) as links:
        url = f"http://rebinding.test:{port}/"
        assert (await links.fetch(url, keep=unlimited)).data == PNG
        assert await refusal(links, url) == UNFETCHED


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "localhost", "inside.test"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_inside_is_not_followed(inside: Inside, host: str, status: int) -> None:
    names = Names(localhost=[["127.0.0.1"]], inside_test=[["127.0.0.1"]])
    outside = Pages({"/": redirect(f"http://{host}:{inside.port}/secret", status)})
    async with serving(outside, host=OUTSIDE) as port, links_to(f"{OUTSIDE}/32", names=names) as links:
        assert await refusal(links, f"http://{OUTSIDE}:{port}/") == UNFETCHED
    assert outside.asked == ["/"]


@pytest.mark.parametrize(
    "to", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::1]/", "//127.0.0.1/"]
)
async def test_a_redirect_to_an_address_that_is_not_public_is_not_followed(to: str) -> None:
    async with serving(redirect(to), host=OUTSIDE) as port, links_to(f"{OUTSIDE}/32") as links:
        assert await refusal(links, f"http://{OUTSIDE}:{port}/") == UNFETCHED


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("file:///etc/passwd", "is not an http or https URL"),
        ("gopher://127.0.0.1:6379/_INFO", "is not an http or https URL"),
        ("data:image/png;base64,AAAA", "is not an http or https URL"),
        ("http://user:password@127.0.0.1/", "carries a user name or a password"),
        ("http://[::1", "is not a URL"),
    ],
)
async def test_a_redirect_has_the_form_of_a_link(to: str, why: str) -> None:
    async with serving(redirect(to), host=OUTSIDE) as port, links_to(f"{OUTSIDE}/32") as links:
        reason = await refusal(links, f"http://{OUTSIDE}:{port}/")
    assert reason.startswith(f"redirects to an address that {why}. ")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "is not an http or https URL"),
        ("gopher://127.0.0.1:6379/_INFO", "is not an http or https URL"),
        ("ftp://h.test/a.png", "is not an http or https URL"),
        ("data:image/png;base64,AAAA", "is not an http or https URL"),
        ("http:///a.png", "is not an http or https URL"),
        ("http://user:password@h.test/", "carries a user name or a password"),
        ("http://user@h.test/", "carries a user name or a password"),
        ("http://:password@h.test/", "carries a user name or a password"),
        ("http://h.test:70000/", "is not a URL"),
        ("http://h.test:80\\@127.0.0.1/", "is not a URL"),
        ("http://h.test/" + "a" * 8_192, "is longer than 8,192 characters"),
    ],
)
async def test_a_link_of_another_form_is_refused_unasked(url: str, why: str) -> None:
    async with links_to("0.0.0.0/0", names=Names(h_test=[["127.0.0.1"]])) as links:
        with pytest.raises(errors.BadRequest) as caught:
            await links.fetch(url, keep=unlimited)
    assert f" {why}. " in caught.value.message
    assert "password" not in caught.value.message.partition(why)[0]


async def test_a_caller_cannot_tell_what_is_inside_from_what_is_nowhere(inside: Inside) -> None:
    """A refused address or port, an unknown name, a closed port, a server that hangs up: one answer."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Says nothing."""

    async def another_protocol(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-ERR unknown command\r\n")

    names = Names(inside_test=[["10.0.0.1"]])
    async with (
        talking(hang_up) as silent,
        talking(another_protocol) as redis,
        links_to(f"127.0.0.1/32:{silent}", f"127.0.0.1/32:{redis}", "127.0.0.1/32:1", names=names) as links,
    ):
        urls = [
            f"http://127.0.0.1:{inside.port}/",
            "http://127.0.0.1:22/",
            "http://inside.test/",
            "https://inside.test/",
            "http://nowhere.test/",
            "http://127.0.0.1:1/",
            f"http://127.0.0.1:{silent}/",
            f"http://127.0.0.1:{redis}/",
        ]
        assert {await refusal(links, url) for url in urls} == {UNFETCHED}


async def test_a_refused_address_takes_no_time_that_tells_whether_anybody_is_there(inside: Inside) -> None:
    """No packet is sent: an address where a server listens and one where nobody answers are refused alike."""
    loop = asyncio.get_running_loop()
    async with links_to() as links:
        for url in (f"http://127.0.0.1:{inside.port}/", "http://10.255.255.1/", "http://240.0.0.1/"):
            began = loop.time()
            assert await refusal(links, url) == UNFETCHED
            assert loop.time() - began < 1


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate for 127.0.0.2 that nobody else vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "outside")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address(OUTSIDE))
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    pages = Pages()
    async with (
        serving(pages, host=OUTSIDE, tls=self_signed(tmp_path)) as port,
        links_to(f"{OUTSIDE}/32") as links,
    ):
        assert await refusal(links, f"https://{OUTSIDE}:{port}/") == UNFETCHED
    assert pages.asked == []
