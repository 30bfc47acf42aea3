"""SVG files built to exhaust their reader are refused before anything is drawn."""

from __future__ import annotations

import pytest

from imgsvc.engine.budget import Limits
from imgsvc.engine.codecs.svg import CODEC
from imgsvc.engine.vector import SVG
from imgsvc.errors import BadPicture

NAMESPACES = f'xmlns="{SVG}" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:h="http://www.w3.org/1999/xhtml"'


def svg(body: str, before: str = "") -> bytes:
    return f'{before}<svg {NAMESPACES} width="40" height="40">{body}</svg>'.encode()


BILLION = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
REFUSED = {
    "deep": ("<g>" * 300 + "</g>" * 300, ""),
    "200,000 deep": ("<g>" * 200_000 + "</g>" * 200_000, ""),
    "many": ("<g/>" * 60_000, ""),
    "attributes": ("<g " + " ".join(f'a{n}="1"' for n in range(300)) + "/>", ""),
    "billion laughs": ("<text>&l8;</text>", f'<!DOCTYPE svg [<!ENTITY l0 "lol">{BILLION}]>'),
    "recursive entities": ("<text>&a;</text>", '<!DOCTYPE svg [<!ENTITY a "&b;"><!ENTITY b "&a;">]>'),
    "quadratic entities": ("<text>" + "&a;" * 9000 + "</text>", f'<!DOCTYPE svg [<!ENTITY a "{"x" * 400}">]>'),
    "outside entity": ("<text>&x;</text>", '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/hostname">]>'),
    "parameter entity": ("", '<!DOCTYPE svg [<!ENTITY % x SYSTEM "http://a.invalid/"> %x;]>'),
    "use bomb": (
        "".join(f'<g id="b{n}">' + f'<use xlink:href="#b{n - 1}"/>' * 10 + "</g>" for n in range(1, 9))
        + '<g id="b0"><rect width="1" height="1"/></g>',
        "",
    ),
    "use chain": ("".join(f'<g id="c{n}"><use href="#c{n + 1}"/></g>' for n in range(5000)), ""),
    "pattern bomb": (
        "".join(
            f'<pattern id="p{n}" width="1" height="1">{f"<rect fill={chr(39)}url(#p{n - 1}){chr(39)}/>" * 20}</pattern>'
            for n in range(6)
        ),
        "",
    ),
    "tile": ('<pattern id="p" width="1e5" height="1e5" patternUnits="userSpaceOnUse"/>', ""),
    "octaves": ('<filter id="f"><feTurbulence numOctaves="1000000000"/></filter>', ""),
    "morphology": ('<filter id="f"><feMorphology radius="1 1e6"/></filter>', ""),
    "kernel": ('<filter id="f"><feConvolveMatrix order="500"/></filter>', ""),
    "region": ('<filter id="f" width="1e9" height="1" filterUnits="userSpaceOnUse"/>', ""),
    "letters": (f"<text>{'A' * 30_000}</text>", ""),
    "rules": (f"<style>{'.a{fill:red}' * 9000}</style>" + "<g/>" * 2000, ""),
    "not closed": ("<g>", ""),
    "null byte": ("<g\0/>", ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bombs_and_damage_are_refused(name: str) -> None:
    body, before = REFUSED[name]
    with pytest.raises(BadPicture, match=r"^image: .*expected"):
        CODEC.inspect(svg(body, before=before), Limits())
