"""Style attributes of an SVG in fewer words that mean the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tinycss2

from imgsvc.engine.vector import Node

# What an editor notes for itself: no browser and no renderer knows a property by these names.
EDITORS = ("-inkscape-",)
# CSS Fonts 4, 2.2: the words are other names for these numbers.
WEIGHTS = {"normal": "400", "bold": "700"}


def shortened(root: Node) -> Node:
    """The tree with its style attributes shortened; doing it twice changes nothing more."""
    attributes = root.attributes
    if "style" in attributes:
        style = _shortened(attributes["style"])
        attributes = {name: style if name == "style" else value for name, value in attributes.items()}
        if not style:
            del attributes["style"]
    children = [shortened(child) if isinstance(child, Node) else child for child in root.children]
    return replace(root, attributes=attributes, children=children)


def _shortened(style: str) -> str:
    parts = tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True)
    if any(part.type != "declaration" for part in parts):
        return style
    return ";".join(_declared(part) for part in parts if not part.lower_name.startswith(EDITORS))


def _declared(part: Any) -> str:
    value = tinycss2.serialize(part.value).strip()
    tokens = [token for token in part.value if token.type != "whitespace"]
    if len(tokens) == 1 and not part.name.startswith("--"):
        value = _value(part.lower_name, tokens[0]) or value
    return f"{part.name}:{value}{'!important' if part.important else ''}"


def _value(name: str, token: Any) -> str:
    """A lone value in fewer letters; nothing where there is no shorter way."""
    if token.type == "dimension" and token.value == 0 and token.lower_unit == "px":
        return "0"
    if token.type == "ident" and name == "font-weight":
        return WEIGHTS.get(token.lower_value, "")
    return ""
