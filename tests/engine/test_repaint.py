"""GIF colour tables rewritten: only wanted colours, frames and clear pixels as before."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from imgsvc.engine.codecs import gif
from imgsvc.engine.repaint import colours, repaint
from tests.engine.pictures import encoded, moving, photo


def test_every_opaque_pixel_takes_a_wanted_colour_and_clear_ones_stay_clear() -> None:
    data = moving("GIF", transparent=True)
    wanted = np.array([[0, 0, 0], [30, 90, 200]], np.uint8)
    painted = repaint(gif.blocks(gif.strip(data)), wanted)
    before, after = gif.CODEC.decode(data, None), gif.CODEC.decode(painted, None)
    assert before.animation is not None
    assert after.animation is not None
    assert after.animation.durations == before.animation.durations
    for old, new in zip(before.animation.frames(), after.animation.frames(), strict=True):
        assert np.array_equal(old[..., 3], new[..., 3])
        seen = {tuple(colour) for colour in new[new[..., 3] > 0][:, :3].tolist()}
        assert seen <= {tuple(colour) for colour in wanted.tolist()}


def test_a_lower_quality_takes_fewer_colours() -> None:
    picture = gif.CODEC.decode(encoded(photo().quantize(256), "GIF"), None)
    few, many = colours(picture, 50), colours(picture, 95)
    assert 0 < len(few) < len(many) <= 256


def test_a_picture_without_an_opaque_pixel_has_a_colour_all_the_same() -> None:
    clear = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    out = BytesIO()
    clear.save(out, "GIF")
    assert len(colours(gif.CODEC.decode(out.getvalue(), None), 80)) == 1
