"""Sends the fetcher, and one that checks first and fetches then, down every way; prints as JSON what was reached.

To be run by inside.sh, where every address is this machine's.
"""

from __future__ import annotations

import json
import os
import socket
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from ipaddress import ip_address, ip_network

from ways import Way, is_open, to, ways
from world import World

from imgsvc.errors import ImgsvcError
from imgsvc.fetch import Fetcher, Rules

SECONDS = 30.0


def ours(fetcher: Fetcher) -> Callable[[str], str]:
    def fetch(url: str) -> str:
        try:
            return "got " + fetcher.get(url, seconds=SECONDS, max_bytes=1000).data.decode()
        except ImgsvcError as error:
            return f"{error.code}: {error.message}"

    return fetch


def check_then_fetch(url: str) -> str:
    """What is often done: look the name up, refuse what is not global, then let a library fetch by the name."""
    try:
        host = urllib.parse.urlsplit(url).hostname or ""
        found = {ip_address(place[0]) for *_, place in socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)}
        if not all(address.is_global for address in found):
            return "refused"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=SECONDS) as answer:
            return "got " + answer.read(1000).decode()
    except (OSError, ValueError, HTTPException) as error:
        return type(error).__name__


def sent(world: World, fetch: Callable[[str], str], trips: list[Way]) -> list[dict[str, object]]:
    rows = []
    for way in trips:
        world.forget()
        before = len(world.visits)
        said = fetch(way.url)
        world.settle()
        visits = world.visits[before:]
        inside = [f"{place} {port}" for place, port in visits if not is_open(place)]
        rows.append({"way": way.what, "said": said, "inside": inside, "outside": len(visits) - len(inside)})
    return rows


def main() -> None:
    world = World()
    # A proxy in the environment would be inside, and visited by whoever obeys it.
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ[name] = os.environ[name.upper()] = "http://127.0.0.1:8080"
    good = [
        Way("public name", "http://public.test/"),
        Way("public name, IPv6", "http://public6.test/"),
        Way("public address", "http://93.184.215.14/x?y"),
        Way("public address, IPv6", "http://[2606:2800:220:1::1]/"),
        Way("three redirects", to(to(to("http://public.test/")))),
        Way("relative redirect", to("/x?y#z")),
    ]
    networks = tuple(map(ip_network, ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "64:ff9b::/96", "fd00::/8")))
    opened = [
        Way("private", "http://10.0.0.5/"),
        Way("private name", "http://private.test/"),
        Way("redirect to private", to("http://10.0.0.5/")),
        Way("private, IPv6", "http://[fd00::5]/"),
        Way("public and allowed", "http://mixed.test/"),
    ]
    still = [
        Way("not named", "http://192.168.1.1/"),
        Way("metadata", "http://169.254.169.254/"),
        Way("metadata by name", "http://metadata.test/"),
        Way("metadata by redirect", to("http://169.254.169.254/")),
        Way("metadata in NAT64", "http://[64:ff9b::a9fe:a9fe]/"),
        Way("metadata, IPv6", "http://[fd00:ec2::254]/"),
    ]
    careful, allowing = Fetcher(Rules(), "test"), Fetcher(Rules(networks), "test")
    report = {
        "ours": sent(world, ours(careful), ways()),
        "control": sent(world, check_then_fetch, ways()),
        "good": sent(world, ours(careful), good),
        "opened": sent(world, ours(allowing), opened),
        "still": sent(world, ours(allowing), still),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
