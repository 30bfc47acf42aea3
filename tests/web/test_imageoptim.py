"""The ImageOptim API: what it makes of a picture (I06-I21, I27)."""

from __future__ import annotations

from io import BytesIO

import pytest
from imgsvc_origins import page
from PIL import Image

FOUR_HOURS = 4 * 3600
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
    assert answer.headers["Content-Disposition"].startswith('inline; filename="picture.')
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
