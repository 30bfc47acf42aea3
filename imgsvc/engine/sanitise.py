"""Makes an SVG harmless: no script, no link, nothing fetched or read from outside the file.

svg-hush keeps the elements and attributes on its list of harmless ones. Three things are done around it. What it would
break is carried through in disguise: letters beyond ASCII in identifiers, `xml:space`, text on a path, white space
between spans. What it lets through is dropped: references to other files, in attributes and style sheets alike. And
embedded pictures and fonts are taken for what their first bytes are, never for what they claim to be.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

import tinycss2
from PIL import Image
from py_svg_hush import filter_svg

from imgsvc.engine.burden import weigh
from imgsvc.engine.vector import SVG, XML, Node, parse, write
from imgsvc.errors import BadPicture, TooManyPixels

MAX_EMBEDDED_PIXELS = 40_000_000

_PICTURES = ("png", "jpeg", "gif", "webp")
_FONTS = {b"wOFF": "woff", b"wOF2": "woff2", b"\0\1\0\0": "ttf", b"true": "ttf", b"OTTO": "otf"}
_ALLOWED_DATA = {"image": list(_PICTURES), "font": sorted(set(_FONTS.values()))}

_TEXT = frozenset({"text", "tspan", "textPath", "tref", "title", "desc", "style"})
_ANIMATIONS = frozenset({"set", "animate", "animateColor", "animateTransform"})
_POINTERS = frozenset({"textPath", "tref", "mpath", "animateMotion", "filter", "linearGradient"}) | _ANIMATIONS
_DROPPED = frozenset({"src", "base", "cursor", "color-profile", "arcrole", "actuate", "show"})
_AT_RULES = frozenset({"media", "font-face", "keyframes", "-webkit-keyframes", "supports", "layer"})
_FETCHING = frozenset({"url", "src", "image", "image-set", "-webkit-image-set", "cross-fade", "-webkit-cross-fade"})
_ACTIVE = frozenset({"behavior", "-moz-binding", "-ms-behavior"})

_SPACE, _LANG, _HREF = "data-kept-space", "data-kept-lang", "data-kept-href"
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_DISGUISED = re.compile(r"x--([0-9a-f]{2,6})--x")
# A character no document means anything by; before a tag it keeps svg-hush from indenting that tag.
_MARK = "\ufdd0"
_DATA = re.compile(r"\s*data:[^,]*,", re.IGNORECASE)
_ADDRESS = re.compile(r"\s*(?://|[a-z][a-z0-9+.-]*:)", re.IGNORECASE)
_FOREIGN = re.compile(r"//|(?:java|vb|live)script:", re.IGNORECASE)


def sanitise(data: bytes) -> bytes:
    """The same picture as compact UTF-8, safe to show anywhere; doing it twice changes nothing more.

    BadPicture where it is damaged or costs too much to draw, TooManyPixels for an embedded picture beyond
    MAX_EMBEDDED_PIXELS.
    """
    root = parse(data)
    weigh(root)
    return write(clean(root)).encode()


def clean(root: Node) -> Node:
    """The harmless tree of a parsed SVG; what is dropped is dropped with all inside it."""
    try:
        hushed = filter_svg(write(_disguised(root, in_text=False)).encode(), _ALLOWED_DATA)
    except ValueError:
        raise BadPicture("image: the SVG cannot be read, expected SVG 1.1 or 2.") from None
    return _vetted(parse(hushed), in_text=False)


def _disguised(node: Node, in_text: bool) -> Node:
    in_text = in_text or node.name == "text"
    children: list[Node | str] = []
    for child in node.children:
        if isinstance(child, str):
            children.append(child.replace(_MARK, ""))
        elif child.space == SVG:
            children += [_MARK, _disguised(child, in_text)] if in_text else [_disguised(child, in_text)]
    if in_text and any(isinstance(child, Node) for child in children):
        children.append(_MARK)
    if node.name == "style":
        sheet = _clean_sheet(_retyped("".join(child for child in node.children if isinstance(child, str))))
        children = [_disguise(sheet)]
    return Node(SVG, node.name, dict(_disguised_attributes(node)), children)


def _disguised_attributes(node: Node) -> Iterator[tuple[str, str]]:
    for name, value in node.attributes.items():
        space, _, local = name.rpartition(" ")
        if not space and local != "href" and not local.startswith("data-kept-"):
            yield local, _disguise(_clean_declarations(_retyped(value)) if local == "style" else value)
        elif space == XML and local in ("space", "lang"):
            yield (_SPACE if local == "space" else _LANG), _disguise(value)
    if node.href.startswith("#"):
        yield (_HREF if node.name in _POINTERS else "href"), _disguise(node.href)
    elif node.name in ("image", "feImage") and (picture := embedded_picture(node.href)):
        yield "href", picture


def _disguise(text: str) -> str:
    return _BEYOND_ASCII.sub(lambda match: f"x--{ord(match[0]):x}--x", text)


def _undisguise(text: str) -> str:
    def letter(match: re.Match[str]) -> str:
        code = int(match[1], 16)
        allowed = (
            0xA0 <= code < 0xD800 or 0xE000 <= code < 0xFDD0 or 0xFDF0 <= code < 0xFFFE or 0xFFFF < code < 0x110000
        )
        return chr(code) if allowed and code < 0x110000 else ""

    return _DISGUISED.sub(letter, text)


def _vetted(node: Node, in_text: bool) -> Node:
    in_text = in_text or node.name in _TEXT
    children: list[Node | str] = []
    for child in node.children:
        if isinstance(child, Node):
            if child.name not in _ANIMATIONS or "attributeName" in child.attributes:
                children.append(_vetted(child, in_text))
        elif in_text and (text := child.replace(_MARK, "")):
            children.append(text)
    if node.name == "style":
        sheet = _clean_sheet(_undisguise("".join(child for child in children if isinstance(child, str))))
        children = [sheet] if sheet else []
    return Node(SVG, node.name, dict(_vetted_attributes(node)), children)


def _vetted_attributes(node: Node) -> Iterator[tuple[str, str]]:
    restored = {_SPACE: f"{XML} space", _LANG: f"{XML} lang", _HREF: "href"}
    for name, raw in node.attributes.items():
        value = _undisguise(raw)
        if name.startswith("on") or name in _DROPPED or " " in name:
            continue
        if name in ("href", _HREF):
            if value.startswith("#") or value == embedded_picture(value):
                yield "href", value
        elif name == "style":
            if style := _clean_declarations(value):
                yield name, style
        elif not _FOREIGN.search(re.sub(r"\s", "", value)) and _harmless_value(value):
            yield restored.get(name, name), value


def embedded_picture(uri: str) -> str | None:
    """A `data:` URI of a PNG, JPEG, GIF or WebP in its plainest form, typed by its first bytes; None for all else."""
    body = _body(uri)
    if not body:
        return None
    try:
        with Image.open(BytesIO(body), formats=_PICTURES) as image:
            kind, (width, height) = str(image.format).lower(), image.size
    except Image.DecompressionBombError:
        raise _too_large() from None
    except Exception:  # noqa: BLE001 - on damaged headers Pillow raises nearly every built-in kind
        return None
    if width * height > MAX_EMBEDDED_PIXELS:
        raise _too_large()
    return f"data:image/{kind};base64,{b64encode(body).decode()}"


def _too_large() -> TooManyPixels:
    return TooManyPixels(f"image: the SVG embeds a picture of over {MAX_EMBEDDED_PIXELS} pixels, expected fewer.")


def embedded_font(uri: str) -> str | None:
    """A `data:` URI of a WOFF, WOFF2, TrueType or OpenType font in its plainest form; None for all else."""
    body = _body(uri)
    kind = _FONTS.get(body[:4])
    return f"data:font/{kind};base64,{b64encode(body).decode()}" if kind else None


def _body(uri: str) -> bytes:
    head = _DATA.match(uri)
    if not head:
        return b""
    body = unquote_to_bytes(uri[head.end() :])
    if not head[0].rstrip(", \t\n").lower().endswith(";base64"):
        return body
    try:
        return b64decode(b"".join(body.split()) + b"==")
    except ValueError:
        return b""


def _retyped(css: str) -> str:
    """The style with its `data:` URIs in plainest form, since svg-hush judges them by the type they name."""

    def plain(match: re.Match[str]) -> str:
        return f"url({embedded_picture(match[1]) or embedded_font(match[1]) or '#'})"

    return re.sub(r"url\(\s*['\"]?(\s*data:[^'\")]*)['\"]?\s*\)", plain, css, flags=re.IGNORECASE)


def _clean_sheet(css: str) -> str:
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return _joined(rules, _clean_rule).replace("<", "")


def _clean_declarations(css: str) -> str:
    parts = tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True)
    return _joined(parts, _clean_part).replace("<", "")


def _joined(nodes: list[Any], cleaner: Callable[[Any], str]) -> str:
    return "".join(filter(None, map(cleaner, nodes))).removesuffix(";")


def _clean_rule(rule: Any) -> str:
    """A rule as text; nothing where it may fetch or act."""
    if rule.type not in ("qualified-rule", "at-rule") or not _harmless(rule.prelude):
        return ""
    head = tinycss2.serialize(rule.prelude).strip()
    if rule.type == "qualified-rule":
        return f"{head}{{{_clean_content(rule.content)}}}"
    name = rule.lower_at_keyword
    if name not in _AT_RULES or rule.content is None:
        return ""
    if name == "font-face":
        return f"@font-face{{{_clean_content(rule.content)}}}"
    inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
    return f"@{name} {head}{{{_joined(inner, _clean_rule)}}}"


def _clean_content(content: list[Any]) -> str:
    parts = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
    return _joined(parts, _clean_part)


def _clean_part(part: Any) -> str:
    """A declaration or nested rule as text, with its semicolon."""
    if part.type != "declaration":
        return _clean_rule(part)
    if part.lower_name in _ACTIVE or not _harmless(part.value):
        return ""
    value = tinycss2.serialize(part.value).strip()
    return f"{part.name}:{value}{'!important' if part.important else ''};"


def _harmless_value(value: str) -> bool:
    return not set("()\\") & set(value) or _harmless(tinycss2.parse_component_value_list(value))


def _harmless(tokens: list[Any]) -> bool:
    """Whether nothing in a CSS value, however deep inside functions, points outside the file or runs."""
    for token in tokens:
        kind, inner = token.type, getattr(token, "arguments", None) or getattr(token, "content", None) or []
        if kind == "error" or (kind == "url" and not _inside(token.value)):
            return False
        if kind == "string" and _ADDRESS.match(token.value) and not _inside(token.value):
            return False
        if kind == "function" and token.lower_name == "expression":
            return False
        if kind == "function" and token.lower_name in _FETCHING:
            if not all(_inside(part.value) for part in inner if part.type in ("string", "url")):
                return False
        elif not _harmless(inner):
            return False
    return True


def _inside(uri: str) -> bool:
    return uri.startswith("#") or uri in (embedded_picture(uri), embedded_font(uri))
