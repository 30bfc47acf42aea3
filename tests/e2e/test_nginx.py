"""The recipes of docs/nginx.md, as they are printed there, in a real nginx before a real server and a real site."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

PAGE = Path(__file__).parents[2] / "docs" / "nginx.md"
NGINX = shutil.which("nginx")
ACCOUNT = "eX4mp1E4pI"
AROUND = """
{user}
daemon off;
worker_processes 1;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    {http}
    {server}
}}
"""

# Started by root, nginx works as somebody else, who may not read what pytest makes.
USER = "user root;" if os.geteuid() == 0 else ""

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


@pytest.fixture(scope="module")
def site(picture: Any, keeping_shop: Any) -> Iterator[Any]:
    with keeping_shop(picture("JPEG", (600, 400))) as made:
        made.open.set()
        yield made


def recipes() -> list[str]:
    return re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)


def own_site(home: Path, site: int, app: int, port: int) -> str:
    """A whole configuration around the first recipe: its two parts where their comments say."""
    http, server = recipes()[0].split("# In server { }")
    text = AROUND.format(user=USER, home=home, http=http, server=f"server {{ listen 127.0.0.1:{port}; {server} }}")
    text = text.replace("https://www.example.org", f"http://127.0.0.1:{site}").replace(
        "127.0.0.1:8000", f"127.0.0.1:{app}"
    )
    return text.replace("/var/cache/nginx/imgsvc", str(home / "cache"))


def own_name(home: Path, _site: int, app: int, port: int) -> str:
    """A whole configuration around the second recipe, without the TLS that this test has no certificate for."""
    server = (
        recipes()[1].replace("listen 443 ssl", f"listen 127.0.0.1:{port}").replace("127.0.0.1:8000", f"127.0.0.1:{app}")
    )
    return AROUND.format(user=USER, home=home, http="", server=server)


@contextmanager
def nginx(home: Path, configuration: str, port: int) -> Iterator[str]:
    home.mkdir()
    file = home / "nginx.conf"
    file.write_text(configuration)
    with (home / "said").open("wb") as said:
        process = subprocess.Popen([NGINX, "-c", file, "-e", home / "error.log"], stdout=said, stderr=said)
    try:
        while True:
            assert process.poll() is None, (home / "said").read_text() + (home / "error.log").read_text()
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, site: Any, launch: Any) -> Iterator[tuple[str, str]]:
    """nginx with either recipe before one server: the addresses of both."""
    home = tmp_path_factory.mktemp("nginx")
    allowed = {"FETCH_NETWORKS": "127.0.0.0/8", "FETCH_PORTS": site.server_port, "PROXY_HOPS": 1}
    (home / "imgsvc").mkdir()
    with launch(home / "imgsvc", **allowed) as server:
        server.run("accounts", "add", ACCOUNT, "--host", "127.0.0.1")
        first, second = free_port(), free_port()
        with (
            nginx(home / "first", own_site(home / "first", site.server_port, server.port, first), first) as one,
            nginx(home / "second", own_name(home / "second", site.server_port, server.port, second), second) as two,
        ):
            yield one, two


def test_a_picture_of_the_site_is_made_small_and_kept_by_nginx(front: Any, site: Any) -> None:
    url = f"{front[0]}/imageoptim/300x300/assets/hero.jpg"
    answers = [requests.get(url, timeout=60) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.headers["X-Cache-Status"] for answer in answers] == ["MISS", "HIT"]
    assert {answer.headers["Via"] for answer in answers} == {"1.1 imageoptim"}
    assert answers[0].content == answers[1].content
    assert Image.open(BytesIO(answers[0].content)).size == (300, 200)
    assert site.asked.count("/assets/hero.jpg") == 1


def test_browsers_that_accept_the_same_formats_share_a_copy(front: Any) -> None:
    url = f"{front[0]}/imageoptim/200x200/assets/shared.jpg"
    seen = []
    for accept in (
        "image/avif,image/webp,*/*;q=0.8",
        "text/html,image/avif",
        "image/webp",
        "image/webp,image/png",
        "*/*",
        "",
    ):
        answer = requests.get(url, headers={"Accept": accept}, timeout=60)
        seen.append((answer.headers["X-Cache-Status"], answer.status_code, answer.headers["Vary"]))
    assert seen == [(status, 200, "Accept") for status in ("MISS", "HIT") * 3]


def test_a_path_arrives_at_the_site_as_the_browser_sent_it(front: Any, site: Any) -> None:
    odd = "/a%20b//c%2Fd/%C3%A4.jpg?version=1%262&x=y"
    for address in (
        f"{front[0]}/imageoptim/full{odd}",
        f"{front[1]}/im/{ACCOUNT}/20x20/http://127.0.0.1:{site.server_port}{odd}",
    ):
        site.asked.clear()
        assert raw(address) == 200
        assert site.asked == [odd]


def raw(url: str) -> int:
    """The status of a GET whose path is sent as it is: other clients put it in order first."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=60) as line:
        line.sendall(f"GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        return int(line.makefile("rb").readline().split()[1])


def test_errors_are_passed_on_and_not_kept(front: Any, site: Any) -> None:
    for path, status in (("/imageoptim/30x30/missing.jpg", 404), ("/imageoptim/nonsense/a.jpg", 400)):
        for _ in range(2):
            answer = requests.get(front[0] + path, timeout=60)
            assert (answer.status_code, answer.headers["X-Cache-Status"]) == (status, "MISS")
    assert site.asked.count("/missing.jpg") == 2
    assert requests.get(f"{front[0]}/imageoptim/", timeout=60).status_code == 404


def test_a_browser_that_has_the_picture_is_told_so(front: Any) -> None:
    url = f"{front[0]}/imageoptim/100x100/assets/known.jpg"
    first = requests.get(url, timeout=60)
    again = requests.get(url, headers={"If-None-Match": first.headers["ETag"]}, timeout=60)
    assert (again.status_code, again.content) == (304, b"")


def test_a_picture_asked_for_through_the_recipe_itself_is_refused(front: Any, site: Any) -> None:
    """The recipe inside the recipe would go round for ever; nginx is not told of ports it does not serve."""
    loop = f"{front[1]}/im/{ACCOUNT}/full/{front[1]}/im/{ACCOUNT}/full/http://127.0.0.1:{site.server_port}/a.jpg"
    assert raw(loop) in (400, 403, 404)
