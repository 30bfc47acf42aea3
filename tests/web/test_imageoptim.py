"""The ImageOptim API: what it makes of a picture, and what it says with it (I01-I27, I30, I31)."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from io import BytesIO
from urllib.parse import quote

import pytest
from imgsvc_origins import moved, page
from PIL import Image

from imgsvc import signature
from imgsvc.engine.result import Result
from imgsvc.errors import TooSlow
from imgsvc.sandbox import Load
from imgsvc.store.accounts import Account

FOUR_HOURS = 4 * 3600
YEAR = 365 * 86400
NEWEST = {"headers": {"Accept": "image/avif,image/webp,*/*;q=0.8"}}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="20" height="20" fill="red"/></svg>'


def test_a_picture_is_made_smaller_and_may_be_kept(resizer, png, opened):
    answer = resizer(page(png, "Content-Type: image/png")).get("32x32")
    assert (answer.status_code, answer.content_length) == (200, len(answer.data))
    assert opened(answer.data).size == (32, 24)
    assert answer.headers["Cache-Control"] == f"public, max-age={FOUR_HOURS}"
    assert (answer.headers["Vary"], answer.headers["Age"]) == ("Accept", "0")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Disposition"].startswith('inline; filename="image.')
    assert "Warning" not in answer.headers


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ("full", (64, 48)),
        ("full,2x", (64, 48)),
        ("quality=low", (64, 48)),
        ("32x32", (32, 24)),
        ("32", (32, 24)),
        ("16x12,2x", (32, 24)),
        ("1000x1000", (64, 48)),
        ("scale-down,1000", (64, 48)),
        ("full,hero", (40, 20)),
        ("hero,20x20", (20, 20)),
    ],
)
def test_dimensions_are_those_asked_for(resizer, png, opened, options, size):
    assert opened(resizer(page(png)).get(f"format=jpeg,{options}").data).size == size


def patch(size, colour=(200, 40, 40), border=0):
    """A PNG with a left half of one colour and a right half of another, and a white border."""
    width, height = size
    image = Image.new("RGB", size, colour)
    image.paste((40, 40, 200), (width // 2, 0, width, height))
    whole = Image.new("RGB", (width + 2 * border, height + 2 * border), "white")
    whole.paste(image, (border, border))
    file = BytesIO()
    whole.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("source", "options", "size"),
    [
        ((1000, 200), "500x500,fit", (500, 100)),
        ((16, 16), "500x500,fit", (500, 500)),
        ((1000, 200), "500x500,scale-down", (500, 100)),
        ((1000, 200), "500x500", (500, 100)),
        ((16, 16), "500x500,scale-down", (16, 16)),
        ((16, 16), "500x500", (16, 16)),
        ((16, 16), "40,fit", (40, 40)),
        ((1000, 200), "100x100,crop", (100, 100)),
        ((16, 16), "100x50,crop", (100, 50)),
        ((1000, 200), "100x100,crop=auto", (100, 100)),
        ((1000, 200), "100x100,pad", (100, 100)),
        ((100, 100), "50x50,2x,pad", (100, 100)),
    ],
)
def test_each_method_makes_the_size_it_is_known_for(resizer, opened, source, options, size):
    assert opened(resizer(page(patch(source))).get(f"format=jpeg,{options}").data).size == size


@pytest.mark.parametrize(
    ("options", "red"),
    [
        ("crop=left", True),
        ("crop=right", False),
        ("crop=0.1x0.5", True),
        ("crop=0.9x0.5", False),
        ("crop=10x50", True),
        ("crop=90x50", False),
    ],
)
def test_what_is_to_stay_stays_in_a_crop(resizer, opened, options, red):
    image = opened(resizer(page(patch((400, 100)))).get(f"100x100,{options},format=png,low").data).convert("RGB")
    red_, _, blue = image.getpixel((50, 50))
    assert (red_ > blue) is red


def test_a_pad_is_filled_and_a_border_trimmed(resizer, opened):
    made = resizer(page(patch((80, 20), border=10)))
    padded = opened(made.get("100x100,pad,bgcolor=%230f0,format=png,low").data).convert("RGB")
    red, green, blue = padded.getpixel((50, 3))
    assert (padded.size, green > 200, red + blue < 100) == ((100, 100), True, True)
    trimmed = opened(made.get("trim=border,format=png,low").data)
    assert trimmed.size == (80, 20)
    assert opened(made.get("trim,40x40,format=png,low").data).size == (40, 10)


def test_lossless_is_not_respected_where_it_is_resized(resizer, opened, picture):
    made = resizer(page(picture("PNG", (300, 200))))
    exact, resized = made.get("lossless,format=jpeg,200"), made.get("high,format=jpeg,200")
    assert exact.data == resized.data


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ("{}", "/picture"),
        ("{}%20a.png?x=1&y=%2F", "/picture%20a.png?x=1&y=%2F"),
        ("{}//b/", "/picture//b/"),
        ("{}?a%20b#c", "/picture?a%20b"),
    ],
)
def test_the_source_is_asked_for_as_it_was_named(resizer, photo, sent, asked):
    made = resizer(page(photo))
    url = sent.format(made.url)
    plain = url.partition("#")[0]
    for path in (plain, quote(plain, safe=""), plain.removeprefix("http://")):
        assert made.get(url=path).status_code == 200
    assert [head.split(" ")[1] for head in made.origin.heads] == [asked]


def test_a_named_host_has_it_at_its_root(resizer, photo):
    made = resizer(page(photo), imageoptim_hosts="im2.test")
    for host, status in (("im2.test", 200), ("im2.test:8443", 200), ("other.test", 404)):
        answer = made.site.get(f"/acme/full/{made.url}", headers={"Host": host})
        assert answer.status_code == status
    assert made.site.get("/health", headers={"Host": "im2.test"}).status_code == HTTPStatus.FORBIDDEN
    assert made.site.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("options", "accept", "mime"),
    [
        ("full,format=png", "image/webp", "image/png"),
        ("full,format=jpeg", "image/webp", "image/jpeg"),
        ("full,format=webp", "", "image/webp"),
        ("full,format=avif", "", "image/avif"),
        ("full,format=same", "image/webp", "image/png"),
    ],
)
def test_a_format_that_is_asked_for_is_given_to_all(resizer, png, opened, options, accept, mime):
    answer = resizer(page(png)).get(options, headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (200, mime)
    assert opened(answer.data).get_format_mimetype() == mime
    assert "Vary" not in answer.headers


@pytest.mark.parametrize(
    ("accept", "allowed"),
    [
        ("*/*", {"image/png", "image/jpeg", "image/gif"}),
        ("image/webp,*/*", {"image/webp"}),
        ("image/avif", {"image/avif"}),
    ],
)
def test_the_best_format_is_chosen_among_those_the_client_takes(resizer, picture, accept, allowed):
    made = resizer(page(picture("JPEG", (300, 200), quality=95)))
    answer = made.get("full", headers={"Accept": accept})
    assert answer.mimetype in allowed
    assert answer.headers["Vary"] == "Accept"


def test_what_was_decided_is_part_of_what_is_remembered(resizer, png):
    made = resizer(page(png))
    tags = {
        made.get("full", headers={"Accept": accept}).headers["ETag"] for accept in ("", "*/*", "image/png", "image/*")
    }
    assert (len(tags), made.fetched) == (1, 1)
    tags |= {made.get("full", headers={"Accept": f"image/{kind}"}).headers["ETag"] for kind in ("webp", "avif", "webp")}
    assert (len(tags), made.fetched) == (3, 3)


@pytest.fixture(scope="module")
def animation():
    """A GIF of three frames."""
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    file = BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()


@pytest.mark.parametrize("accept", ["*/*", "image/webp"])
def test_alpha_and_movement_are_kept_in_a_format_that_holds_them(resizer, picture, animation, opened, accept):
    made = resizer(page(picture("PNG", (64, 48), "RGBA")))
    still = opened(made.get("full", headers={"Accept": accept}).data)
    assert still.convert("RGBA").getextrema()[3][0] < 255
    made.origin.speak = lambda connection, _: connection.sendall(page(animation))
    assert opened(made.get("full", made.url + "2", headers={"Accept": accept}).data).n_frames == 3


@pytest.mark.parametrize(
    ("format_", "mime", "start"), [("webm", "video/webm", b"\x1aE\xdf\xa3"), ("h264", "video/mp4", b"")]
)
def test_an_animation_becomes_a_video_and_a_still_picture_none(resizer, photo, animation, format_, mime, start):
    made = resizer(page(animation))
    answer = made.get(f"format={format_}")
    assert (answer.status_code, answer.mimetype) == (200, mime), answer.text
    assert answer.data.startswith(start)
    made.origin.speak = lambda connection, _: connection.sendall(page(photo))
    still = made.get(f"format={format_}", made.url + "2")
    assert (still.status_code, still.text[:24]) == (400, "image: got a still pictu")


def test_a_drawing_stays_one_until_it_is_resized(resizer, opened):
    made = resizer(page(SVG))
    assert made.get("full").mimetype == "image/svg+xml"
    small = made.get("20x10")
    assert (small.mimetype, opened(small.data).size) == ("image/png", (20, 10))


def test_lossless_changes_no_pixel_of_what_is_not_resized(resizer, png, opened):
    made = resizer(page(png)).get("full,quality=lossless,format=png")
    assert opened(made.data).convert("RGB").tobytes() == opened(png).convert("RGB").tobytes()
    assert len(made.data) < len(png)


def test_quality_is_a_promise_and_a_source_never_raised(resizer, picture):
    made = resizer(page(picture("JPEG", (300, 200), quality=98)))
    low, medium, high = (len(made.get(f"quality={preset}").data) for preset in ("low", "medium", "high"))
    assert low < medium < high
    poor = picture("JPEG", (300, 200), quality=10)
    made.origin.speak = lambda connection, _: connection.sendall(page(poor))
    assert len(made.get("quality=high", made.url + "2").data) <= len(poor)


@pytest.mark.parametrize("told", ["text/html", "application/x-sh", ""])
def test_the_picture_tells_its_type_and_not_its_server(resizer, png, told):
    said = page(
        png,
        f"Content-Type: {told}",
        "Set-Cookie: a=b",
        "Content-Disposition: attachment; filename=x.exe",
        "X-Accel-Redirect: /secret",
        "Content-Security-Policy: script-src *",
        "Via: 1.1 theirs",
        'ETag: "theirs"',
    )
    answer = resizer(said).get("full,format=same")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert not {"Set-Cookie", "X-Accel-Redirect"} & set(answer.headers.keys())
    assert not any("x.exe" in value or "script-src" in value or "theirs" in value for value in answer.headers.values())


def test_cookies_and_passwords_are_ignored(resizer, photo):
    made = resizer(page(photo))
    for secret in ("one", "two"):
        made.get(headers={"Cookie": f"a={secret}", "Authorization": f"Bearer {secret}", "Referer": "http://secret/"})
    (head,) = made.origin.heads
    assert not any(word in head for word in ("Cookie", "Authorization", "Referer", "one"))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ((), FOUR_HOURS),
        (("Cache-Control: no-store",), FOUR_HOURS),
        (("Cache-Control: private, max-age=99999",), FOUR_HOURS),
        (("Cache-Control: max-age=60",), FOUR_HOURS),
        (("Cache-Control: max-age=86400",), 86_400),
        (("Cache-Control: max-age=86400, s-maxage=172800",), 172_800),
        (("Cache-Control: max-age=99999999999",), YEAR),
        (("Date: Thu, 01 Jan 2026 00:00:00 GMT", "Expires: Fri, 02 Jan 2026 00:00:00 GMT"), 86_400),
    ],
)
def test_it_is_kept_four_hours_or_as_long_as_its_server_says(resizer, photo, said, kept):
    made = resizer(page(photo, *said))
    assert made.get().headers["Cache-Control"] == f"public, max-age={kept}"
    made.site.clock.now += kept - 60
    later = made.get()
    assert (later.headers["Cache-Control"], later.headers["Age"]) == (f"public, max-age={kept}", str(kept - 60))
    assert made.fetched == 1
    made.site.clock.now += 120
    assert made.get().headers["Age"] == "0"
    assert made.fetched == 2


def test_who_has_it_is_told_to_go_on_before_any_work(resizer, photo):
    made = resizer(page(photo), cache_bytes=0)
    first = made.get("full")
    made.site.clock.now += 600
    asked = {"If-None-Match": f'"other", W/{first.headers["ETag"]}'}
    for method in ("GET", "HEAD"):
        answer = made.get("full", headers=asked, method=method)
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == first.headers["ETag"]
        assert answer.headers["Cache-Control"] == f"public, max-age={FOUR_HOURS - 600}"
        assert (answer.headers["Vary"], answer.headers["Via"]) == ("Accept", "1.1 imageoptim")
        assert "Content-Type" not in answer.headers
    assert made.fetched == 1
    assert made.get("30", headers=asked).status_code == 200
    assert made.get("full", account="nobody", headers=asked).status_code == HTTPStatus.FORBIDDEN
    made.site.clock.now += FOUR_HOURS
    assert made.get("full", headers=asked).status_code == 200


def test_head_says_what_get_would(resizer, photo):
    made = resizer(page(photo))
    whole, head = made.get("full"), made.get("full", method="HEAD")
    assert (head.status_code, head.data, made.fetched) == (200, b"", 1)
    for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control", "Vary", "Via"):
        assert head.headers[name] == whole.headers[name]


def test_a_url_may_be_posted(resizer, photo):
    made = resizer(page(photo))
    answer = made.get(method="POST", url=quote(made.url, safe=""))
    assert (answer.status_code, answer.data) == (200, made.get().data)
    assert made.fetched == 1


def test_an_upload_is_made_smaller_and_kept_by_nobody(resizer, png, opened):
    made = resizer(page(png))
    answer = made.give(png, "32x32,format=same", name="über.png")
    assert (answer.status_code, opened(answer.data).size) == (200, (32, 24))
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert "uber.png" in answer.headers["Content-Disposition"]
    assert "ETag" not in answer.headers
    assert made.give(png, url="http://127.0.0.1/ignored").status_code == 200
    assert made.fetched == 0


def test_an_upload_as_an_old_client_sends_it(resizer, png, opened):
    boundary = "XXX" + hashlib.md5(b"a.png", usedforsecurity=False).hexdigest()
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    ).encode()
    body += png + f"\r\n--{boundary}--".encode()
    headers = {
        "Content-MD5": boundary[3:],
        "Content-Type": f"multipart/form-data, boundary={boundary}",
        "Accept": "image/*,application/im2+json",
    }
    answer = resizer(page(png)).get("20,format=jpeg", "", method="POST", account="open", data=body, headers=headers)
    assert (answer.status_code, opened(answer.data).size) == (200, (20, 15))


class Slow:
    """Stands where the pool stands: gives what it is told, or nothing in time."""

    def __init__(self, result=None):
        self.result, self.seconds = result, []

    def run(self, *_, seconds, **__):
        self.seconds.append(seconds)
        if self.result is None:
            raise TooSlow
        return self.result

    def start(self):
        pass

    def load(self):
        return Load(helpers=1, running=0, waiting=0, restarts=0)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_any_result_in_time_it_is_the_source(resizer, photo, method):
    made = resizer(page(photo), pool=Slow())
    for time_ in (1, 2):
        answer = made.get(method=method)
        assert (answer.status_code, answer.headers["Location"]) == (302, made.url)
        assert answer.headers["Warning"].startswith("199 imageoptim ")
        assert (answer.headers["Cache-Control"], answer.headers["Via"]) == ("public, max-age=60", "1.1 imageoptim")
        assert "ETag" not in answer.headers
        assert made.fetched == time_


def test_an_upload_without_any_result_in_time_comes_back(resizer, png, photo):
    made = resizer(page(png), pool=Slow())
    for data, mime in ((png, "image/png"), (photo, "image/jpeg"), (b"<html>", "application/octet-stream")):
        answer = made.give(data)
        assert (answer.status_code, answer.data, answer.mimetype) == (200, data, mime)
        assert answer.headers["Warning"].startswith("199 imageoptim ")
        assert answer.headers["Cache-Control"] == "no-store, private"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_the_best_so_far_may_be_kept_for_a_moment(resizer, png):
    best = Result(png, "png", "image/png", 64, 48, 1, None, 99, "png", 64, 48, hurried=True)
    made = resizer(page(png, "Cache-Control: max-age=999999"), pool=Slow(best))
    for options, kept in (("timeout=5", 60), ("timeout=30", FOUR_HOURS)):
        made.origin.heads.clear()
        answer = made.get(options)
        assert (answer.data, answer.headers["Cache-Control"]) == (png, "public, max-age=60")
        assert answer.headers["Warning"].startswith("199 imageoptim ")
        assert not {"ETag", "Age"} & set(answer.headers.keys())
        made.site.clock.now += kept - 1
        assert made.get(options).headers["Warning"] == answer.headers["Warning"]
        assert made.fetched == 1
        made.site.clock.now += 2
        made.get(options)
        assert made.fetched == 2
        assert made.give(png, options).headers["Warning"] == answer.headers["Warning"]


@pytest.mark.parametrize(("asked", "seconds"), [("full", 10.0), ("timeout=2.5", 2.5), ("timeout=99", 10.0)])
def test_the_work_may_take_the_time_that_is_asked_for_and_no_more_than_allowed(resizer, photo, asked, seconds):
    pool = Slow()
    made = resizer(page(photo), pool=pool, deadline=10.0)
    made.get(asked)
    made.give(photo, asked)
    assert pool.seconds == [seconds, seconds]


def test_a_real_picture_cut_short_is_answered(resizer, picture):
    made = resizer(page(picture("PNG", (1500, 1000), "RGBA")))
    answer = made.get("full,timeout=0.6,format=avif")
    assert answer.status_code in (200, 302)
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert answer.headers["Warning"].startswith("199 imageoptim ")


def test_time_is_part_of_what_is_remembered(resizer, photo):
    made = resizer(page(photo))
    for options in ("full", "timeout=20", "timeout=20,full", "timeout=30", "full"):
        made.get(options)
    assert made.fetched == 2


def test_those_who_ask_at_once_are_served_by_one_fetch(resizer, photo):
    crowd, there = 12, threading.Event()

    def speak(connection, _):
        there.wait(30)
        connection.sendall(page(photo))

    made = resizer(speak)
    looked = threading.Semaphore(0)

    def ask(_):
        looked.release()
        return made.get()

    with ThreadPoolExecutor(crowd) as threads:
        answers = threads.map(ask, range(crowd))
        for _ in range(crowd):
            looked.acquire(timeout=30)
        # All have begun to ask; a moment later all wait for the one that fetches.
        time.sleep(1)
        there.set()
        got = list(answers)
    assert {(answer.status_code, answer.data) for answer in got} == {(200, got[0].data)}
    assert made.fetched == 1


def test_new_pictures_are_limited_by_address_and_minute(resizer, photo):
    made = resizer(page(photo), imageoptim_per_minute=2)

    def ask(options, address="203.0.113.9"):
        return made.get(options, environ_overrides={"REMOTE_ADDR": address})

    assert [ask(options).status_code for options in ("1", "1", "1", "2", "3")] == [200, 200, 200, 200, 429]
    assert 1 <= int(ask("3").headers["Retry-After"]) <= 60
    assert ask("2").status_code == 200
    assert (
        made.give(photo, environ_overrides={"REMOTE_ADDR": "203.0.113.9"}).status_code == HTTPStatus.TOO_MANY_REQUESTS
    )
    assert ask("3", "203.0.113.10").status_code == 200
    made.site.clock.now += 61
    assert ask("4").status_code == 200


def test_a_signed_account_makes_what_is_signed_alone(resizer, photo):
    made = resizer(page(photo))
    key = made.key("sealed")
    signed = signature.sign(key, "sealed", "20", made.url)
    assert made.get(signed, account="sealed").status_code == 200
    assert made.get("20", account="sealed").status_code == HTTPStatus.FORBIDDEN
    assert made.get(signed.replace("20,", "21,", 1), account="sealed").status_code == HTTPStatus.FORBIDDEN
    assert made.get(signed, account="acme").status_code == HTTPStatus.FORBIDDEN
    ends = signature.sign(key, "sealed", f"20,expires={int(made.site.clock()) + 60}", made.url)
    assert made.get(ends, account="sealed").status_code == 200
    made.site.clock.now += 61
    answer = made.get(ends, account="sealed")
    assert (answer.status_code, answer.text) == (403, "expires: the time of this URL is over.\n")
    assert made.fetched == 1
    assert not any("sig=" in line.get("path", "") or made.url in line.get("path", "") for line in made.site.lines())


def test_uploads_need_to_be_allowed_or_signed_for_themselves(resizer, photo):
    made = resizer(page(photo))
    key = made.key("sealed")
    pages = signature.sign(key, "sealed", "20", made.url)
    uploads = signature.sign(key, "sealed", "20", "")
    assert made.give(photo, uploads, account="sealed").status_code == 200
    for account, options, url in (("acme", "20", ""), ("sealed", "20", ""), ("sealed", pages, made.url)):
        assert made.give(photo, options, account=account, url=url).status_code == HTTPStatus.FORBIDDEN
    mixed = signature.sign(made.key("open"), "open", "20", "")
    assert made.give(photo, mixed).status_code == 200
    assert made.give(photo, mixed.replace("20", "21", 1)).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(("hosts", "status"), [("127.0.0.1", 200), ("a.test,127.0.0.1", 200), ("localhost", 403)])
def test_an_account_fetches_from_its_hosts_alone(resizer, photo, hosts, status):
    made = resizer(page(photo))
    made.add(Account("other", hosts=hosts))
    answer = made.get(account="other")
    assert answer.status_code == status
    assert made.fetched == (status == HTTPStatus.OK)


def test_a_redirect_is_followed_to_its_hosts_alone(resizer, photo):
    def speak(connection, path):
        there = f"http://127.0.0.1:{connection.getsockname()[1]}/there"
        connection.sendall(page(photo) if path == "/there" else moved(there))

    made = resizer(speak, fetch_networks="127.0.0.0/8,::1/128")
    made.add(Account("narrow", hosts="localhost"))
    made.add(Account("wide", hosts="localhost,127.0.0.1"))
    url = made.url.replace("127.0.0.1", "localhost")
    assert made.get(url=url, account="narrow").status_code == HTTPStatus.BAD_REQUEST
    assert made.get(url=url, account="wide").status_code == 200
