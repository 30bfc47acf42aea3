"""The grammar of the ImageOptim API's options, a row for each sentence of its documentation (I05-I22)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from imgsvc import ladder
from imgsvc.dialects.imageoptim_options import FORMATS, KNOWN, Options, check_preset, read, recipe
from imgsvc.engine import recipe as words
from imgsvc.engine.recipe import LooksLike, Lossless, Resize
from imgsvc.errors import BadParameter

NONE = MIMEAccept()


def accepting(text):
    return parse_accept_header(text, MIMEAccept)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("full", {}),
        ("FULL", {}),
        ("300x200", {"width": 300, "height": 200}),
        ("300X200", {"width": 300, "height": 200}),
        ("300", {"width": 300}),
        ("1", {"width": 1}),
        ("10000x10000", {"width": 10_000, "height": 10_000}),
        ("300x200,400", {"width": 400}),
        ("300x200,full", {}),
        ("full,300x200", {"width": 300, "height": 200}),
        ("300,2x", {"width": 300, "density": 2.0}),
        ("3x,300", {"width": 300, "density": 3.0}),
        ("1.5x", {"density": 1.5}),
        ("2.x", {"density": 2.0}),
        ("2x,1x", {}),
        ("fit,30", {"width": 30, "method": "fit"}),
        ("30,scale-down", {"width": 30}),
        ("30,fit,Scale-Down", {"width": 30}),
        ("30x20,crop", {"width": 30, "height": 20, "method": "crop"}),
        ("crop,30x20", {"width": 30, "height": 20, "method": "crop"}),
        ("30x20,pad", {"width": 30, "height": 20, "method": "pad"}),
        ("30x20,crop=auto", {"width": 30, "height": 20, "method": "crop", "gravity": "auto"}),
        ("30x20,crop=top", {"width": 30, "height": 20, "method": "crop", "gravity": (0.5, 0.0)}),
        ("30x20,crop=left", {"width": 30, "height": 20, "method": "crop", "gravity": (0.0, 0.5)}),
        ("30x20,crop=right", {"width": 30, "height": 20, "method": "crop", "gravity": (1.0, 0.5)}),
        ("30x20,crop=bottom", {"width": 30, "height": 20, "method": "crop", "gravity": (0.5, 1.0)}),
        ("30x20,crop=0.333x0.2", {"width": 30, "height": 20, "method": "crop", "gravity": (0.333, 0.2)}),
        ("30x20,crop=.5x1", {"width": 30, "height": 20, "method": "crop", "gravity": (0.5, 1.0)}),
        ("30x20,crop=0x0", {"width": 30, "height": 20, "method": "crop", "gravity": (0.0, 0.0)}),
        ("30x20,crop=33x20", {"width": 30, "height": 20, "method": "crop", "gravity": (0.33, 0.2)}),
        ("30x20,crop=0x100", {"width": 30, "height": 20, "method": "crop", "gravity": (0.0, 1.0)}),
        ("30x20,crop=top,crop", {"width": 30, "height": 20, "method": "crop"}),
        ("trim", {"trim": True}),
        ("trim=border", {"trim": True}),
        ("bgcolor=FA8", {"background": (255, 170, 136)}),
        ("bgcolor=FFAAF8", {"background": (255, 170, 248)}),
        ("bgcolor=#ffaaf8", {"background": (255, 170, 248)}),
        ("bgcolor=123", {"background": (17, 34, 51)}),
        ("fa8", {"background": (255, 170, 136)}),
        ("quality=low", {"quality": "low"}),
        ("quality=medium", {}),
        ("quality=HIGH", {"quality": "high"}),
        ("quality=lossless", {"quality": "lossless"}),
        ("low", {"quality": "low"}),
        ("lossless,high", {"quality": "high"}),
        ("format=png", {"format": "png"}),
        ("format=jpeg", {"format": "jpeg"}),
        ("format=WebM", {"format": "webm"}),
        ("format=h264", {"format": "h264"}),
        ("format=webp", {"format": "webp"}),
        ("format=avif", {"format": "avif"}),
        ("format=same", {"format": "same"}),
        ("format=png,format=auto", {}),
        ("timeout=5", {"seconds": 5.0}),
        ("timeout=0.5", {"seconds": 0.5}),
        ("timeout=.5,full", {"seconds": 0.5}),
        ("timeout=100000", {"seconds": 100_000.0}),
        (
            "100x100,2x,fit,quality=low",
            {"width": 100, "height": 100, "density": 2.0, "method": "fit", "quality": "low"},
        ),
    ],
)
def test_an_option_says_what_its_documentation_says(text, changed):
    assert read(text) == replace(Options(), **changed)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "options: missing"),
        (",", "options: got ''"),
        ("full,", "options: got ''"),
        ("full,,2x", "options: got ''"),
        ("foo", "options: got 'foo'"),
        ("full ", "options: got 'full '"),
        ("x100", "options: got 'x100'"),
        ("100x", "density: got '100x'"),
        ("0", "options: got '0'"),
        ("10001", "options: got '10001'"),
        ("0x5", "options: got '0x5'"),
        ("5x10001", "options: got '5x10001'"),
        ("9" * 30, "options: got '999"),
        ("-5", "options: got '-5'"),
        ("100px", "options: got '100px'"),
        ("٣٠٠", "options: got '٣٠٠'"),
        ("4x", "density: got '4x'"),
        ("0x", "density: got '0x'"),
        ("3.01x", "density: got '3.01x'"),
        ("1..5x", "options: got '1..5x'"),
        ("full=1", "options: got 'full=1'"),
        ("fit=1", "options: got 'fit=1'"),
        ("quality", "options: got 'quality'"),
        ("quality=", "quality: got ''"),
        ("quality=best", "quality: got 'best'"),
        ("quality=80", "quality: got '80'"),
        ("format=", "format: got ''"),
        ("format=gif", "format: got 'gif'"),
        ("bgcolor=", "bgcolor: got ''"),
        ("bgcolor=red", "bgcolor: got 'red'"),
        ("bgcolor=ffff", "bgcolor: got 'ffff'"),
        ("bgcolor=##fff", "bgcolor: got '##fff'"),
        ("ffff", "options: got 'ffff'"),
        ("timeout=", "timeout: got ''"),
        ("timeout=0", "timeout: got '0'"),
        ("timeout=-1", "timeout: got '-1'"),
        ("timeout=1e3", "timeout: got '1e3'"),
        ("timeout=inf", "timeout: got 'inf'"),
        ("timeout=nan", "timeout: got 'nan'"),
        ("30x20,crop=centre", "crop: got 'centre'"),
        ("30x20,crop=0.5", "crop: got '0.5'"),
        ("30x20,crop=101x5", "crop: got '101x5'"),
        ("30x20,crop=-1x5", "crop: got '-1x5'"),
        ("trim=all", "trim: got 'all'"),
        ("30,crop", "crop: got no height"),
        ("30,pad", "pad: got no height"),
        ("full,crop=top", "crop: got no height"),
        ("crop", "crop: got no height"),
        ("30x20,crop,30", "crop: got no height"),
        ("sig=abc,full", "options: got 'sig=abc'"),
        ("full,expires=1", "options: got 'expires=1'"),
    ],
)
def test_anything_else_is_refused_by_name(text, name):
    with pytest.raises(BadParameter) as refused:
        read(text)
    assert refused.value.message.startswith(name)


ANY = ["full", "300x200", "2x", "fit", "trim", "bgcolor=fa8", "quality=low", "format=png", "timeout=2.5", "3", "30x20"]


@given(st.permutations(ANY[1:9]), st.booleans())
def test_order_and_case_make_no_difference(some, upper):
    text = ",".join(some)
    assert read(text.upper() if upper else text) == read(",".join(ANY[1:9]))


@given(st.lists(st.sampled_from(ANY), min_size=1), st.sampled_from(ANY))
def test_of_what_is_said_twice_the_last_holds(some, last):
    text = ",".join([*some, last])
    assert read(text) == read(f"{text},{last}")


@given(st.text(alphabet="0123456789x.=,#abcfmtrquly-", max_size=30))
def test_any_text_is_read_or_refused_and_what_is_read_makes_a_recipe(text):
    try:
        options = read(text)
    except BadParameter:
        return
    made = recipe(options, NONE)
    assert words.parse(made.key).key == made.key


@pytest.mark.parametrize(
    ("text", "resize"),
    [
        ("full", None),
        ("full,2x,fit", None),
        ("160x100", Resize(160, 100)),
        ("160x100,2x", Resize(320, 200)),
        ("160x100,3x,fit", Resize(480, 300, "fit")),
        ("160,2x", Resize(320)),
        ("101,1.5x", Resize(152)),
        ("1,.1x", Resize(1)),
        ("160x100,crop=top", Resize(160, 100, "crop", (0.5, 0.0))),
        ("160x100,crop=top,fit", Resize(160, 100, "fit")),
        ("160x100,crop=auto", Resize(160, 100, "crop", "auto")),
        ("160x100,pad", Resize(160, 100, "pad")),
    ],
)
def test_dimensions_are_multiplied_before_the_method_rules(text, resize):
    assert recipe(read(text), NONE).resize == resize


@pytest.mark.parametrize(
    ("text", "goal", "reshaped"),
    [
        ("full", ladder.goal(7), None),
        ("low", ladder.goal(10), None),
        ("high", ladder.goal(3), None),
        ("lossless", Lossless(), ladder.goal(3)),
        ("full,2x", ladder.goal(9), None),
        ("full,3x,high", ladder.goal(5), None),
        ("full,2x,low", ladder.goal(10), None),
        ("full,1.5x", ladder.goal(7), None),
        ("300,lossless,2x", Lossless(), ladder.goal(5)),
    ],
)
def test_a_preset_is_a_promise_and_lossless_one_for_pictures_that_stay(text, goal, reshaped):
    made = recipe(read(text), NONE)
    assert (made.goal, made.reshaped) == (goal, reshaped)


def test_a_higher_preset_never_promises_less():
    promised = [recipe(read(preset), NONE).goal for preset in ("low", "medium", "high")]
    assert all(isinstance(goal, LooksLike) for goal in promised)
    assert [goal.score for goal in promised] == sorted({goal.score for goal in promised})


@pytest.mark.parametrize(
    ("accept", "newer"),
    [
        ("", set()),
        ("*/*", set()),
        ("image/*", set()),
        ("image/*,application/im2+json", set()),
        ("image/webp", {"webp"}),
        ("image/WebP;q=0.1", {"webp"}),
        ("image/avif,image/webp,image/apng,*/*;q=0.8", {"webp", "avif"}),
        ("image/avif;q=0,image/webp", {"webp"}),
    ],
)
def test_newer_formats_are_for_those_who_name_them(accept, newer):
    made = recipe(read("full"), accepting(accept))
    assert set(made.formats) == {"auto", "gif", "jpg", "png"} | newer
    assert set(recipe(read("30"), accepting(accept)).formats) == {"gif", "jpg", "png"} | newer
    assert "auto" not in recipe(read("trim"), accepting(accept)).formats
    assert recipe(read("format=same"), accepting(accept)).formats == ()
    assert recipe(read("format=jpeg"), accepting(accept)).formats == ("jpg",)


def test_a_preset_stands_for_its_options_and_later_ones_hold():
    presets = {"hero": "1200x600,crop=auto,2x", "LOUD": "full"}
    assert read("hero", presets) == read("1200x600,crop=auto,2x")
    assert read("HERO,300x200,low", presets) == read("300x200,crop=auto,2x,low")
    with pytest.raises(BadParameter):
        read("hero")


@pytest.mark.parametrize(
    "name", ["", "2", "a b", "Hero", "full", "crop", "2x", "fa8", "low", "trim", "x" * 41, "é", "a,b"]
)
def test_a_preset_has_a_name_that_is_no_option(name):
    with pytest.raises(BadParameter, match="preset: got "):
        check_preset(name, "full")


@pytest.mark.parametrize("text", ["", "full,", "foo", "hero", "sig=x"])
def test_a_preset_stands_for_options_alone(text):
    check_preset("hero", "crop,2x")
    with pytest.raises(BadParameter, match="options: got "):
        check_preset("hero", text)


def test_what_is_told_to_be_known_is_known():
    for word in ("full", "2x", "fit", "scale-down", "trim"):
        assert word in KNOWN
        read(word)
    assert all(read(f"format={name}").format == name for name in FORMATS)
