"""File names as they may be offered for saving: nobody's path, nothing invisible, the right ending."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote, urlsplit

LONGEST = 100
NAMELESS = "image"
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE | re.ASCII)
_FORBIDDEN = re.compile(r'[<>:"|?*%]')


def safe(uploaded: str, ending: str) -> str:
    """A name for a picture made from the file `uploaded`, such as `holiday.webp`; at most 100 characters of stem.

    Drops folders, control and formatting characters (which can make `exe.jpg` read `gpj.exe`), and what systems
    keep for themselves.
    """
    base = re.split(r"[/\\]", unicodedata.normalize("NFC", uploaded))[-1]
    shown = "".join(c for c in base if unicodedata.category(c)[0] != "C")
    stem = shown.rpartition(".")[0] if "." in shown else shown
    stem = _FORBIDDEN.sub("_", stem)[:LONGEST].strip(" .-") or NAMELESS
    return f"_{stem}.{ending}" if _RESERVED.fullmatch(stem) else f"{stem}.{ending}"


def of_url(url: str, ending: str) -> str:
    """A safe name for a picture made from what `url` holds: what its path ends in, `image` where that is nothing."""
    return safe(unquote(urlsplit(url).path.rpartition("/")[2]), ending)


def disposition(kind: str, name: str) -> str:
    """The Content-Disposition that offers a safe name: in ASCII for old clients, whole by RFC 6266 where it differs."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem, _, ending = plain.rpartition(".")
    plain = plain if stem.strip() else f"{NAMELESS}.{ending}"
    plain = plain.replace("\\", "_").replace('"', "_")
    whole = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'{kind}; filename="{plain}"{whole}'
