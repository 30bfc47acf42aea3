"""How a picture arrives: one whole file in the part `image`, not too large (K04-K07, K10, K30)."""

from __future__ import annotations

from io import BytesIO

import pytest

from imgsvc.settings import MIB

EDGE = "edge"
FORM = f"multipart/form-data; boundary={EDGE}"


def part(disposition: str, data: bytes) -> bytes:
    return f"--{EDGE}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + data + b"\r\n"


def image(data: bytes, name: str = "a.png") -> bytes:
    return part(f'name="image"; filename="{name}"', data)


CLOSE = f"--{EDGE}--\r\n".encode()


@pytest.fixture
def send(site):
    def ask(body: bytes, kind: str | None = FORM, **options):
        headers = {"X-API-Key": site.key}
        return site.ask("POST", "/api/v1/optimize", data=body, content_type=kind, headers=headers, **options)

    return ask


def test_both_spellings_of_the_path_answer_without_a_detour(site, photo):
    for path in ("/api/v1/optimize", "/api/v1/optimize/"):
        assert site.post(photo, path=path).status_code == 200


@pytest.mark.parametrize("ending", [b"\r\n", b"", b"\r\nan epilogue"])
def test_a_whole_body_is_taken(send, photo, ending):
    assert send(image(photo) + CLOSE.strip() + ending).status_code == 200


def test_fields_may_come_before_and_after_the_file(send, photo):
    before, after = part('name="quality"', b"1"), part('name="output_format"', b"webp")
    assert send(before + image(photo) + after + CLOSE).mimetype == "image/webp"


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"", None, "image: missing"),
        (b"", FORM, "image: "),
        (CLOSE, FORM, "image: missing"),
        (b"{}", "application/json", "Content-Type: got 'application/json', expected multipart"),
        (b"image=x", "application/x-www-form-urlencoded", "Content-Type: got "),
        (image(b"x") + CLOSE, "multipart/form-data", "Content-Type: got 'multipart/form-data', expected "),
        (image(b"x") + CLOSE, "multipart/form-data; boundary=", "Content-Type: got "),
        (image(b"x") + CLOSE, "multipart/mixed; boundary=edge", "Content-Type: got "),
        (image(b"x") + CLOSE, "multipart/form-data; boundary=other", "image: the body is cut short"),
        (image(b"") + CLOSE, FORM, "image: the file is empty"),
        (part('name="image"; filename=""', b"") + CLOSE, FORM, "image: the file is empty"),
        (part('name="image"', b"x") + CLOSE, FORM, "image: got a text field, expected a file"),
        (part('name="image"', b"x") + image(b"x") + CLOSE, FORM, "image: got a text field"),
        (image(b"x") + image(b"y") + CLOSE, FORM, "image: got 2 files, expected one."),
        (part('name="picture"; filename="a.png"', b"x") + CLOSE, FORM, "image: missing"),
        (part('name="quality"; filename="a.txt"', b"5") + image(b"x") + CLOSE, FORM, "quality: got a file"),
        (image(b"x") + part('filename="a"', b"x") + CLOSE, FORM, "image: got application"),
        (part("nothing", b"x") + image(b"x") + CLOSE, FORM, "image: got application"),
        (f"--{EDGE}\r\nX: y\r\n\r\nz\r\n".encode() + image(b"x") + CLOSE, FORM, "image: the body is cut short"),
        (b"--edge\r\nContent-Disposition: \xff\r\n\r\nz\r\n" + CLOSE, FORM, "image: the body is cut short"),
        (image(b"x"), FORM, "image: the body is cut short"),
        (image(b"x") + CLOSE[:-3], FORM, "image: the body is cut short"),
        (image(b"x" * 200_000)[:-2], FORM, "image: the body is cut short"),
        (part('name="a"', b"x") * 51 + image(b"x") + CLOSE, FORM, "image: got a body that is too large"),
        (part('name="a"', b"x" * 200_000) + image(b"x") + CLOSE, FORM, "image: got a body that is too large"),
    ],
)
def test_anything_but_one_whole_file_is_refused(send, body, kind, says):
    answer = send(body, kind)
    assert answer.status_code == 400
    assert list(answer.json) == ["error"]
    assert answer.json["error"].startswith(says)


def test_a_body_shorter_than_it_says_is_refused(send, photo):
    body = image(photo) + CLOSE
    for kept in (len(body) // 2, len(body) - 6, 10):
        answer = send(b"", input_stream=BytesIO(body[:kept]), environ_overrides={"CONTENT_LENGTH": str(len(body))})
        assert answer.status_code == 400
        assert answer.json["error"].startswith("image: the body is cut short")


@pytest.mark.parametrize("kept", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_every_missing_byte_of_the_final_boundary_is_noticed(send, photo, kept):
    body = image(photo)
    answer = send(body + CLOSE[:kept])
    assert answer.status_code == (200 if kept >= len(CLOSE.strip()) else 400)


def test_a_body_without_a_length_is_taken_where_the_server_ends_it(send, photo):
    stream = BytesIO(image(photo) + CLOSE)
    chunked = {"wsgi.input_terminated": True, "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    assert send(b"", input_stream=stream, environ_overrides=chunked).status_code == 200


def terminated(site, stream, **headers):
    """Posts a body whose end the server tells, as gunicorn does."""
    return site.ask(
        "POST",
        "/api/v1/optimize",
        input_stream=stream,
        content_type=FORM,
        headers=headers,
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )


def test_a_body_without_a_length_is_held_to_the_limit(found):
    site = found(max_bytes=10_000)
    answer = terminated(site, BytesIO(image(b"x" * 3_000_000) + CLOSE), **{"X-API-Key": site.key})
    assert answer.status_code == 400
    assert "at most 10000 bytes" in answer.json["error"]


@pytest.mark.parametrize(("size", "read"), [(500_000, 500_000), (30_000_000, 900_000)])
def test_a_refused_body_is_read_to_its_end_but_not_for_ever(found, size, read):
    site = found(max_body=900_000)
    body = BytesIO(b"x" * size)
    assert terminated(site, body).status_code == 401
    assert read <= body.tell() <= read + 100_000


def test_the_limit_is_2_mib_to_the_byte(site, picture):
    largest = picture("BMP", (8, 8))
    largest += b"\0" * (2 * MIB - len(largest))
    assert site.post(largest).status_code == 200
    answer = site.post(largest + b"\0")
    assert (answer.status_code, answer.json["error"]) == (
        400,
        "image: got 2097153 bytes, expected at most 2097152.",
    )
    assert "2097152" in site.post(largest * 2).json["error"]


def test_the_limit_is_the_keys_own(site, picture):
    small, large = site.issue_secret(max_bytes=100)[1], site.issue_secret(max_bytes=3 * MIB)[1]
    padded = picture("BMP", (8, 8)) + b"\0" * (2 * MIB)
    assert site.post(padded, headers={"X-API-Key": large}).status_code == 200
    assert site.post(padded).status_code == 400
    answer = site.post(picture("BMP", (8, 8)), headers={"X-API-Key": small})
    assert answer.json["error"].endswith("expected at most 100.")


def test_no_keys_limit_goes_beyond_the_largest_body(found, picture):
    site = found(max_body=1000)
    _, secret = site.issue_secret(max_bytes=3 * MIB)
    answer = site.post(picture("BMP", (32, 32)), headers={"X-API-Key": secret})
    assert answer.json["error"].endswith("expected at most 1000.")


def test_the_kind_is_read_from_the_bytes_alone(site, picture):
    answer = site.ask(
        "POST",
        "/api/v1/optimize",
        data={"image": (BytesIO(picture("WEBP")), "a.exe", "text/html")},
        headers={"X-API-Key": site.key},
    )
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")


OTHER_KINDS = {
    "text": b"hello",
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64,
    "ico": b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + b"\0" * 64,
    "psd": b"8BPS\0\1" + b"\0" * 64,
    "html": b"<!doctype html><svg></svg>",
    "zip": b"PK\3\4" + b"\0" * 64,
    "zeros": b"\0" * 64,
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_are_refused_and_leave_nothing_behind(site, kind):
    before = site.kept()
    answer = site.post(OTHER_KINDS[kind], name="photo.jpg", response="json")
    assert answer.status_code == 400
    assert answer.json["error"].startswith("image: ")
    assert site.kept() == before
