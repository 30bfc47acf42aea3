"""Style attributes in fewer words."""

from __future__ import annotations

import pytest

from imgsvc.engine.budget import Budget
from imgsvc.engine.codecs.svg import shrink
from imgsvc.engine.declarations import shortened
from imgsvc.engine.sanitise import sanitise
from imgsvc.engine.vector import SVG, Node, parse

STYLES = {
    "fill:#000;stroke:none": "fill:#000;stroke:none",
    "-inkscape-font-specification:'Sans, Bold';fill:red": "fill:red",
    "letter-spacing:0px;word-spacing:0PX": "letter-spacing:0;word-spacing:0",
    "stroke-width:10px;x:0em": "stroke-width:10px;x:0em",
    "stroke-dasharray:0px 3px": "stroke-dasharray:0px 3px",
    "font-weight:normal!important;font-style:normal": "font-weight:400!important;font-style:normal",
    "font-weight:bold": "font-weight:700",
    "font-weight:bolder": "font-weight:bolder",
    "font-family:bold": "font-family:bold",
    "--gap:0px;--weight:bold": "--gap:0px;--weight:bold",
    "fill:url(#a);filter:none": "fill:url(#a);filter:none",
    "@media print{fill:red}": "@media print{fill:red}",
    "fill:red;stroke": "fill:red;stroke",
}


@pytest.mark.parametrize("style", STYLES)
def test_shortened(style: str) -> None:
    once = shortened(Node(SVG, "g", {"style": style, "id": "a"}, [Node(SVG, "path", {"style": style}), "text"]))
    assert once.attributes == {"style": STYLES[style], "id": "a"}
    assert once.children == [Node(SVG, "path", {"style": STYLES[style]}), "text"]
    assert shortened(once) == once


def test_an_empty_style_goes() -> None:
    assert shortened(Node(SVG, "g", {"style": "-inkscape-stroke:none"})).attributes == {}


def test_minifying_shortens_them() -> None:
    body = '<text x="4" y="20" style="letter-spacing:0px;-inkscape-font-specification:Sans;font-weight:bold">Ag</text>'
    text = sanitise(f'<svg xmlns="{SVG}" width="40" height="40">{body}</svg>'.encode())
    made = shrink(text, exact=True, budget=Budget(30))
    styles = " ".join(node.attributes.get("style", "") for node in parse(made).walk())
    assert "inkscape" not in styles
    assert "0px" not in styles
    assert shrink(made, exact=True, budget=Budget(30)) == made
