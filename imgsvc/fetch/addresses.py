"""The table of IP addresses: which are public, and which are refused whatever the operator allows.

From IANA's registries of special-purpose addresses (RFC 6890 and its updates), IPv6 address space and multicast.
`ipaddress.is_global` will not do: it lets multicast, 6to4, NAT64 and other addresses with an IPv4 address inside pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SPECIAL4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network; Linux takes 0.0.0.0 for 127.0.0.1
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by customers of one provider
        "127.0.0.0/8",
        "168.63.129.16/32",  # the host of a machine in Azure
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
"""What is not public in IPv4: everything else is."""

UNICAST6 = IPv6Network("2000::/3")
"""What IANA has given out of IPv6 for public use; mapped, compatible, NAT64, local and multicast lie outside."""

SPECIAL6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocols: Teredo, benchmarks, ORCHID, drones
        "2001:db8::/32",
        "2002::/16",  # 6to4, with an IPv4 address inside
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
"""What is not public in UNICAST6."""

NEVER = (
    IPv4Network("100.100.100.200/32"),  # Alibaba
    IPv4Network("168.63.129.16/32"),  # Azure
    IPv4Network("169.254.0.0/16"),  # AWS, Google, Azure, Oracle, Tencent, Scaleway, ...
    IPv4Network("192.0.0.192/32"),  # Oracle
    IPv6Network("fd00:42::42/128"),  # Scaleway
    IPv6Network("fd00:c1::/32"),  # Oracle
    IPv6Network("fd00:ec2::/32"),  # AWS
    IPv6Network("fd20:ce::/32"),  # Google
    IPv6Network("fe80::/10"),
)
"""Link-local addresses and those where clouds hand a machine its secrets."""

NAT64 = IPv6Network("64:ff9b::/96")
"""The well-known prefix under which a network without IPv4 reaches IPv4 addresses, by their last four bytes."""

_ISATAP = (0x00005EFE, 0x02005EFE)
"""The third word of an address that RFC 5214 makes of an IPv4 address, under any prefix."""
_TEREDO = 0x20010000


def is_public(address: Address) -> bool:
    """Whether an address belongs to the open internet, and to one machine of it."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL4)
    return (
        address in UNICAST6
        and not any(address in network for network in SPECIAL6)
        and _words(address)[2] not in _ISATAP
    )


def is_never(address: Address) -> bool:
    """Whether an address, or an IPv4 address that any transition mechanism would read out of it, is in NEVER."""
    inside = _inside(address) if isinstance(address, IPv6Address) else ()
    return any(one in network for one in (address, *inside) for network in NEVER)


def translated(address: Address) -> IPv4Address | None:
    """The IPv4 address that a NAT64 would connect to for one under its well-known prefix, None for any other."""
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None


def _words(address: IPv6Address) -> tuple[int, ...]:
    return tuple(int(address) >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0))


def _inside(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that mapped, compatible, 6to4, Teredo and NAT64 addresses (RFC 6052) hold, by their places."""
    number, last = int(address), _words(address)[3]
    yield IPv4Address(last)
    yield IPv4Address(number >> 80 & 0xFFFFFFFF)
    if _words(address)[0] == _TEREDO:
        yield IPv4Address(_words(address)[1])
        yield IPv4Address(last ^ 0xFFFFFFFF)
    # Bits 64 to 71 are left out where the IPv4 address would run across them.
    upper, lower = number >> 64, number & (1 << 56) - 1
    joined = upper << 56 | lower
    for prefix in (32, 40, 48, 56, 64):
        yield IPv4Address(joined >> 120 - prefix - 32 & 0xFFFFFFFF)
