"""WebP's alpha plane: packed quickly while the colours are sought, as hard as it goes in the file that is answered."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgsvc.engine.budget import Budget
from imgsvc.engine.codecs import webp
from imgsvc.engine.codecs.png import CODEC as PNG
from imgsvc.engine.pipeline import optimize
from imgsvc.engine.recipe import Fixed, Goal, LooksLike, Recipe
from tests.engine.pictures import encoded, glass, photo

LEVELS = 240


def veiled() -> Image.Image:
    """A photograph behind a plane of fewer levels than libwebp leaves alone at an alpha quality of 99."""
    image = glass(300, 200)
    dice = np.random.default_rng(5)
    plane = np.asarray(image.getchannel("A"), int) * LEVELS // 256 + dice.integers(0, 3, (200, 300))
    image.putalpha(Image.fromarray(plane.clip(0, LEVELS - 1).astype(np.uint8)))
    return image


def alpha(data: bytes) -> np.ndarray:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))[..., 3].astype(int)


def hard(image: Image.Image) -> bytes:
    """The plane as libwebp packs it when it may take all the time it wants."""
    data = encoded(image, "WEBP", quality=10, method=6, alpha_quality=100)
    return dict(webp.chunks(data))[b"ALPH"]


@pytest.mark.parametrize("goal", [LooksLike(70.0), Fixed(50)])
def test_the_answer_holds_the_alpha_plane_packed_as_hard_as_it_goes(goal: Goal) -> None:
    source = encoded(veiled(), "PNG")
    result = optimize(source, Recipe(goal, ("webp",)), Budget())
    plane = dict(webp.chunks(result.data))[b"ALPH"]
    quick = dict(webp.chunks(webp.encode(PNG.decode(source, None), 10, sharp=False, deblock=False)))[b"ALPH"]
    assert plane == hard(veiled())
    assert len(plane) < len(quick)
    assert np.array_equal(alpha(result.data), alpha(source))


@pytest.mark.parametrize(("sharp", "deblock"), [(False, False), (True, False), (True, True)])
def test_a_plane_of_all_levels_is_off_by_one_at_most(sharp: bool, deblock: bool) -> None:
    source = encoded(glass(300, 200), "PNG")
    made = webp.encode(PNG.decode(source, None), 50, sharp=sharp, deblock=deblock)
    assert len(np.unique(alpha(source))) == 256
    assert np.abs(alpha(made) - alpha(source)).max() <= 1


def test_no_lossy_file_is_smaller_than_its_modes_and_none_is_sought_where_a_lossless_one_is() -> None:
    blank = encoded(Image.new("RGB", (640, 640), "#808080"), "PNG")
    result = optimize(blank, Recipe(LooksLike(70.0), ("webp",)), Budget())
    least = webp.MACROBLOCK_BITS / 8 * 40 * 40
    assert [step.outcome for step in result.steps if step.name == "webp.lossy"] == ["nothing"]
    assert result.size < least < len(webp.encode(PNG.decode(blank, None), 0, sharp=False, deblock=False))


def test_a_plane_that_is_a_small_part_of_its_file_is_left_as_it_was() -> None:
    image = photo(300, 200).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 40, 200))
    source = encoded(image, "PNG")
    result = optimize(source, Recipe(Fixed(90), ("webp",)), Budget())
    plane = dict(webp.chunks(webp.encode(PNG.decode(source, None), 90, sharp=True, deblock=True)))[b"ALPH"]
    assert dict(webp.chunks(result.data))[b"ALPH"] == plane
    assert plane != hard(image)
