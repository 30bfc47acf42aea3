"""What the operator allows beyond the open internet: networks, and the ports everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from imgsvc.errors import UrlNotAllowed, echo
from imgsvc.fetch.addresses import Address, Network, is_never, is_public, translated
from imgsvc.fetch.target import read
from imgsvc.settings import Settings, SettingsError

PORTS = range(1, 65536)
BELOW = "*."
"""Before a name: all names below it, and not itself."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Hosts by name; no names: any host. Equal sets have equal texts."""

    exact: frozenset[str] = frozenset()
    below: frozenset[str] = frozenset()

    def __call__(self, host: str) -> bool:
        """Whether a host, as `Target` spells it, is among them."""
        return not self or host in self.exact or host.endswith(tuple("." + name for name in self.below))

    def __bool__(self) -> bool:
        """Whether any is named."""
        return bool(self.exact or self.below)

    def __str__(self) -> str:
        return ",".join(sorted(self.exact | {BELOW + name for name in self.below})) or "*"


@dataclass(frozen=True, slots=True)
class Rules:
    """Which addresses and ports may be asked for pictures, and which hosts would only ask back."""

    networks: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset({80, 443})
    own: Hosts = Hosts()
    """Names under which nothing but this installation answers."""

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """The rules that the settings describe; SettingsError where they cannot be read."""
        own = hosts(settings.imageoptim_hosts, "IMGSVC_IMAGEOPTIM_HOSTS")
        return cls(_networks(settings.fetch_networks), _ports(settings.fetch_ports), own)

    def admit(self, address: Address) -> bool:
        """Whether a connection to this address is allowed."""
        if is_never(address):
            return False
        if is_public(address):
            return True
        inside = translated(address)
        return any(address in network for network in self.networks) and (inside is None or self.admit(inside))


def hosts(text: str, setting: str) -> Hosts:
    """The hosts whose names stand in `text`. SettingsError, naming the setting, for what is no name.

    `example.org` is that host alone, `*.example.org` all below it.
    """
    words = _words(text)
    try:
        exact = frozenset(_host(word) for word in words if not word.startswith(BELOW))
        below = frozenset(_host(word.removeprefix(BELOW)) for word in words if word.startswith(BELOW))
    except UrlNotAllowed:
        wanted = "names such as example.org,*.example.net"
        raise SettingsError(f"{setting}: got {echo(text)}, expected {wanted}") from None
    return Hosts(exact, below)


def _host(word: str) -> str:
    if set(word) & set("/?#@:"):
        raise UrlNotAllowed
    return read(f"http://{word}/", PORTS).host


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(word) for word in _words(text))
    except ValueError:
        wanted = "networks such as 10.1.0.0/16, with commas between them"
        raise SettingsError(f"IMGSVC_FETCH_NETWORKS: got {echo(text)}, expected {wanted}") from None


def _ports(text: str) -> frozenset[int]:
    words = _words(text)
    ports = frozenset(int(word) for word in words if word.isascii() and word.isdigit() and int(word) in PORTS)
    if not ports or len(ports) < len(set(words)):
        wanted = "ports such as 80,443"
        raise SettingsError(f"IMGSVC_FETCH_PORTS: got {echo(text)}, expected {wanted}")
    return ports


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()
