"""Sizes in, sizes out: pure arithmetic on widths and heights."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imgsvc.engine.recipe import Resize

Size = tuple[int, int]
"""Width and height."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A picture is scaled to one size; what the other lacks of it is cut off, what it has more is margin."""

    scaled: Size
    size: Size


def plan(width: int, height: int, resize: Resize | None) -> Plan:
    """What becomes of a picture of these sides; all sizes are whole pixels of at least 1."""
    if resize is None:
        return Plan((width, height), (width, height))
    if resize.height is None:
        scaled = inside(width, height, resize.width, None, enlarge=resize.method == "fit")
        return Plan(scaled, scaled)
    box = (resize.width, resize.height)
    match resize.method:
        case "crop":
            return Plan(cover(width, height, *box), box)
        case "pad":
            return Plan(inside(width, height, *box, enlarge=True), box)
        case _:
            scaled = inside(width, height, *box, enlarge=resize.method == "fit")
            return Plan(scaled, scaled)


def inside(width: int, height: int, across: int, down: int | None, enlarge: bool = False) -> Size:
    """The largest size of the same shape in a box `across` wide and `down` high, or as high as need be."""
    scale = min(across / width, *([down / height] if down else [across / width]))
    scale = scale if enlarge else min(1.0, scale)
    return max(1, round(width * scale)), max(1, round(height * scale))


def cover(width: int, height: int, across: int, down: int) -> Size:
    """The smallest size of the same shape that leaves nothing of the box bare."""
    scale = max(across / width, down / height)
    return max(across, round(width * scale)), max(down, round(height * scale))


def window(plan: Plan, focal: tuple[float, float]) -> tuple[int, int]:
    """Left and top of the cut in the scaled picture: centred on the focal point as far as the edges allow."""
    left, top = (
        min(max(0, round(share * whole - part / 2)), whole - part)
        for share, whole, part in zip(focal, plan.scaled, plan.size, strict=True)
    )
    return left, top


def margins(plan: Plan) -> tuple[int, int]:
    """Left and top of the scaled picture in the middle of the padded one."""
    return (plan.size[0] - plan.scaled[0]) // 2, (plan.size[1] - plan.scaled[1]) // 2


def even(side: int) -> int:
    """The side, or the next even one above."""
    return side + side % 2


def even_box(box: Resize | None) -> Resize | None:
    """The box for a picture whose sides will be made even: it holds those as well, unless a side of it is 1."""
    if box is None:
        return None
    return replace(box, width=max(2, box.width & ~1), height=box.height and max(2, box.height & ~1))
