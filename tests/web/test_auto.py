"""`output_format=auto`: the answer names the format that won, wherever it names one."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.engine.pictures import cutout, drawing, encoded, glass, moving, photo

PICTURES = {
    "photo": encoded(photo(), "PNG"),
    "drawing": encoded(drawing(), "PNG"),
    "glass": encoded(glass(), "PNG"),
    "cutout": encoded(cutout(), "GIF"),
    "moving": moving("GIF"),
}
ENDINGS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "AVIF": "avif"}


@pytest.mark.parametrize("name", PICTURES)
def test_headers_and_name_tell_the_format_that_won(site, opened, name):
    upload = PICTURES[name]
    answer = site.post(upload, name="holiday.png", output_format="auto")
    shown = opened(answer.data)
    ending = ENDINGS[shown.format]
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, Image.MIME[shown.format])
    assert answer.headers["Content-Disposition"] == f'inline; filename="holiday.{ending}"'
    assert len(answer.data) < len(upload)
    assert float(answer.headers["X-Quality-Score"]) >= 70.0


@pytest.mark.parametrize("name", PICTURES)
def test_no_single_format_gives_a_smaller_file_at_the_promised_score(site, name):
    upload = PICTURES[name]
    size = len(site.post(upload, output_format="auto", quality="7").data)
    holding = [ending for ending in ENDINGS.values() if ending != "jpg" or name in ("photo", "drawing")]
    alone = [site.post(upload, output_format=ending, quality="7") for ending in holding]
    kept = [answer for answer in alone if float(answer.headers["X-Quality-Score"]) >= 80.0]
    assert size <= 1.01 * min(len(answer.data) for answer in kept)


def test_json_names_it_too(site, opened):
    fields = site.post(PICTURES["glass"], output_format="AUTO", response="json").json
    download = site.get(fields["download_url"])
    shown = opened(download.data)
    assert (fields["output_format"], fields["mime_type"]) == (ENDINGS[shown.format], Image.MIME[shown.format])
    assert download.headers["Content-Disposition"].endswith(f'.{fields["output_format"]}"')


def test_alpha_and_frames_survive(site, opened):
    clear = opened(site.post(PICTURES["glass"], output_format="auto").data)
    assert np.asarray(clear.convert("RGBA"))[60, 2, 3] < 20
    with Image.open(BytesIO(site.post(PICTURES["moving"], output_format="auto").data)) as show:
        assert show.n_frames == 5


@pytest.mark.parametrize("name", ["photo", "drawing", "glass"])
def test_quality_1_keeps_every_pixel_whatever_wins(site, opened, name):
    answer = site.post(PICTURES[name], output_format="auto", quality="1")
    before, after = (np.asarray(opened(data).convert("RGBA")) for data in (PICTURES[name], answer.data))
    assert np.array_equal(before, after)
    assert answer.headers["X-Quality-Score"] == "100.0"
    assert len(answer.data) < len(PICTURES[name])


def test_an_svg_stays_one(site):
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="32"><rect width="64" height="32"/></svg>'
    assert site.post(svg, output_format="auto", ratio="10x10").mimetype == "image/svg+xml"


def test_a_word_that_is_no_format_is_told_all_that_are(site, photo):
    answer = site.post(photo, output_format="best")
    expected = "output_format: got 'best', expected jpg, png, webp, gif, avif or auto."
    assert (answer.status_code, answer.json) == (400, {"error": expected})
