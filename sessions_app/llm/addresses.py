"""Which hosts the server may connect to: public ones, and those an operator names in LLM_ALLOWED_HOSTS.

Pure rules, asked by the egress client for every connection and by the admin form for what is typed into it."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

PORTS = {"http": 80, "https": 443}

# IANA's special-purpose registries, written out because the tables of `ipaddress` differ between Python versions;
# and the address at which Azure answers its machines with their secrets.
_CLOSED = tuple(
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_UNICAST = ip_network("2000::/3")
_EMBEDDING = (ip_network("::ffff:0:0/96"), ip_network("64:ff9b::/96"))
"""IPv4 addresses written as IPv6: mapped, and through NAT64 (what DNS64 makes of every IPv4 host)."""


class NotAllowed(Exception):
    """This server does not connect there."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.__doc__)
        self.detail = detail or str(self.__doc__)


class Origin(NamedTuple):
    """Where a request goes: what a key is bound to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if PORTS[self.scheme] == self.port else f":{self.port}")


def origin(url: str) -> Origin:
    """The origin of an http(s) address. Raises NotAllowed for any other, and for one with a user name in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotAllowed("This is no address.") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise NotAllowed("An address begins with https:// and names a host.")
    if "@" in parts.netloc or "\\" in url or any(not "!" <= char <= "~" for char in url):
        raise NotAllowed("An address holds no user name, no backslash, and plain characters only.")
    return Origin(parts.scheme, parts.hostname.rstrip(".").lower(), PORTS[parts.scheme] if port is None else port)


def named(host: str, port: int) -> bool:
    """Whether the operator allows this very host and port, whatever its address."""
    wanted = host.rstrip(".").lower(), port
    return any(wanted == (known.host, known.port) for known in map(_entry, settings.LLM_ALLOWED_HOSTS))


def _entry(text: str) -> Origin:
    return origin(f"http://{text}")


def check_origin(place: Origin) -> None:
    """Raises NotAllowed for what can be refused before its name is resolved: plain HTTP, and private addresses."""
    if named(place.host, place.port):
        return
    if place.scheme != "https":
        raise NotAllowed("A key is sent over https:// only; an operator can except a host with LLM_ALLOWED_HOSTS.")
    try:
        address = ip_address(place.host)
    except ValueError:
        last = place.host.rpartition(".")[2]
        if last.isdigit() or last.startswith("0x") or ":" in place.host:  # 2130706433 and 127.1 are 127.0.0.1 too
            raise NotAllowed("An IP address is written in full, such as 192.0.2.1.") from None
        return  # a name; the egress client looks at what it resolves to
    check_address(str(address), place.host)


def check_address(address: str, host: str) -> None:
    """Raises NotAllowed unless the address, to which the host resolved, is a public one."""
    if not public(address):
        raise NotAllowed(
            f"This server does not connect to {host}: its address is not a public one. "
            "An operator can allow it with LLM_ALLOWED_HOSTS."
        )


def public(address: str) -> bool:
    """Whether an IP address is one of the open Internet."""
    found: IPv4Address | IPv6Address = ip_address(address)
    if isinstance(found, IPv6Address):
        if any(found in network for network in _EMBEDDING):
            found = IPv4Address(int(found) & 0xFFFFFFFF)
        elif found.scope_id or found not in _UNICAST:
            return False
    return not any(found.version == network.version and found in network for network in _CLOSED)
