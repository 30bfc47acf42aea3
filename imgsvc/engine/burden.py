"""What drawing an SVG would cost, judged from its tree: refuses what is built to exhaust the renderer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgsvc.engine.vector import LENGTH, Node, measure, view_box
from imgsvc.errors import BadPicture, echo

MAX_DRAWN = 200_000
"""Elements drawn once every `use`, pattern, mask and marker is counted as often as it is referred to."""
MAX_REFERRED_DEPTH = 500
MAX_OCTAVES = 20
MAX_MORPHOLOGY = 100.0
MAX_KERNEL = 25.0
MAX_REGION = 100.0
"""Sides of a filter's region, in sides of the picture; resvg cuts it down, but not to nothing."""
MAX_TILE = 4.0
"""Sides of a pattern's tile, in sides of the picture; resvg draws the whole tile."""
MAX_LETTERS = 20_000
"""Letters in one text element; a renderer's time grows with their square."""
MAX_ALL_LETTERS = 100_000
MAX_MATCHES = 10_000_000
"""Style rules times elements."""

_FRAGMENT = re.compile(r"url\(\s*['\"]?\s*#([^'\")\s]+)", re.IGNORECASE)


def weigh(root: Node) -> None:
    """BadPicture where drawing would cost far more than the file's size lets expect."""
    sides = view_box(root)
    width, height = sides[2:] if sides else measure(root)
    nodes = list(root.walk())
    for node in nodes:
        _check_filter(node, max(width, height))
    _check_letters([_letters(node) for node in nodes if node.name == "text"])
    rules = sum(_own_text(node).count("{") for node in nodes if node.name == "style")
    if rules * len(nodes) > MAX_MATCHES:
        raise BadPicture(f"image: the SVG has {rules} style rules for {len(nodes)} elements, expected fewer of either.")
    _Weigher(root).weigh(root, 0)


def _own_text(node: Node) -> str:
    return "".join(child for child in node.children if isinstance(child, str))


def _letters(node: Node) -> int:
    return sum(len(_own_text(part)) for part in node.walk())


def _check_letters(counts: list[int]) -> None:
    if any(count > MAX_LETTERS for count in counts) or sum(counts) > MAX_ALL_LETTERS:
        raise BadPicture(
            f"image: the SVG draws {sum(counts)} letters, expected at most {MAX_LETTERS} in one text "
            f"and {MAX_ALL_LETTERS} in all."
        )


def _check_filter(node: Node, side: float) -> None:
    match node.name:
        case "feTurbulence":
            _check_number(node, "numOctaves", MAX_OCTAVES)
        case "feMorphology":
            _check_number(node, "radius", MAX_MORPHOLOGY)
        case "feConvolveMatrix":
            _check_number(node, "order", MAX_KERNEL)
        case "filter" | "pattern":
            most = MAX_REGION if node.name == "filter" else MAX_TILE
            units = side if node.attributes.get(f"{node.name}Units") == "userSpaceOnUse" else 1.0
            for name in ("width", "height"):
                _check_number(node, name, most * units)


def _check_number(node: Node, name: str, most: float) -> None:
    text = node.attributes.get(name, "")
    numbers = (LENGTH.fullmatch(part) for part in text.replace(",", " ").split())
    sizes = [float(number[1]) / (100 if number[2] == "%" else 1) for number in numbers if number]
    if any(size > most for size in sizes):
        raise BadPicture(f"image: {name} of an SVG {node.name} is {echo(text)}, expected at most {most:g}.")


class _Weigher:
    """Counts what is drawn below an element, and how deep it goes, following references."""

    def __init__(self, root: Node) -> None:
        self.named = {node.attributes["id"]: node for node in root.walk() if "id" in node.attributes}
        self.known: dict[int, tuple[int, int]] = {}

    def weigh(self, node: Node, depth: int) -> tuple[int, int]:
        """Elements drawn and levels below `node`, which lies `depth` levels down."""
        count, levels = self.known.get(id(node), (0, 0))
        if depth + levels > MAX_REFERRED_DEPTH:
            raise BadPicture(f"image: the SVG's references nest over {MAX_REFERRED_DEPTH} levels, expected fewer.")
        if count:
            return count, levels
        # A cycle meets its own unfinished entry, which counts nothing: renderers draw no cycles.
        self.known[id(node)] = (0, 0)
        count, levels = 1, 0
        for times, part in self._parts(node):
            if id(part) in self.known and self.known[id(part)][0] == 0:
                continue
            inner, below = self.weigh(part, depth + 1)
            count, levels = count + times * inner, max(levels, below + 1)
            if count > MAX_DRAWN:
                raise BadPicture(f"image: the SVG's references draw over {MAX_DRAWN} elements, expected fewer.")
        self.known[id(node)] = (count, levels)
        return count, levels

    def _parts(self, node: Node) -> Iterator[tuple[int, Node]]:
        yield from ((1, child) for child in node.elements)
        if node.href.startswith("#") and (target := self.named.get(node.href[1:])):
            yield 1, target
        corners = 1 + len(node.attributes.get("d", node.attributes.get("points", ""))) // 4
        for name, value in node.attributes.items():
            for label in _FRAGMENT.findall(value) if "(" in value else ():
                if target := self.named.get(label):
                    yield (corners if "marker" in name else 1), target
