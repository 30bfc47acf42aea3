"""Ways to turn a fetcher inward: URLs, redirect chains and the names they use, each with what it tries."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

PUBLIC = "93.184.215.14"
PUBLIC6 = "2606:2800:220:1::1"
LOOPBACK, METADATA, PRIVATE = "127.0.0.1", "169.254.169.254", "10.0.0.5"

SPECIAL = [
    "0.0.0.0",
    "0.1.2.3",
    "10.255.255.254",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.2",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.254",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[100::1]",
    "[64:ff9b::808:808]",
    "[64:ff9b:1::1]",
    "[2001::1]",
    "[2001:2::1]",
    "[2001:10::1]",
    "[2001:20::1]",
    "[2001:db8::1]",
    "[2002:808:808::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fec0::1]",
    "[ff02::1]",
    "[ff0e::1]",
    "[4000::1]",
]


@dataclass(frozen=True)
class Way:
    """One attempt. Names that it needs are in NAMES."""

    what: str
    url: str


def octets(address: str) -> list[int]:
    return list(IPv4Address(address).packed)


def spellings(address: str) -> dict[str, str]:
    """One IPv4 address as other parsers read it too, and inside of IPv6 addresses."""
    a, b, c, d = octets(address)
    number = int(IPv4Address(address))
    last = f"{number >> 16:x}:{number & 0xFFFF:x}"
    return {
        "plain": address,
        "trailing dot": f"{address}.",
        "decimal": str(number),
        "decimal, trailing dot": f"{number}.",
        "hexadecimal": f"0x{number:08x}",
        "capital hexadecimal": f"0X{number:08X}",
        "octal": f"0{number:o}",
        "hexadecimal parts": f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}",
        "octal parts": f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        "long octal parts": f"0000{a:o}.{b}.{c}.{d}",
        "mixed parts": f"0x{a:x}.{b}.0{c:o}.{d}",
        "two parts": f"{a}.{number & 0xFFFFFF}",
        "three parts": f"{a}.{b}.{number & 0xFFFF}",
        "full-width digits": "".join(chr(ord(one) + 0xFEE0) if one.isdigit() else one for one in address),
        "ideographic full stops": address.replace(".", "。"),
        "encircled digits": address.replace("1", "①").replace("2", "②"),
        "percent-encoded": "".join(f"%{ord(one):02x}" for one in address),
        "IPv6-mapped": f"[::ffff:{address}]",
        "IPv6-mapped, hexadecimal": f"[::ffff:{last}]",
        "IPv6-mapped, long": f"[0000:0000:0000:0000:0000:ffff:{last}]",
        "IPv6-compatible": f"[::{address}]",
        "IPv6-translated": f"[::ffff:0:{address}]",
        "6to4": f"[2002:{last}::1]",
        "NAT64": f"[64:ff9b::{address}]",
        "NAT64, local prefix": f"[64:ff9b:1::{address}]",
        "Teredo server": f"[2001:0:{last}::1]",
        "Teredo client": f"[2001:0:808:808::{number >> 16 ^ 0xFFFF:x}:{number & 0xFFFF ^ 0xFFFF:x}]",
        "ISATAP": f"[2606:2800::5efe:{last}]",
        "ISATAP, universal": f"[2606:2800::200:5efe:{last}]",
    }


NAMES: dict[str, list[list[str]]] = {
    "public.test": [[PUBLIC]],
    "public6.test": [[PUBLIC6]],
    "both.test": [[PUBLIC, PUBLIC6]],
    "loopback.test": [[LOOPBACK]],
    "loopback6.test": [["::1"]],
    "metadata.test": [[METADATA]],
    "private.test": [[PRIVATE]],
    "zero.test": [["0.0.0.0"]],
    "shared.test": [["100.64.0.1"]],
    "local6.test": [["fd00::5"]],
    "site6.test": [["fec0::5"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "nat64.test": [["64:ff9b::7f00:1"]],
    "sixtofour.test": [["2002:7f00:1::1"]],
    "azure.test": [["168.63.129.16"]],
    "mixed.test": [[PUBLIC, LOOPBACK]],
    "mixed-first.test": [[LOOPBACK, PUBLIC]],
    "mixed6.test": [[PUBLIC, "::1"]],
    "mixed-private6.test": [[PUBLIC6, "fd00::5"]],
    "many.test": [[PUBLIC, "93.184.215.15", "93.184.215.16", "93.184.215.17", "93.184.215.18", METADATA]],
    "xn--bcher-kva.test": [[PRIVATE]],
    **{f"rebind-{n}.test": [[PUBLIC], [inner]] for n, inner in enumerate((LOOPBACK, METADATA, PRIVATE, "::1"))},
    **{f"later-{n}.test": [[PUBLIC], [PUBLIC], [LOOPBACK]] for n in range(2)},
    "flip.test": [[PUBLIC], [PUBLIC, LOOPBACK], [LOOPBACK]],
}
"""The answers of our name server: what each successive question for a name gets, the last one from then on."""


def to(url: str, through: str = "http://public.test") -> str:
    """The URL of a page that redirects to `url`, which may hold anything."""
    return f"{through}/to?{quote(url, safe='')}"


def redirects() -> list[Way]:
    inner = (
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.5/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://localhost/",
        "http://private.test/",
        "http://mixed.test/",
        "//127.0.0.1/",
        "///127.0.0.1/",
        "/\\127.0.0.1/",
        "\\\\127.0.0.1\\",
        "http:\\\\127.0.0.1/",
        "HTTP://LOOPBACK.TEST/",
        "https://127.0.0.1/",
        "http://127.0.0.1:8080/",
        "http://public.test:6379/",
        "http://user:word@127.0.0.1/",
        "http://public.test@127.0.0.1/",
        "gopher://127.0.0.1:6379/_x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
    )
    one = [Way(f"redirect to {url}", to(url)) for url in inner]
    two = [Way(f"two redirects to {url}", to(to(url))) for url in inner[:6]]
    three = [Way(f"three redirects to {url}", to(to(to(url, "http://both.test")))) for url in inner[:6]]
    return [
        *one,
        *two,
        *three,
        Way("four redirects", to(to(to(to("http://127.0.0.1/"))))),
        Way("redirect from IPv6", to("http://[::1]/", "http://public6.test")),
        Way("redirect to a name that moved in", to("http://rebind-3.test/")),
        Way("redirect to itself, which moves in", to("http://later-1.test/", "http://later-1.test")),
    ]


def names() -> list[Way]:
    inner = [name for name, answers in NAMES.items() if PUBLIC not in answers[-1] or len(answers[-1]) > 2]
    named = [Way(f"name: {name}", f"http://{name}/") for name in NAMES if name in inner and "public" not in name]
    others = ("mixed.test", "mixed-first.test", "mixed6.test", "flip.test")
    return [
        *named,
        *(Way(f"some answers of {name}", f"http://{name}/") for name in others),
        Way("international name", "http://bücher.test/"),
        Way("localhost", "http://localhost/"),
        Way("localhost, trailing dot", "http://LocalHost./"),
        Way("localhost in full width", "http://ｌｏｃａｌｈｏｓｔ/"),
        Way("name over TLS", "https://loopback.test/"),
    ]


def confusions() -> list[Way]:
    urls = (
        "http://public.test@127.0.0.1/",
        "http://public.test:80@127.0.0.1/",
        "http://127.0.0.1@public.test@127.0.0.1/",
        "http://@127.0.0.1/",
        "http://:@127.0.0.1/",
        "http://public.test\\@127.0.0.1/",
        "http://127.0.0.1\\@public.test/",
        "http://127.0.0.1\\.public.test/",
        "http:\\\\127.0.0.1\\",
        "http:/127.0.0.1/",
        "http:127.0.0.1/",
        "http:///127.0.0.1/",
        "http:////127.0.0.1/",
        "//127.0.0.1/",
        "127.0.0.1",
        "http://127.0.0.1#@public.test/",
        "http://127.0.0.1?@public.test/",
        "http://127.0.0.1;public.test/",
        "http://public.test#@127.0.0.1\\@x/",
        "http://127.0.0.1%00.public.test/",
        "http://127.0.0.1\0.public.test/",
        "http://127.0.0.1%2f.public.test/",
        "http://127.0.0.1%09.public.test/",
        "http://127.0.0.1\t.public.test/",
        "http://127.0.0.1\n/",
        "http://127.0.0.1\r\nHost: public.test\r\n\r\n/",
        "http://public.test\r\n@127.0.0.1/",
        "http://127.0.0.1 public.test/",
        "http://public.test 127.0.0.1/",
        " http://127.0.0.1/",
        "http://[::1%25lo]/",
        "http://[::1%lo]/",
        "http://[::1",
        "http://::1/",
        "http://[127.0.0.1]/",
        "http://[::ffff:127.0.0.1]:80/",
        "http://127.0.0.1:/",
        "http://127.0.0.1:080/",
        "http://127.0.0.1:65616/",
        "http://127.0.0.1:٨٠/",
        "http://127.0.0.1:80:80/",
        "http://127.0.0.1,public.test/",
        "http://[public.test]@127.0.0.1/",
        "http://127.0.0.1\u00ad/",
        "http://127.0.0.1\u200b/",
        "http://127.0.0.1\u2028/",
        "http://ⓛocalhost/",
        "http://1.1.1.1 &@127.0.0.1# @public.test/",
    )
    schemes = [
        "file",
        "ftp",
        "gopher",
        "dict",
        "ldap",
        "tftp",
        "jar",
        "netdoc",
        "ws",
        "wss",
        "data",
        "blob",
        "unix",
        "javascript",
        "http+unix",
    ]
    return [
        *(Way(f"confusion: {url!r}", url) for url in urls),
        *(Way(f"scheme: {scheme}", f"{scheme}://127.0.0.1/") for scheme in schemes),
        Way("file without a host", "file:/etc/passwd"),
        *(Way(f"port {port}", f"http://public.test:{port}/") for port in (0, 22, 25, 6379, 8000, 8080)),
        *(Way(f"port {port} inside", f"http://127.0.0.1:{port}/") for port in (22, 443, 8080)),
    ]


def ways() -> list[Way]:
    """All of them."""
    spelt = [
        Way(f"{how}: {address}", f"http://{host}/")
        for address in (LOOPBACK, METADATA, PRIVATE)
        for how, host in spellings(address).items()
    ]
    special = [Way(f"special: {host}", f"http://{host}/") for host in SPECIAL]
    return [*spelt, *special, *names(), *confusions(), *redirects()]


def is_open(address: str) -> bool:
    """Whether a connection to this address is one that the tests mean to happen."""
    outside = ("93.184.215.", "2606:2800:220:1:")
    plain = IPv6Address(address).ipv4_mapped if ":" in address else None
    return str(plain or address).startswith(outside)
