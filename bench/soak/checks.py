"""What an answer to a hostile file must be, by the words of the corpus's `check` column."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from xml.etree import ElementTree

from PIL import Image

from bench.soak.client import Answer

SIDE, FRAMES = 2000, 500
"""The service's default limits."""
KINDS = {
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/webp": ("WEBP",),
    "image/gif": ("GIF",),
    "image/avif": ("AVIF",),
}
ENDINGS = {
    "image/jpeg": "jpg",
    "image/svg+xml": "svg",
    **{f"image/{kind}": kind for kind in ("png", "webp", "gif", "avif")},
}
ORIENTATION = 0x0112
PAYLOADS = (b"<script", b"<?php", b"PK\x03\x04", b"%PDF", b"alert(", b"<svg")
"""What hides in the polyglots; none of it is ever part of a picture's own bytes."""
LIVE = {"script", "foreignObject", "iframe", "embed", "object", "include", "handler", "listener"}
"""Elements that run something, or bring something in, in any namespace."""
_DECLARED = re.compile(rb"<!DOCTYPE|<!ENTITY|<\?(?!xml\s)", re.IGNORECASE)
_ACTIVE = re.compile(r"\s*(javascript|vbscript|file):|@import|expression\(", re.IGNORECASE)
_REFERENCE = re.compile(r"url\(\s*[\"']?\s*([^\"')]*)", re.IGNORECASE)
_HARMLESS = re.compile(r"#|data:image/(png|jpeg|gif|webp)[;,]|data:font/[a-z0-9]+[;,]|$", re.IGNORECASE)
_ANIMATED = re.compile(r"\s*(on|(xlink:)?href)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([0-9a-fA-F]{1,6})\s?")
"""A character of CSS by its number (CSS Syntax 3, 4.3.7)."""
_NAME = re.compile(r'(inline|attachment); filename="[ -!#-.0-\[\]-~]+"(; filename\*=UTF-8\'\'[\w.~%-]+)?', re.ASCII)


@dataclass(frozen=True, slots=True)
class Case:
    """One upload and the answer to it."""

    sent: bytes
    wanted: str
    """The output format that was asked for, empty for the picture's own."""
    answer: Answer

    @property
    def mime(self) -> str:
        return self.answer.headers.get("content-type", "")


Check = Callable[[Case], Iterator[str]]
"""Says what is wrong, nothing where all is well."""


def refused(case: Case) -> Iterator[str]:
    """A refusal is a JSON object of one sentence."""
    said = case.answer.json
    if list(said) != ["error"] or not isinstance(said["error"], str) or "Traceback" in said["error"]:
        yield "the refusal is no JSON error"


def decodable(case: Case) -> Iterator[str]:
    """A picture of the type it says, whole, within the limits; an SVG is harmless instead."""
    if case.mime == "image/svg+xml":
        yield from harmless(case)
        return
    if case.mime not in KINDS:
        yield f"the type is {case.mime!r}"
        return
    try:
        with Image.open(BytesIO(case.answer.body), formats=KINDS[case.mime]) as image:
            if max(image.size) > SIDE or getattr(image, "n_frames", 1) > FRAMES:
                yield f"{image.size} in {getattr(image, 'n_frames', 1)} frames is beyond the limits"
                return
            image.load()
    except Exception as error:  # noqa: BLE001 - decoders raise anything at all
        yield f"the output does not decode: {type(error).__name__}"


def harmless(case: Case) -> Iterator[str]:
    """No script, nothing that loads something else; a picture or a font may be inside as data."""
    body = case.answer.body
    if case.mime != "image/svg+xml":
        return
    if found := _DECLARED.search(body):
        yield f"the output holds {found[0]!r}"
        return
    try:
        # Without declarations there is nothing that an XML parser could be harmed with.
        root = ElementTree.fromstring(body)  # noqa: S314
    except ElementTree.ParseError as error:
        yield f"the output is no XML: {error}"
        return
    for element in root.iter():
        yield from _live(element)
    if "sandbox" not in case.answer.headers.get("content-security-policy", ""):
        yield "an SVG without a sandboxing policy"


def _live(element: ElementTree.Element) -> Iterator[str]:
    name = element.tag.rpartition("}")[2]
    if name in LIVE:
        yield f"the output has an element {name}"
    texts = list(element.attrib.values()) + ([element.text or ""] if name == "style" else [])
    texts = [_ESCAPED.sub(lambda found: chr(min(0x10FFFF, int(found[1], 16))), text) for text in texts]
    for text in texts:
        if _ACTIVE.search(text) if name == "style" else _ACTIVE.match(text):
            yield f"the output says {text[:60]!r}"
    for attribute, text in element.attrib.items():
        local = attribute.rpartition("}")[2].lower()
        if local.startswith("on") or (local == "attributename" and _ANIMATED.match(text)):
            yield f"the output has an attribute {local}={text[:20]!r}"
        if local in ("href", "src") and not _HARMLESS.match(text.strip()):
            yield f"the output refers to {text[:60]!r}"
    for target in (target for text in texts for target in _REFERENCE.findall(text)):
        if not _HARMLESS.match(target):
            yield f"the output refers to {target[:60]!r}"


def only_picture(case: Case) -> Iterator[str]:
    """Nothing of a second format inside, nothing behind the end."""
    body = case.answer.body
    for payload in PAYLOADS:
        if payload in case.sent and payload in body and case.mime != "image/svg+xml":
            yield f"the output still holds {payload!r}"
    ends = {"image/jpeg": b"\xff\xd9", "image/png": b"IEND\xaeB`\x82", "image/gif": b";"}
    if case.mime in ends and not body.endswith(ends[case.mime]):
        yield "the output goes on behind its end"
    if case.mime == "image/webp" and int.from_bytes(body[4:8], "little") + 8 != len(body):
        yield "the output goes on behind its end"


def stripped(case: Case) -> Iterator[str]:
    """No metadata but what turns the picture upright."""
    if case.mime not in KINDS:
        return
    with Image.open(BytesIO(case.answer.body), formats=KINDS[case.mime]) as image:
        tags = set(image.getexif())
        if tags - {ORIENTATION}:
            yield f"EXIF tags {sorted(tags)[:5]} are left"
        if "xmp" in image.info or "XML:com.adobe.xmp" in image.info:
            yield "XMP is left"


def not_turned(case: Case) -> Iterator[str]:
    """The picture lies as it was stored."""
    with Image.open(BytesIO(case.sent)) as before, Image.open(BytesIO(case.answer.body)) as after:
        if before.size != after.size or after.getexif().get(ORIENTATION, 1) != 1:
            yield f"{before.size} became {after.size}, orientation {after.getexif().get(ORIENTATION, 1)}"


def of_content(case: Case) -> Iterator[str]:
    """The type says what the upload was and not what its name said, unless another was asked for."""
    with Image.open(BytesIO(case.sent)) as image:
        if not case.wanted and image.format not in KINDS.get(case.mime, ()):
            yield f"{image.format} was answered as {case.mime}"


def well_named(case: Case) -> Iterator[str]:
    """A file name that is quoted, without a path, and ends as its type does."""
    shown = case.answer.headers.get("content-disposition", "")
    ending = ENDINGS.get(case.mime, "?")
    if not _NAME.fullmatch(shown) or ".." in shown:
        yield f"Content-Disposition is {shown[:80]!r}"
    elif not re.match(rf'[^"]*"[^"]*\.{ending}"', shown):
        yield f"Content-Disposition is {shown[:80]!r}, of {case.mime}"


BY_WORDS: dict[str, tuple[Check, ...]] = {
    "output has no script/foreignObject": (harmless,),
    "200 with only image data": (only_picture, stripped),
    "200 with metadata dropped": (only_picture, stripped),
    "metadata never parsed": (stripped,),
    "treated as orientation 1": (stripped, not_turned),
    "format taken from the content": (of_content,),
}
"""By how the manifest's sentence begins. All else it asks for holds for every answer (`EVERY`), or is measured of the
service as a whole: time, memory, 5xx."""
EVERY: tuple[Check, ...] = (decodable, well_named)


def complaints(words: str, case: Case) -> list[str]:
    """What is wrong with the answer to a file whose manifest line says `words`."""
    if case.answer.status != 200:
        return list(refused(case))
    wrong = [said for check in EVERY for said in check(case)]
    if wrong:
        return wrong
    found = [checks for start, checks in BY_WORDS.items() if words.startswith(start)]
    return [said for checks in found for check in checks for said in check(case)]
