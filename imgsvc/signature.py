"""Signed URLs: HMAC-SHA256 over account, options and source exactly as they stand in the path, and an end in time.

The signature is the last of the options, `,sig=` and 43 characters, and what is signed is the path without it:
`ACCOUNT/OPTIONS/SOURCE`, with the query if there is one. `expires=` among the options, in seconds since 1970, is
signed as all the others are.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from base64 import urlsafe_b64encode

from imgsvc.errors import BadSignature

_SIGNED = re.compile(r"(.+),sig=([A-Za-z0-9_-]{43})", re.DOTALL)
_EXPIRES = re.compile(r"expires=([0-9]{1,12})")


def key(secret: bytes, account: str, salt: str) -> str:
    """The signing key of an account: 64 hexadecimal digits, whose ASCII bytes are the key of the HMAC."""
    return hmac.digest(secret, f"imageoptim {account} {salt}".encode(), "sha256").hex()


def sign(key: str, account: str, options: str, source: str) -> str:
    """The options with their signature; account, options and source as they will stand in the path."""
    return f"{options},sig={_mac(key, account, options, source)}"


def split(options: str) -> tuple[str, str]:
    """The options without their signature, and the signature; it is empty where they end in none."""
    found = _SIGNED.fullmatch(options)
    return (found[1], found[2]) if found else (options, "")


def verify(key: str, account: str, options: str, source: str, now: float) -> str:
    """The options without signature and expiry; BadSignature unless they are signed with the key and not out of date.

    Account, options and source as they stand in the path; `now` in seconds since 1970.
    """
    unsigned, signature = split(options)
    if not hmac.compare_digest(signature.encode(), _mac(key, account, unsigned, source).encode()):
        raise BadSignature
    if end(unsigned) <= now:
        raise BadSignature("expires: the time of this URL is over.")
    return ",".join(word for word in unsigned.split(",") if not _EXPIRES.fullmatch(word))


def end(options: str) -> float:
    """Until when options may be used, in seconds since 1970; infinity where they do not say."""
    found = map(_EXPIRES.fullmatch, split(options)[0].split(","))
    return min((float(one[1]) for one in found if one), default=math.inf)


def _mac(key: str, account: str, options: str, source: str) -> str:
    text = f"{account}/{options}/{source}".encode("utf-8", "surrogatepass")
    digest = hmac.digest(key.encode(), text, hashlib.sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
