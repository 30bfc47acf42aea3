"""The table of addresses against IANA's registries, row by row, and against addresses inside of addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsvc.fetch.addresses import NEVER, SPECIAL4, SPECIAL6, is_never, is_public
from imgsvc.fetch.rules import Rules
from imgsvc.settings import Settings, SettingsError

REGISTRY = {
    # https://www.iana.org/assignments/iana-ipv4-special-registry
    "this network": "0.0.0.0/8",
    "this host on this network": "0.0.0.0/32",
    "private use, 10": "10.0.0.0/8",
    "shared address space": "100.64.0.0/10",
    "loopback": "127.0.0.0/8",
    "link local": "169.254.0.0/16",
    "private use, 172": "172.16.0.0/12",
    "IETF protocol assignments": "192.0.0.0/24",
    "IPv4 service continuity": "192.0.0.0/29",
    "dummy address": "192.0.0.8/32",
    "port control anycast": "192.0.0.9/32",
    "TURN anycast": "192.0.0.10/32",
    "NAT64 discovery": "192.0.0.170/31",
    "documentation, 1": "192.0.2.0/24",
    "AS112": "192.31.196.0/24",
    "AMT": "192.52.193.0/24",
    "6to4 relay anycast": "192.88.99.0/24",
    "private use, 192": "192.168.0.0/16",
    "direct delegation AS112": "192.175.48.0/24",
    "benchmarking": "198.18.0.0/15",
    "documentation, 2": "198.51.100.0/24",
    "documentation, 3": "203.0.113.0/24",
    "reserved": "240.0.0.0/4",
    "limited broadcast": "255.255.255.255/32",
    # https://www.iana.org/assignments/multicast-addresses
    "multicast": "224.0.0.0/4",
    # https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
    "host of a machine in Azure": "168.63.129.16/32",
    # https://www.iana.org/assignments/iana-ipv6-special-registry
    "loopback 6": "::1/128",
    "unspecified": "::/128",
    "mapped": "::ffff:0:0/96",
    "NAT64": "64:ff9b::/96",
    "NAT64, local": "64:ff9b:1::/48",
    "discard only": "100::/64",
    "dummy prefix": "100:0:0:1::/64",
    "IETF protocol assignments 6": "2001::/23",
    "Teredo": "2001::/32",
    "port control anycast 6": "2001:1::1/128",
    "TURN anycast 6": "2001:1::2/128",
    "service registration anycast": "2001:1::3/128",
    "benchmarking 6": "2001:2::/48",
    "AMT 6": "2001:3::/32",
    "AS112 6": "2001:4:112::/48",
    "ORCHID": "2001:10::/28",
    "ORCHID 2": "2001:20::/28",
    "drone tags": "2001:30::/28",
    "documentation 6": "2001:db8::/32",
    "6to4": "2002::/16",
    "direct delegation AS112 6": "2620:4f:8000::/48",
    "documentation 6, 2": "3fff::/20",
    "segment routing": "5f00::/16",
    "unique local": "fc00::/7",
    "link local 6": "fe80::/10",
    # https://www.iana.org/assignments/ipv6-address-space
    "reserved by IETF, ::/8": "::/8",
    "reserved by IETF, 100::/8": "100::/8",
    "reserved by IETF, 200::/7": "200::/7",
    "reserved by IETF, 400::/6": "400::/6",
    "reserved by IETF, 800::/5": "800::/5",
    "reserved by IETF, 1000::/4": "1000::/4",
    "reserved by IETF, 4000::/3": "4000::/3",
    "reserved by IETF, 6000::/3": "6000::/3",
    "reserved by IETF, 8000::/3": "8000::/3",
    "reserved by IETF, a000::/3": "a000::/3",
    "reserved by IETF, c000::/3": "c000::/3",
    "reserved by IETF, e000::/4": "e000::/4",
    "reserved by IETF, f000::/5": "f000::/5",
    "reserved by IETF, f800::/6": "f800::/6",
    "reserved by IETF, fe00::/9": "fe00::/9",
    "site local": "fec0::/10",
    "multicast 6": "ff00::/8",
}
METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.23",
    "169.254.42.42",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:42::42",
    "fd00:c1::a9fe:a9fe",
    "fe80::a9fe:a9fe",
]
EVERYTHING = Rules((IPv4Network("0.0.0.0/0"), IPv6Network("::/0")))
FOURS = st.ip_addresses(v=4)


def holders(inner: IPv4Address) -> list[IPv6Address]:
    """Every IPv6 address that stands for an IPv4 one."""
    number, local = int(inner), int(IPv6Address("64:ff9b:1::"))
    split = number >> 16 << 64 | (number & 0xFFFF) << 40
    return [
        *(IPv6Address(int(IPv6Address(base)) | number) for base in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::")),
        *(IPv6Address(local | one) for one in (number, split, number << 24)),
        IPv6Address(int(IPv6Address("2002::")) | number << 80),
        IPv6Address(int(IPv6Address("2001::")) | number << 64),
        IPv6Address(int(IPv6Address("2001:0:808:808::")) | number ^ 0xFFFFFFFF),
        *(IPv6Address(int(IPv6Address(base)) | number) for base in ("2606::5efe:0:0", "2a00::200:5efe:0:0")),
    ]


@pytest.mark.parametrize("text", REGISTRY.values(), ids=REGISTRY)
def test_no_row_of_the_registries_is_public(text):
    network = ip_network(text)
    middle = network.network_address + network.num_addresses // 2
    assert not any(map(is_public, (network[0], middle, network[-1])))


@pytest.mark.parametrize("text", [*REGISTRY.values(), *map(str, (*SPECIAL4, *SPECIAL6))])
def test_the_table_begins_and_ends_where_the_registries_do(text):
    network = ip_network(text)
    kind, last = type(network[0]), 2**network.max_prefixlen - 1
    for number in (int(network[0]) - 1, int(network[-1]) + 1):
        if 0 <= number <= last:
            address = kind(number)
            assert is_public(address) == (not any(address in ip_network(row) for row in REGISTRY.values()))


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.215.14",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "223.255.255.255",
    ],
)
def test_the_open_internet_is_public(text):
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["2606:4700::1111", "2a00:1450:4001::1", "2001:200::1", "2400::1", "2003::1", "3ffe::1"]
)
def test_the_open_internet_is_public_in_ipv6(text):
    assert is_public(ip_address(text))


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(address):
    assert not is_public(address) or (address.is_global and not address.is_multicast and not address.is_reserved)


@given(FOURS)
def test_an_address_inside_another_is_never_public(inner):
    assert [str(holder) for holder in holders(inner) if is_public(holder)] == []


@pytest.mark.parametrize("text", METADATA)
def test_metadata_is_refused_by_itself_and_inside_of_others(text):
    address = ip_address(text)
    assert is_never(address)
    assert not is_public(address)
    assert not EVERYTHING.admit(address)
    if isinstance(address, IPv4Address):
        assert [str(holder) for holder in holders(address) if EVERYTHING.admit(holder)] == []


@given(st.sampled_from([one for one in NEVER if one.version == 4]), st.integers(min_value=0))
def test_no_address_of_the_list_hides_from_an_operator_who_allows_everything(network, place):
    address = network[place % network.num_addresses]
    assert [str(holder) for holder in (address, *holders(address)) if EVERYTHING.admit(holder)] == []


@pytest.mark.parametrize("text", ["10.1.2.3", "127.0.0.1", "192.168.0.1", "fd00::1", "::1", "fd12:3456::1"])
def test_other_private_addresses_may_be_allowed(text):
    assert EVERYTHING.admit(ip_address(text))
    assert not Rules().admit(ip_address(text))


def test_a_nat64_that_is_allowed_leads_to_public_addresses_alone():
    there = Rules((IPv6Network("64:ff9b::/96"),))
    assert there.admit(ip_address("64:ff9b::8.8.8.8"))
    assert not any(there.admit(ip_address(f"64:ff9b::{inner}")) for inner in ("10.0.0.5", "127.0.0.1", "100.64.0.1"))
    assert not there.admit(ip_address("64:ff9b:1::8.8.8.8"))
    both = Rules((IPv6Network("64:ff9b::/96"), IPv4Network("10.0.0.0/8")))
    assert both.admit(ip_address("64:ff9b::10.0.0.5"))
    assert not both.admit(ip_address("64:ff9b::192.168.0.1"))


def test_rules_are_read_from_the_settings():
    rules = Rules.of(Settings(fetch_networks=" 10.1.0.0/16, fd00:1::/32 192.168.7.7", fetch_ports="80, 443 8080"))
    assert rules.ports == {80, 443, 8080}
    assert [rules.admit(ip_address(one)) for one in ("10.1.2.3", "10.2.0.1", "fd00:1::9", "192.168.7.7")] == [
        True,
        False,
        True,
        True,
    ]
    assert Rules.of(Settings()) == Rules()


@pytest.mark.parametrize("text", ["10.1.0.1/16", "10.1.0.0/33", "inside", "10.1.0.0/16;fd00::/8", "fe80::1%lo/64"])
def test_networks_that_cannot_be_read_are_told(text):
    with pytest.raises(SettingsError, match=r"IMGSVC_FETCH_NETWORKS: got .* expected networks such as"):
        Rules.of(Settings(fetch_networks=text))


@pytest.mark.parametrize("text", ["", ",", "0", "65536", "http", "80-90", "-1", "²"])
def test_ports_that_cannot_be_read_are_told(text):
    with pytest.raises(SettingsError, match=r"IMGSVC_FETCH_PORTS: got .* expected ports such as"):
        Rules.of(Settings(fetch_ports=text))
