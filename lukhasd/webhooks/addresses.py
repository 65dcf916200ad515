"""Where a webhook may be posted to: public addresses, after the name is resolved, and this machine where it is allowed.

What is checked here is what is connected to: a caller posts to the `Place`s and never resolves the name again.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from lukhas_sdk.errors import ValidationError

FIELD = "$.url"
ALLOW = "the machine's owner may allow it: lukhas config set webhooks.allow_loopback on"
ADDRESSES_TRIED = 4
NAT64 = ipaddress.ip_network("64:ff9b::/96")
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All that IANA has given out of IPv6 (RFC 4291, section 2.4); whatever else looks global is not for webhooks."""
SPECIAL = tuple(
    ipaddress.ip_network(block)
    for block in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "3fff::/20")
)
"""Of IANA's special-purpose registries, what `is_global` of some Python versions lets pass."""
PLATFORM = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Public by their number, but answered by a cloud's host machine: Azure's wire server."""

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Sequence[str]]
"""The addresses of a host, and of literal ones themselves; OSError where there is none. Blocks."""


class Refused(ValidationError):
    """The address is none that is posted to."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message, field=FIELD, hint=hint)


class Unresolved(ValidationError):
    """The name has no address now."""


@dataclass(frozen=True)
class Target:
    """A URL's parts, none of them checked by where it leads."""

    scheme: str
    host: str
    port: int
    path: str
    """With the query."""

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


@dataclass(frozen=True)
class Place:
    """An address that was checked."""

    target: Target
    address: str


def parse(url: str) -> Target:
    """Refused for what is no plain http or https URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused(f"the url cannot be read: {error}", hint="give it as https://HOST/PATH") from None
    plain = url.isascii() and not any(sign <= " " or sign in '\x7f\\"<>^`{|}' for sign in url)
    if not plain or parts.scheme not in ("http", "https") or not host or "%" in host or port == 0:
        raise Refused(
            "a webhook's url is https://HOST/PATH in plain ASCII", hint="percent-encode the path; write a name as xn--"
        )
    if parts.username is not None or parts.password is not None or "#" in url:
        raise Refused("a webhook's url has no user and no fragment", hint="what it needs to know goes into the path")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def resolve(target: Target, *, allow_loopback: bool, lookup: Lookup) -> list[Place]:
    """Blocks. Where the name leads now: Refused if one of its addresses is not posted to, or if it is plain http to
    another machine; Unresolved where there is no address."""
    try:
        found = [ipaddress.ip_address(each) for each in lookup(target.host, target.port)]
    except (OSError, UnicodeError, ValueError) as error:
        raise Unresolved(
            f"{target.host} has no address: {error}", field=FIELD, hint="is the name right, and the network there?"
        ) from None
    if not found:
        raise Unresolved(f"{target.host} has no address", field=FIELD, hint="is the name right?")
    for address in found:
        kind = kind_of(address)
        if kind == "loopback" and allow_loopback:
            continue
        if kind is not None:
            leads = "is" if target.host == str(address) else f"leads to {address},"
            raise Refused(
                f"{target.host} {leads} a {kind} address, which no webhook is posted to",
                hint=ALLOW if kind == "loopback" else "name a host on the public internet",
            )
        if target.scheme != "https":
            raise Refused("another machine is posted to over https alone", hint="give it as https://HOST/PATH")
    return [Place(target, str(address)) for address in dict.fromkeys(found)][:ADDRESSES_TRIED]


def kind_of(address: Ip) -> str | None:
    """What speaks against an address; None for a public one. An IPv4 address that an IPv6 one carries counts as
    itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "link-local"
        inner = address.ipv4_mapped
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return kind_of(inner)
        if address.sixtofour is not None or address.teredo is not None:
            return "tunnelled"
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "multicast"
    if address in PLATFORM:
        return "metadata"
    outside = isinstance(address, ipaddress.IPv6Address) and address not in GLOBAL_UNICAST
    if outside or not address.is_global or any(address in block for block in SPECIAL):
        return "private or reserved"
    return "loopback" if is_own(address) else None


def is_own(address: Ip) -> bool:
    """Whether this machine has it. The kernel says so by the source that it would send from; nothing is sent."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ipaddress.ip_address(probe.getsockname()[0]) == address
    except OSError:  # no way there
        return False


def look_up(host: str, port: int) -> list[str]:
    """`Lookup` by the system's resolver."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
