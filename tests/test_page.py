"""The page's files: all that it names is there, and nothing in it needs a laxer policy than its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imgsvc.dialects.klema import FORMATS, PARAMETERS

STATIC = Path(__file__).parents[1] / "templates" / "static"
INLINE = (r"<script(?![^>]*\bsrc=)", r"<style\b", r"\sstyle=", r"\son[a-z]+=", r"javascript:")


@pytest.fixture(params=[False, True], ids=["with keys", "public"])
def page(request, found):
    site = found(public=request.param)
    answer = site.get("/")
    assert answer.status_code == 200
    return answer.text, site


def test_everything_it_loads_is_here(page):
    text, site = page
    paths = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert paths
    for path in paths:
        assert site.get(path).status_code == 200


def test_every_module_it_imports_is_here():
    for script in STATIC.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', script.read_text()):
            assert (STATIC / name).is_file(), f"{script.name} imports {name}"


def test_nothing_is_inline(page):
    text, _ = page
    assert [pattern for pattern in INLINE if re.search(pattern, text)] == []


def test_the_key_is_asked_for_where_one_is_needed(page):
    text, site = page
    assert ('id="key"' in text) != site.settings.public
    assert ("X-API-Key" in re.search(r'id="curl">(.*)<', text)[1]) != site.settings.public


def test_the_scripts_find_every_element_they_ask_for(page):
    text, site = page
    scripts = "".join(path.read_text() for path in STATIC.glob("*.js"))
    asked = set(re.findall(r'(?:\bone|getElementById)\("([^"]+)"\)', scripts))
    optional = {"key", "key-field", "key-keep", "key-show"} if site.settings.public else set()
    assert asked - set(re.findall(r'\bid="([^"]+)"', text)) == optional


def test_it_offers_the_formats_and_explains_the_fields_of_the_api(page):
    text, _ = page
    assert set(re.findall(r'<option value="(\w+)"', text)) == set(FORMATS.values())
    assert {"image", *PARAMETERS} <= set(re.findall(r"<dt>(\w+)</dt>", text))
