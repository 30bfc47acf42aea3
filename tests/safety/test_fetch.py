"""The fetcher against real servers: what it asks, what it follows, what it says of their answers."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from imgsvc_origins import MOST, PICTURE, fetcher, get, moved, page

from imgsvc.errors import Busy, ClientGone, SourceDenied, SourceFailed, SourceMissing, SourceSlow, UrlNotAllowed
from imgsvc.fetch import Fetched, Fetcher, Rules
from imgsvc.hops import Hops
from imgsvc.settings import Settings


def test_a_picture_comes_with_what_is_told_of_it(serve):
    origin = serve(page(PICTURE, "Content-Type: Image/PNG; x=y", "Cache-Control: public, max-age=600", "Age: 100"))
    assert get(origin, "/a.png?b") == Fetched(PICTURE, f"{origin.url}/a.png?b", "image/png", 500)


def test_the_server_learns_nothing_but_what_is_asked(serve):
    origin = serve(page())
    get(origin, "/a.png?b")
    line, *headers, _, _ = origin.heads[0].split("\r\n")
    named = dict(header.split(": ", 1) for header in headers)
    assert line == "GET /a.png?b HTTP/1.1"
    assert named.keys() == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Via", "CDN-Loop", "Connection"}
    assert named["Host"] == f"origin.test:{origin.port}"
    assert named["Accept-Encoding"] == "identity"
    assert named["Via"] == "1.1 imgsvc-here"


@pytest.mark.parametrize(
    ("header", "mime"),
    [("text/html", "text/html"), ("image/svg+xml;charset=x", "image/svg+xml"), ("nonsense", ""), ("a/b\tc", "")],
)
def test_the_type_is_told_as_it_is_or_not_at_all(serve, header, mime):
    assert get(serve(page(PICTURE, f"Content-Type: {header}"))).mime == mime


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_followed(serve, status):
    origin = serve(lambda connection, path: connection.sendall(page() if path == "/b?c" else moved("b?c", status)))
    assert get(origin).url == f"{origin.url}/b?c"
    assert "Referer" not in origin.heads[1]


def test_three_redirects_are_followed_and_no_more(serve):
    origin = serve(lambda connection, path: connection.sendall(page() if path == "/xxxx" else moved(f"{path}x")))
    assert get(origin, "/x").data == PICTURE
    with pytest.raises(SourceFailed, match="redirects too often"):
        get(origin, "/")
    assert len(origin.heads) == 8


def test_a_redirect_to_itself_ends(serve):
    origin = serve(moved("/"))
    with pytest.raises(SourceFailed):
        get(origin)
    assert len(origin.heads) == 4


@pytest.mark.parametrize(
    "place", ["http://169.254.169.254/", "http://[::1]/", "http://origin.test:1/", "ftp://x/", "\\"]
)
def test_a_redirect_is_judged(serve, place):
    with pytest.raises(UrlNotAllowed) as caught:
        get(serve(moved(place)))
    assert caught.value.message == UrlNotAllowed.sentence


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("404 Not Found", SourceMissing),
        ("410 Gone", SourceMissing),
        ("401 Unauthorized", SourceDenied),
        ("403 Forbidden", SourceDenied),
        ("451 Unavailable", SourceDenied),
        ("500 Error", SourceFailed),
        ("503 Busy", SourceFailed),
        ("429 Too Many", SourceFailed),
        ("302 Found", SourceFailed),
        ("304 Not Modified", SourceFailed),
        ("206 Partial", SourceFailed),
        ("204 No Content", SourceFailed),
        ("201 Created", SourceFailed),
    ],
)
def test_a_status_says_what_went_wrong(serve, status, error):
    with pytest.raises(SourceFailed) as caught:
        get(serve(page(b"", status=status)))
    assert type(caught.value) is error


def test_a_name_that_cannot_be_looked_up_in_time_is_slow():
    def resolve(host: str, seconds: float) -> list[None]:
        raise TimeoutError

    with pytest.raises(SourceSlow):
        Fetcher(Rules(), "here", resolve=resolve).get("http://origin.test/", seconds=1.0, max_bytes=MOST)


def test_a_name_without_an_address_is_refused_as_a_private_one_is(serve):
    said = set()
    for found in ((), ("10.0.0.1",), ("127.0.0.1", "169.254.1.1"), ("1.1.1.1", "::1")):
        origin = serve(page())
        with pytest.raises(UrlNotAllowed) as caught:
            fetcher(origin, found=found).get(origin.url, seconds=60, max_bytes=MOST)
        said.add((caught.value.message, len(origin.heads)))
    assert said == {(UrlNotAllowed.sentence, 0)}


def test_the_next_address_is_tried(serve):
    origin = serve(page())
    made = fetcher(origin, found=("127.0.0.2", "127.0.0.3", "127.0.0.1"))
    assert made.get(origin.url, seconds=60, max_bytes=MOST).data == PICTURE


def test_nothing_is_asked_of_another_address_than_was_judged(serve, monkeypatch):
    """As where a proxy's wrapper around sockets, which some systems preload, leads connections elsewhere."""
    origin = serve(page())
    straight = socket.create_connection

    def astray(address, *rest, **options):
        return straight(("127.0.0.1", *address[1:]), *rest, **options)

    monkeypatch.setattr(socket, "create_connection", astray)
    assert fetcher(origin).get(origin.url, seconds=60, max_bytes=MOST).data == PICTURE
    with pytest.raises(UrlNotAllowed):
        fetcher(origin, found=("127.0.0.2",)).get(origin.url, seconds=60, max_bytes=MOST)
    assert len([head for head in origin.heads if head]) == 1


def test_proxies_of_the_environment_are_not_asked(serve, monkeypatch):
    origin, proxy = serve(page()), serve(page(b"proxy"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert get(origin).data == PICTURE
    assert proxy.heads == []


def told(origin):
    """The hops that the origin was told last."""
    headers = dict(line.split(": ", 1) for line in origin.heads[-1].split("\r\n")[1:] if line)
    return Hops(headers["Via"], headers["CDN-Loop"])


def test_our_own_requests_are_recognised(serve):
    origin = serve(page())
    get(origin, hops=Hops("1.0 fred, 1.1 imgsvc-there (x)", "cdn.test; a=b"))
    hops = told(origin)
    assert hops == Hops("1.0 fred, 1.1 imgsvc-there (x), 1.1 imgsvc-here", "cdn.test; a=b, imgsvc-here")
    for own in (hops, Hops(via=hops.via), Hops(cdn_loop=hops.cdn_loop), Hops("1.1 front", "imgsvc-here;v=1,cdn.test")):
        assert fetcher(origin).is_own(own)
        with pytest.raises(UrlNotAllowed):
            get(origin, hops=own)
    for text in ("", "1.1 imgsvc-there", "1.1 imgsvc-hereabouts", "imgsvc"):
        assert not fetcher(origin).is_own(Hops(text, text))
    assert len(origin.heads) == 1


def test_our_own_hosts_are_not_asked(serve):
    origin = serve(
        lambda connection, path: connection.sendall(moved("http://a.img.test/") if path == "/on" else page())
    )
    rules = Rules.of(Settings(imageoptim_hosts="img.test,*.img.test"))
    made = fetcher(origin, own=rules.own)
    assert made.get(origin.url, seconds=60, max_bytes=MOST).data == PICTURE
    for url in (f"http://img.test:{origin.port}/", f"http://a.IMG.test.:{origin.port}/", f"{origin.url}/on"):
        with pytest.raises(UrlNotAllowed):
            made.get(url, seconds=60, max_bytes=MOST)
    with pytest.raises(UrlNotAllowed):
        made.read(f"http://img.test:{origin.port}/")
    assert len(origin.heads) == 2


@pytest.mark.parametrize("text", ["a\r\nX: y", "ü", "x" * 1001, "\0", "  "])
def test_what_is_no_list_of_hops_is_not_passed_on(serve, text):
    origin = serve(page())
    get(origin, hops=Hops(text, text))
    assert told(origin) == Hops("1.1 imgsvc-here", "imgsvc-here")


def test_every_piece_is_counted_and_may_be_refused(serve):
    sizes: list[int] = []
    origin = serve(page(bytes(MOST)))
    get(origin, grow=sizes.append)
    assert sum(sizes) == MOST

    def full(size: int) -> None:
        raise Busy

    with pytest.raises(Busy):
        get(origin, grow=full)


def test_a_fetch_that_nobody_waits_for_ends(serve):
    left = threading.Event()

    def stay(connection: socket.socket, _: str) -> None:
        left.set()
        connection.recv(1)

    with pytest.raises(ClientGone):
        get(serve(stay), seconds=300.0, gone=left.is_set)


def test_every_host_on_the_way_may_be_refused(serve):
    origin = serve(lambda connection, path: connection.sendall(moved(f"http://Other.test:{origin.port}/b")))
    asked: list[str] = []

    def hosts(host: str) -> bool:
        asked.append(host)
        return host == "origin.test"

    with pytest.raises(UrlNotAllowed):
        get(origin, hosts=hosts)
    assert asked == ["origin.test", "other.test"]
    assert len(origin.heads) == 1


def test_a_url_can_be_read_without_being_fetched(serve):
    origin = serve(page())
    target = fetcher(origin).read(f"HTTP://Bücher.example:{origin.port}#x")
    assert (target.host, target.url) == ("xn--bcher-kva.example", f"http://xn--bcher-kva.example:{origin.port}/")
    assert origin.heads == []


def test_threads_get_their_own_pictures(serve):
    origin = serve(lambda connection, path: connection.sendall(page(path.encode() * 5000)))
    made = fetcher(origin)

    def work(place: int) -> bool:
        got = made.get(f"{origin.url}/{place}", seconds=60, max_bytes=MOST)
        return got.data == f"/{place}".encode() * 5000

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(work, range(64))) == [True] * 64
