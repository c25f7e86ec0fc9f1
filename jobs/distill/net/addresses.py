"""Which addresses may be asked on behalf of a person, and how a name becomes such an address. Light: no torch.

An address is read once, by one reader, and refused unless it is plain. Its host is resolved once; every number it has
is judged, and the connection goes to a number that was judged, never to the name again. Python's `is_global` is not
enough: it is true for multicast, for NAT64 and 6to4 forms of private numbers and for site-local ones.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import DistillError

SCHEMES = {"http": 80, "https": 443}
PORTS = {80, 443, *range(8000, 9000)}
LONGEST = 2000
RESOLVE_SECONDS = 20.0

_PLAIN = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>[^/?#]*)(?P<path>[/?][^#]*)?(?P<fragment>#.*)?")
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@%]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Numbers of one part count as IPv4 everywhere a C library reads them: 127.1, 0x7f000001, 2130706433, 0177.0.0.1.
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\<>\"^`{|}]")

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Whose last 32 bits are an IPv4 number: NAT64 (RFC 6052) and IPv4-translated addresses (SIIT, RFC 2765).
TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::ffff:0:0:0/96"))
DENIED: dict[Network, str] = {
    ipaddress.ip_network(text): why
    for text, why in {
        "100.64.0.0/10": "shared by a provider's customers",
        "192.0.0.0/24": "kept for protocols",
        "192.88.99.0/24": "a retired relay",
        "::/96": "an outdated form of IPv4",
        "64:ff9b:1::/48": "a private translation",
        "2001::/32": "a tunnel",
        "fec0::/10": "private to a site",
    }.items()
}

Resolver = Callable[[str, int], Sequence[str]]


class AddressRefused(DistillError):
    """An address that is not asked; nothing was connected."""

    code = "ADDRESS_NOT_ALLOWED"


@dataclass(frozen=True)
class Address:
    """A plain http or https address. `host` is lower case ASCII or a number in its one normal form; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def place(self) -> str:
        """Host and port as the Host header says them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.place}{self.target}"

    @property
    def shown(self) -> str:
        """Without the query, which may hold a key."""
        path, query, _ = self.target.partition("?")
        return f"{self.scheme}://{self.place}{path}{'?…' if query else ''}"

    @property
    def name(self) -> str:
        """The last part of the path, which is the file's name more often than not; the host where there is none."""
        return self.target.partition("?")[0].rstrip("/").rpartition("/")[2] or self.host


@dataclass(frozen=True)
class Allowed:
    """One entry of the administrator's list: a host name, a number or a network, with a port or for every port."""

    host: str
    network: Network | None
    port: int | None

    def fits(self, host: str, number: IP, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        return number in self.network if self.network else host == self.host


def read_allowed(text: str) -> tuple[Allowed, ...]:
    """`vllm.local:8000, 10.0.0.0/8, [fd00::5]:9000` as entries. Raises ValueError naming the entry that is none of these."""
    return tuple(_entry(part.strip()) for part in text.split(",") if part.strip())


def _entry(text: str) -> Allowed:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]]+?)(?::(\d{1,5}))?", text)
    if "/" in text or text.count(":") > 1 and not text.startswith("["):
        host, port = text, None
    elif found:
        host, port = found[1].strip("[]"), int(found[2]) if found[2] else None
    else:
        raise ValueError(f"{text!r} is neither a host name, a number nor a network.")
    try:
        return Allowed(host, ipaddress.ip_network(host, strict=False), port)
    except ValueError:
        if "/" in host or not all(_LABEL.fullmatch(p) for p in host.lower().split(".")):
            raise ValueError(f"{text!r} is neither a host name, a number nor a network.") from None
        return Allowed(host.lower(), None, port)


def read(text: str, allowed: Iterable[Allowed] = ()) -> Address:
    """A plain address, judged as far as that is possible without asking anybody. Raises AddressRefused."""
    address = parse(text)
    number = _number(address.host)
    if number is not None:
        judge(address, number, allowed)
    elif address.port not in PORTS and not any(
        a.port == address.port and (a.network is not None or a.host == address.host) for a in allowed
    ):
        raise _refused_port(address)
    elif (address.host == "localhost" or address.host.endswith(".localhost")) and not any(
        a.host == address.host and a.port in (None, address.port) for a in allowed
    ):
        judge(address, ipaddress.ip_address("127.0.0.1"), allowed)
    return address


def parse(text: str) -> Address:
    """The parts of a plain address, not yet judged: for what is written down now and asked later. Raises AddressRefused."""
    if len(text) > LONGEST:
        raise _not_plain(text, f"it has {len(text):,} characters; the limit is {LONGEST:,}")
    if bad := _FORBIDDEN.search(text):
        raise _not_plain(text, f"character {bad.start() + 1} is {_named(bad[0])}")
    scheme = text.partition(":")[0].lower()
    found = _PLAIN.fullmatch(text)
    if scheme not in SCHEMES and re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) and ":" in text:
        raise _not_plain(text, f"it begins with {scheme}:, and only http: and https: are asked")
    if not found or scheme not in SCHEMES:
        raise _not_plain(text, "it does not have the form https://host/path")
    if found["fragment"] is not None:
        raise _not_plain(text, "it holds a #; what stands after it would not be sent")
    place = found["rest"]
    if "@" in place:
        raise _not_plain(text, "a name or password stands before the host")
    split = _PLACE.fullmatch(place)
    if not split:
        raise _not_plain(text, "it names no host" if not place else "its host is not a name and not a number")
    port = int(split["port"]) if split["port"] else SCHEMES[scheme]
    if not 0 < port < 65536:
        raise _not_plain(text, f"port {port:,} does not exist; ports go from 1 to 65,535")
    return Address(scheme, _host(split["host"], text), port, _target(found["path"] or "/", text))


def _host(host: str, text: str) -> str:
    if host.startswith("["):
        try:
            return ipaddress.IPv6Address(host[1:-1]).compressed
        except ValueError:
            raise _not_plain(text, "the number in brackets is no IPv6 address") from None
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")  # nameprep makes 1 of ① and . of 。: read again below
        except UnicodeError:
            raise _not_plain(text, "its host is no name that can be looked up") from None
    host = host.lower().removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(p) for p in labels):
        raise _not_plain(text, "its host is not a name and not a number")
    if _NUMERIC.fullmatch(labels[-1]):
        return str(_odd_number(host, text))
    return host


def _odd_number(host: str, text: str) -> ipaddress.IPv4Address:
    """What a C library makes of 127.1, 0x7f000001, 2130706433 or 0177.0.0.1."""
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        raise _not_plain(text, "its host looks like a number and is none") from None


def _target(path: str, text: str) -> str:
    if path.startswith("?"):
        path = "/" + path
    if not path.isascii():
        from urllib.parse import quote

        path = quote(path, safe="/?&=%:;,+@!$'()*~._-[]")
    return path


def _number(host: str) -> IP | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def resolve(address: Address, allowed: Iterable[Allowed] = (), resolver: Resolver | None = None) -> list[str]:
    """Every number of the host, judged: one asking, and one bad number refuses them all. Raises AddressRefused.

    `resolver(host, port)` gives numbers as text; None: this machine's own.
    """
    allowed = tuple(allowed)
    if (number := _number(address.host)) is not None:
        found: Sequence[str] = [str(number)]
    else:
        found = _in_time(resolver or _ask_the_machine, address)
    if not found:
        raise _unknown(address)
    for text in found:
        number = _number(text.partition("%")[0])
        if number is None or "%" in text:
            raise AddressRefused(f"{address.host} has an address that is none: {text[:60]!r}.", field="url")
        judge(address, number, allowed)
    return list(dict.fromkeys(found))


def _ask_the_machine(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _in_time(resolver: Resolver, address: Address) -> Sequence[str]:
    """The resolver's answer within RESOLVE_SECONDS: the C library has no limit of its own."""
    answer: list[Any] = []

    def ask() -> None:
        try:
            answer.append(resolver(address.host, address.port))
        except (OSError, UnicodeError) as e:
            answer.append(e)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(RESOLVE_SECONDS)
    if not answer or isinstance(answer[0], Exception):
        raise _unknown(address)
    return list(answer[0])


def judge(address: Address, number: IP, allowed: Iterable[Allowed] = ()) -> None:
    """Raises AddressRefused for a number that no outsider may ask this machine to connect to, and for an unusual port."""
    reason = why_not(number)
    if never := _never(number):
        raise _refused(address, number, never)
    if any(a.fits(address.host, number, address.port) for a in allowed):
        return
    if reason:
        raise _refused(address, number, reason)
    if address.port not in PORTS:
        raise _refused_port(address)


def why_not(number: IP) -> str:
    """Why a number is not on the public internet, in words; empty for one that is."""
    inner = _inside(number)
    if inner is not None and (reason := why_not(inner)):
        return f"{reason}, written as {number}"
    if reason := _never(number):
        return reason
    if number.is_loopback:
        return "this machine itself"
    for network, words in DENIED.items():
        if number in network:
            return words
    if number.is_link_local:
        return "this machine's own network"
    if number.is_private:
        return "a private network"
    return "" if number.is_global else "not on the public internet"


def _never(number: IP) -> str:
    """Numbers that nobody can allow: they name no single machine."""
    if number.is_unspecified:
        return "no address at all"
    if number.is_multicast:
        return "a group of machines"
    if number == ipaddress.IPv4Address("255.255.255.255"):
        return "every machine at once"
    return ""


def _inside(number: IP) -> ipaddress.IPv4Address | None:
    """The IPv4 number that an IPv6 number stands for: mapped, translated, 6to4."""
    if isinstance(number, ipaddress.IPv4Address):
        return None
    if number.ipv4_mapped:
        return number.ipv4_mapped
    if number.sixtofour:
        return number.sixtofour
    if any(number in network for network in TRANSLATED):
        return ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)
    return None


def _named(character: str) -> str:
    names = {" ": "a space", "\t": "a tab", "\n": "a line break", "\r": "a line break", "\\": "a backslash"}
    return names.get(character, repr(character))


def _not_plain(text: str, why: str) -> AddressRefused:
    return AddressRefused(
        f"This is not a plain URL: {why}.",
        field="url",
        code="URL_NOT_PLAIN",
        hint="Give an address like https://example.org/data/rows.csv.",
    )


def _refused(address: Address, number: IP, why: str) -> AddressRefused:
    same = str(number) == address.host
    return AddressRefused(
        f"The address is not allowed: {address.host[:120]}{'' if same else f' is {number}, which'} is {why}.",
        field="url",
        hint="Only machines on the public internet are asked. An administrator may list others in ALLOWED_PRIVATE_HOSTS.",
    )


def _refused_port(address: Address) -> AddressRefused:
    return AddressRefused(
        f"The address is not allowed: port {address.port:,} is not one of 80, 443 and 8000 to 8999.",
        field="url",
        hint="An administrator may list the host with this port in ALLOWED_PRIVATE_HOSTS.",
    )


def _unknown(address: Address) -> AddressRefused:
    error = AddressRefused(
        f"Nobody knows the host {address.host[:120]}.",
        field="url",
        code="HOST_UNKNOWN",
        hint="Check the spelling, and that this machine may look up names.",
    )
    error.retry = True
    return error
