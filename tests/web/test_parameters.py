"""What each text field may say, and the sentence where it says something else (K11, K14, K16, K19)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsvc.dialects.klema import read
from imgsvc.engine.recipe import LooksLike, Lossless, Recipe, Resize
from imgsvc.errors import BadParameter

LADDER = {2: 92, 3: 90, 4: 87.5, 5: 85, 6: 82.5, 7: 80, 8: 77, 9: 74, 10: 70}


def test_nothing_said_means_the_smallest_file_of_the_same_kind():
    assert read({}) == Recipe(LooksLike(70.0), (), None)


@pytest.mark.parametrize(("quality", "score"), LADDER.items())
def test_each_quality_promises_its_score(quality, score):
    assert read({"quality": str(quality)}).goal == LooksLike(score)


def test_quality_1_is_lossless():
    assert read({"quality": "1"}).goal == Lossless()


@pytest.mark.parametrize(
    "text",
    ["", "0", "11", "-1", "+5", "5.0", " 5", "5 ", "05", "5\n", "٥", "５", "five", "1e0", "0x5", "9" * 400, "NaN"],
)
def test_other_qualities_are_refused_by_name_value_and_expectation(text):
    with pytest.raises(BadParameter, match=r"^quality: got '.*', expected a whole number from 1 .* to 10"):
        read({"quality": text})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("jpg", "jpg"),
        ("jpeg", "jpg"),
        ("JPEG", "jpg"),
        ("Jpg", "jpg"),
        ("PNG", "png"),
        ("WebP", "webp"),
        ("gif", "gif"),
        ("AVIF", "avif"),
        ("auto", "auto"),
        ("Auto", "auto"),
    ],
)
def test_formats_are_known_in_any_case(text, name):
    assert read({"output_format": text}).formats == (name,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bmp",
        "tiff",
        "tif",
        "svg",
        "heic",
        "jxl",
        ".png",
        "image/png",
        " png",
        "pngx",
        "ıpg",
        "automatic",
        "auto,png",
    ],
)
def test_other_formats_are_refused_by_name_value_and_expectation(text):
    with pytest.raises(BadParameter, match=r"^output_format: got '.*', expected jpg, png, webp, gif, avif or auto"):
        read({"output_format": text})


@pytest.mark.parametrize(
    ("text", "box"),
    [("1000x1000", (1000, 1000)), ("1x1", (1, 1)), ("99999X99999", (99999, 99999)), ("0080x060", (80, 60))],
)
def test_a_ratio_is_a_box(text, box):
    assert read({"ratio": text}).resize == Resize(*box)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "100",
        "100x",
        "x100",
        "0x10",
        "10x0",
        "00000x1",
        "-1x5",
        "100000x1",
        "1x100000",
        "10*10",
        "10x10x10",
        "10 x 10",
        "10x10 ",
        "10x10\n",
        "1.5x2",
        "١x١",
        "10×10",
        "a" * 5000,
    ],
)
def test_other_ratios_are_refused_by_name_value_and_expectation(text):
    with pytest.raises(BadParameter, match=r"^ratio: got '.*', expected WIDTHxHEIGHT"):
        read({"ratio": text})


@given(
    st.dictionaries(st.sampled_from(["quality", "output_format", "ratio", "response", "other"]), st.text(max_size=12))
)
def test_any_form_is_a_recipe_or_a_named_parameter(form):
    try:
        made = read(form)
    except BadParameter as error:
        made = error
    good = isinstance(made, Recipe)
    assert good or (made.name in form and made.message.startswith(f"{made.name}: got '"))


@pytest.mark.parametrize("field", [{"quality": "eleven"}, {"ratio": "wide"}, {"output_format": "bmp"}])
def test_a_wrong_field_is_named_before_the_picture_is_looked_at(site, field):
    answer = site.post(b"not a picture", **field)
    (name, value), *_ = field.items()
    assert answer.status_code == 400
    assert answer.json["error"].startswith(f"{name}: got '{value}', expected ")


@pytest.mark.parametrize("name", ["quality", "ratio", "output_format", "response"])
def test_a_field_sent_twice_is_refused(site, photo, name):
    answer = site.post(photo, **{name: ["5", "5"]})
    assert (answer.status_code, answer.json) == (400, {"error": f"{name}: got 2 values, expected one."})


@pytest.mark.parametrize("response", ["xml", "binary", "", "html"])
def test_another_response_than_json_is_the_picture(site, photo, response):
    answer = site.post(photo, response=response)
    assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")


def test_the_accept_header_changes_nothing(site, photo):
    answer = site.post(photo, headers={"X-API-Key": site.key, "Accept": "application/json"})
    assert answer.mimetype == "image/jpeg"


def test_fields_of_other_names_are_nobodys(site, photo):
    answer = site.post(photo, colour="blue", quality="3", api_key=["a", "b"])
    assert answer.status_code == 200


def test_fields_in_the_query_are_not_the_forms(site, photo):
    assert site.post(photo, path="/api/v1/optimize?quality=99&response=json").mimetype == "image/jpeg"
