"""What comes back for real pictures: bytes, headers, JSON (K08, K09, K12, K13, K15, K17, K18, K20-K25, K37, K38)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

import pytest
from PIL import Image, ImageSequence

from imgsvc.dialects.klema import saved
from imgsvc.engine.result import Result
from imgsvc.sandbox import Load

MIMES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif", "avif": "image/avif"}
PILLOW = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "avif": "AVIF", "bmp": "BMP", "tiff": "TIFF"}
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="32"><!-- a remark -->'
    b'<rect width="64" height="32" fill="#ff0000"/><script>alert(1)</script></svg>'
)
FIELDS = [
    "success",
    "original_size",
    "optimized_size",
    "savings_percent",
    "output_format",
    "mime_type",
    "download_url",
    "expires_at",
]


@pytest.mark.parametrize("kind", MIMES)
def test_a_picture_keeps_its_format(site, picture, opened, kind):
    upload = picture(PILLOW[kind], mode="P" if kind == "gif" else "RGB")
    answer = site.post(upload, name=f"photo.{kind}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, MIMES[kind])
    assert opened(answer.data).format == PILLOW[kind]
    assert opened(answer.data).size == (48, 32)
    assert len(answer.data) <= len(upload)


@pytest.mark.parametrize("kind", ["bmp", "tiff"])
def test_bmp_and_tiff_become_png(site, picture, kind):
    upload = picture(PILLOW[kind])
    assert site.post(upload).headers["Content-Type"] == "image/png"
    assert site.post(upload, response="json").json["output_format"] == "png"


@pytest.mark.parametrize("kind", ["bmp", "tiff"])
def test_bmp_and_tiff_need_a_format_where_the_operator_says_so(found, picture, kind):
    site = found(convert_inputs=False)
    answer = site.post(picture(PILLOW[kind]))
    assert answer.status_code == 400
    assert answer.json["error"].startswith("output_format: missing, expected one of auto, avif, gif, jpg, png, webp")
    assert site.post(picture(PILLOW[kind]), output_format="webp").status_code == 200
    assert site.post(picture("PNG")).status_code == 200
    assert site.post(SVG).status_code == 200


@pytest.mark.parametrize("target", MIMES)
@pytest.mark.parametrize("kind", ["jpg", "png", "bmp"])
def test_a_picture_becomes_what_was_asked(site, picture, opened, kind, target):
    answer = site.post(picture(PILLOW[kind]), output_format=target.upper())
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, MIMES[target])
    assert opened(answer.data).format == PILLOW[target]


def test_jpeg_is_another_word_for_jpg(site, picture):
    answer = site.post(picture(), output_format="jpeg", response="json")
    assert (answer.json["output_format"], answer.json["mime_type"]) == ("jpg", "image/jpeg")


def test_an_svg_stays_one_without_its_script_and_without_a_box(site):
    answer = site.post(SVG, name="logo.svg", ratio="10x10")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert b"script" not in answer.data
    assert b"64" in answer.data
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert site.post(SVG, response="json").json["output_format"] == "svg"


@pytest.mark.parametrize(("ratio", "size"), [(None, (64, 32)), ("32x32", (32, 16)), ("640x640", (64, 32))])
def test_an_svg_is_drawn_where_a_format_is_asked(site, opened, ratio, size):
    box = {"ratio": ratio} if ratio else {}
    answer = site.post(SVG, output_format="png", **box)
    assert opened(answer.data).size == size
    assert opened(answer.data).convert("RGB").getpixel((5, 5)) == (255, 0, 0)


def test_an_svg_is_free_of_the_side_limits(site):
    wide = SVG.replace(b'width="64" height="32"><!', b'width="2500" height="32" viewBox="0 0 2500 32"><!')
    assert site.post(wide).status_code == 200


@pytest.mark.parametrize(("size", "status"), [((2000, 2), 200), ((2, 2000), 200), ((2001, 1), 400), ((1, 2001), 400)])
def test_each_side_has_its_limit(site, picture, size, status):
    answer = site.post(picture("PNG", size, "L"), quality="1")
    assert answer.status_code == status
    if status == 400:
        assert "2001" in answer.json["error"]
        assert "2000" in answer.json["error"]


def test_a_key_may_have_other_side_limits(site, picture):
    _, secret = site.issue_secret(max_width=40, max_height=3000)
    headers = {"X-API-Key": secret}
    assert site.post(picture("PNG", (41, 8)), headers=headers).status_code == 400
    assert site.post(picture("PNG", (8, 2100), "L"), headers=headers, quality="1").status_code == 200


@pytest.mark.parametrize(
    ("ratio", "size"),
    [("24x24", (24, 16)), ("24x8", (12, 8)), ("48x32", (48, 32)), ("1000X1000", (48, 32)), ("1x1", (1, 1))],
)
def test_a_picture_fits_inside_the_box_and_never_grows(site, picture, opened, ratio, size):
    assert opened(site.post(picture(), ratio=ratio).data).size == size


def test_the_box_counts_on_the_picture_as_seen(site, picture, opened):
    exif = Image.Exif()
    exif[0x0112] = 6
    upload = picture("JPEG", (64, 32), exif=exif)
    answer = opened(site.post(upload, ratio="16x1000").data)
    assert answer.size == (16, 32)
    assert 0x0112 not in answer.getexif()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_quality_1_keeps_every_pixel(site, picture, opened, kind):
    upload = picture(kind)
    answer = site.post(upload, quality="1")
    assert opened(answer.data).convert("RGB").tobytes() == opened(upload).convert("RGB").tobytes()
    assert answer.headers["X-Quality-Score"] == "100.0"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_no_step_of_quality_gives_a_larger_file(site, picture, kind):
    upload = picture(kind)
    sizes = [len(site.post(upload, quality=str(quality)).data) for quality in (1, 4, 7, 10)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= len(upload)


def test_the_headers_measure_the_picture(site, picture):
    upload = picture("PNG", (96, 64))
    answer = site.post(upload)
    size = len(answer.data)
    assert answer.headers["X-Original-Size"] == str(len(upload))
    assert answer.headers["X-Optimized-Size"] == answer.headers["Content-Length"] == str(size)
    share = 100 * (len(upload) - size) / len(upload)
    assert share - 0.1 < float(answer.headers["X-Savings-Percent"]) <= share
    assert 70.0 <= float(answer.headers["X-Quality-Score"]) <= 100.0
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_our_own_answer_comes_back_as_it_is(site, picture):
    once = site.post(picture("PNG", (96, 64))).data
    again = site.post(once)
    assert again.data == once
    assert again.headers["X-Savings-Percent"] == "0.0"


def test_a_forced_format_may_grow_and_says_so(site):
    flat = BytesIO()
    Image.new("1", (64, 64)).save(flat, "PNG", optimize=True)
    answer = site.post(flat.getvalue(), output_format="jpg")
    assert len(answer.data) > len(flat.getvalue())
    assert float(answer.headers["X-Savings-Percent"]) < 0


@pytest.mark.parametrize(
    ("before", "after", "percent"),
    [
        (245832, 98412, 59.9),
        (1000, 1000, 0.0),
        (1000, 999, 0.1),
        (10000, 9999, 0.0),
        (10000, 10001, 0.0),
        (1000, 1001, -0.1),
        (1000, 1239, -23.9),
        (1, 100, -9900.0),
        (10, 0, 100.0),
    ],
)
def test_savings_are_cut_off_towards_zero(before, after, percent):
    result = Result(b"x" * after, "png", "image/png", 1, 1, 1, None, before, "png", 1, 1)
    assert f"{saved(result):.1f}" == f"{percent:.1f}"


def test_the_json_answer_has_its_eight_fields_and_no_other(site, picture):
    upload = picture("JPEG", (96, 64), quality=98)
    answer = site.post(upload, output_format="webp", response="json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    fields = answer.json
    assert list(fields) == FIELDS
    kinds = [type(value) for value in fields.values()]
    assert kinds == [bool, int, int, float, str, str, str, str]
    assert fields["success"] is True
    assert fields["original_size"] == len(upload)
    assert (fields["output_format"], fields["mime_type"]) == ("webp", "image/webp")
    assert fields["download_url"].startswith("/download.php?id=")
    assert len(fields["download_url"].partition("=")[2]) >= 43
    expires = datetime.fromtimestamp(site.clock() + 600, UTC)
    assert fields["expires_at"] == expires.strftime("%Y-%m-%d %H:%M:%S")
    assert site.get(fields["download_url"]).content_length == fields["optimized_size"]


@pytest.mark.parametrize(
    ("uploaded", "sent"),
    [
        ("photo.png", 'inline; filename="photo.webp"'),
        ("a b.png", 'inline; filename="a b.webp"'),
        ("min-bild-å.png", "inline; filename=\"min-bild-a.webp\"; filename*=UTF-8''min-bild-%C3%A5.webp"),
        ("写真.png", "inline; filename=\"image.webp\"; filename*=UTF-8''%E5%86%99%E7%9C%9F.webp"),
    ],
)
def test_the_file_keeps_its_name_under_a_new_ending(site, picture, uploaded, sent):
    answer = site.post(picture(), name=uploaded, output_format="webp")
    assert answer.headers["Content-Disposition"] == sent


def test_transparency_becomes_white_where_the_format_has_none(site, opened):
    clear = BytesIO()
    Image.new("RGBA", (32, 32), (0, 0, 255, 0)).save(clear, "PNG")
    answer = opened(site.post(clear.getvalue(), output_format="jpg").data)
    assert min(answer.getpixel((16, 16))) >= 250


def animation(kind: str) -> bytes:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    frames = [Image.new("RGB", (32, 32), colour) for colour in colours]
    out = BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=0)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
@pytest.mark.parametrize("target", ["gif", "webp", "avif", None])
def test_an_animation_keeps_its_frames_and_their_times(site, kind, target):
    answer = site.post(animation(kind), **({"output_format": target} if target else {}))
    moving = Image.open(BytesIO(answer.data))
    assert moving.n_frames == 3
    times = []
    for frame in ImageSequence.Iterator(moving):
        frame.load()
        times.append(round(frame.info["duration"]))
    assert times == [100, 200, 300]


def test_an_animation_as_jpg_is_its_first_frame(site, opened):
    red, green, blue = opened(site.post(animation("GIF"), output_format="jpg").data).getpixel((16, 16))
    assert (red > 200, green < 60, blue < 60) == (True, True, True)


@pytest.mark.parametrize("cut", [0.3, 0.7])
def test_a_damaged_picture_is_the_senders_fault(site, picture, cut):
    whole = picture("PNG", (96, 64))
    answer = site.post(whole[: int(len(whole) * cut)])
    assert answer.status_code == 400
    assert answer.json["error"].startswith("image: ")


@dataclass(frozen=True)
class Hasty:
    """Stands where the pool stands, and has no time."""

    result: Result

    def run(self, *_, **__):
        return self.result

    def start(self):
        pass

    def load(self):
        return Load(helpers=1, running=0, waiting=0, restarts=0)


@pytest.mark.parametrize("asked", [{}, {"response": "json"}])
@pytest.mark.parametrize("hurried", [True, False])
def test_an_answer_tells_that_time_ran_out(found, picture, asked, hurried):
    data = picture("PNG")
    best = Result(data, "png", "image/png", 48, 32, 1, 100.0, len(data), "png", 48, 32, hurried=hurried)
    answer = found(pool=Hasty(best)).post(data, **asked)
    assert answer.status_code == 200
    assert answer.headers.get("Warning", "").startswith('199 imgsvc "time ran out') == hurried
    assert ("Warning" in answer.headers["Access-Control-Expose-Headers"]) == hurried
