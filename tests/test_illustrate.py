"""The sheets of docs/quality.md: all that the page shows is there, within its size, and can be made again."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import scenes
from bench.sheet import CAPTION, LARGEST, MARGIN, Cell, magnified, save, sheet
from imgsvc import ladder

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_shows_every_sheet_and_no_other():
    shown = set(re.findall(r"\]\(quality/([^)]+)\)", (DOCS / "quality.md").read_text(encoding="utf-8")))
    assert shown == {path.name for path in (DOCS / "quality").iterdir()}
    assert all(path.stat().st_size <= LARGEST for path in (DOCS / "quality").iterdir())


def test_the_page_tells_the_ladder_as_it_is():
    row = re.search(r"^\| score \| (lossless .*) \|$", (DOCS / "quality.md").read_text(encoding="utf-8"), re.MULTILINE)
    told = row[1].split(" | ")
    assert told == ["lossless", *(f"{goal.score:g}" for goal in ladder.STEPS[1:])]


@pytest.mark.parametrize("draw", [scenes.landscape, scenes.screen, scenes.dusk, scenes.page, lambda: scenes.icon(24)])
def test_a_scene_is_the_same_whenever_it_is_drawn(draw):
    assert np.array_equal(np.asarray(draw()), np.asarray(draw()))


def test_cells_stand_in_rows_under_one_another(tmp_path):
    red, blue = (Image.new("RGB", (8, 4), colour) for colour in ("#ff0000", "#0000ff"))
    paper = sheet([[Cell(magnified(red, 5), "red")], [Cell(magnified(blue, 5), "blue", "below")]])
    assert paper.size == (40 + 2 * MARGIN, 2 * (20 + CAPTION + MARGIN) + MARGIN)
    assert paper.getpixel((MARGIN + 39, MARGIN + 19)) == (255, 0, 0)
    assert paper.getpixel((MARGIN, 2 * MARGIN + CAPTION + 20)) == (0, 0, 255)
    written = save(paper, tmp_path / "sheet.webp")
    assert written == (tmp_path / "sheet.webp").stat().st_size


def test_a_sheet_beyond_its_size_is_refused(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (1000, 1000, 3), np.uint8)
    with pytest.raises(ValueError, match="expected at most 300000"):
        save(Image.fromarray(noise), tmp_path / "noise.webp")
