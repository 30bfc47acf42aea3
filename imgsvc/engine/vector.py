"""An SVG as a tree: parsed under guards, measured, and written back as compact text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from imgsvc.engine.codec import Info
from imgsvc.errors import BadPicture, echo

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
XML = "http://www.w3.org/XML/1998/namespace"

MAX_DEPTH = 200
MAX_ELEMENTS = 50_000
MAX_ATTRIBUTES = 200
MAX_ENTITIES = 100
MAX_ENTITY = 500

_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "q": 96 / 101.6}
_UNITS |= {"em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0}
LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-z]*|%)\s*", re.IGNORECASE)
_DEFAULT_SIDES = (300.0, 150.0)


@dataclass(frozen=True, slots=True)
class Node:
    """An element. Attributes of a namespace have names of the form `namespace name`."""

    space: str
    name: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    @property
    def elements(self) -> Iterator[Node]:
        """The children that are elements."""
        return (child for child in self.children if isinstance(child, Node))

    @property
    def href(self) -> str:
        """What it refers to, by `href` or the older `xlink:href`; empty for nothing."""
        return self.attributes.get("href", self.attributes.get(f"{XLINK} href", "")).strip()

    def walk(self) -> Iterator[Node]:
        """The element and all elements inside it, in no promised order."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.elements


class _Builder:
    """Collects expat's events into a tree and stops at the first sign of a bomb."""

    def __init__(self, allowance: int) -> None:
        self.top = Node("", "", {})
        self.open = [self.top]
        self.elements = 0
        self.entities = 0
        self.allowance = allowance

    def start(self, tag: str, pairs: list[str]) -> None:
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            raise BadPicture(f"image: the SVG has over {MAX_ELEMENTS} elements, expected at most that many.")
        if len(self.open) > MAX_DEPTH:
            raise BadPicture(f"image: the SVG is nested over {MAX_DEPTH} levels deep, expected at most that many.")
        if len(pairs) > 2 * MAX_ATTRIBUTES:
            raise BadPicture(f"image: an SVG element has over {MAX_ATTRIBUTES} attributes, expected at most that many.")
        self._spend(sum(map(len, pairs)))
        space, _, name = tag.rpartition(" ")
        node = Node(space, name, dict(zip(pairs[::2], pairs[1::2], strict=True)))
        self.open[-1].children.append(node)
        self.open.append(node)

    def end(self, _tag: str) -> None:
        self.open.pop()

    def text(self, text: str) -> None:
        self._spend(len(text))
        self.open[-1].children.append(text)

    def entity(
        self, name: str, is_parameter: int, value: str | None, _base: object, _system: object, *_more: object
    ) -> None:
        self.entities += 1
        plain = value is not None and not is_parameter and len(value) <= MAX_ENTITY and not set("&%<") & set(value)
        if not plain or self.entities > MAX_ENTITIES:
            raise BadPicture(
                f"image: the SVG declares the entity {echo(name)}, expected none, "
                f"or at most {MAX_ENTITIES} of short plain text."
            )

    def _spend(self, characters: int) -> None:
        self.allowance -= characters
        if self.allowance < 0:
            raise BadPicture("image: the SVG's entities expand to more text than the file, expected no entities.")


def parse(data: bytes) -> Node:
    """The root of an SVG; BadPicture where it is not well-formed, not SVG, or built to exhaust its reader.

    No outside DTD or entity is ever read; entities inside are expanded where they are short plain text, as
    Adobe Illustrator writes them.
    """
    builder = _Builder(2 * len(data) + 100_000)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.ordered_attributes = True
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.EntityDeclHandler = builder.entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        reason = f"{expat.ErrorString(error.code)}, line {error.lineno}"
        raise BadPicture(f"image: not well-formed XML ({reason}), expected a complete SVG document.") from None
    except (LookupError, ValueError):
        raise BadPicture("image: the SVG's encoding is not known, expected UTF-8 or UTF-16.") from None
    root = next(builder.top.elements)
    if (root.space, root.name) != (SVG, "svg"):
        raise BadPicture(f'image: the root is {echo(root.name)} in {echo(root.space)}, expected <svg xmlns="{SVG}">.')
    return root


def measure(root: Node) -> tuple[float, float]:
    """Width and height in CSS pixels as a browser shows the picture by itself; BadPicture where they are not above 0.

    Sides not given in absolute units follow the viewBox and its aspect, else 300 x 150 (CSS 2.1, 10.3.2).
    """
    width, height = (_absolute(root, name) for name in ("width", "height"))
    box = view_box(root)
    if width and height:
        return width, height
    across, down = (box[2], box[3]) if box else _DEFAULT_SIDES
    if width:
        return width, width * down / across if box else down
    if height:
        return (height * across / down if box else across), height
    return across, down


def view_box(root: Node) -> tuple[float, float, float, float] | None:
    """Left, top, width and height of the viewBox; None where it is missing or cannot be used."""
    parts = root.attributes.get("viewBox", "").replace(",", " ").split()
    try:
        left, top, width, height = map(float, parts)
    except ValueError:
        return None
    good = all(map(math.isfinite, (left, top, width, height))) and width > 0 and height > 0
    return (left, top, width, height) if good else None


def info(root: Node) -> Info:
    """The picture's size in whole pixels, at least 1."""
    width, height = measure(root)
    return Info(max(1, round(width)), max(1, round(height)))


def _absolute(root: Node, name: str) -> float | None:
    text = root.attributes.get(name, "")
    match = LENGTH.fullmatch(text)
    if not match or match[2].lower() not in _UNITS:
        return None
    value = float(match[1]) * _UNITS[match[2].lower()]
    if not 0 < value < math.inf:
        raise BadPicture(f"image: the SVG's {name} is {echo(text)}, expected a length above 0.")
    return value


def write(root: Node) -> str:
    """The tree as compact XML text, without declaration; only SVG elements and `xml:` attributes have a namespace."""
    parts: list[str] = []
    _write(root, parts, f' xmlns="{SVG}"')
    return "".join(parts)


def _write(node: Node, parts: list[str], extra: str = "") -> None:
    parts.append(f"<{node.name}{extra}")
    parts += [f' {name.replace(XML + " ", "xml:")}="{_quoted(value)}"' for name, value in node.attributes.items()]
    if not node.children:
        parts.append("/>")
        return
    parts.append(">")
    for child in node.children:
        if isinstance(child, Node):
            _write(child, parts)
        else:
            parts.append(_escaped(child))
    parts.append(f"</{node.name}>")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _quoted(text: str) -> str:
    flat = text.replace("\n", " ").replace("\t", " ").replace("\r", " ")
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
