"""Signed URLs: what is signed holds, to the letter and until its end, and nothing else does."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsvc import signature
from imgsvc.errors import BadSignature

KEY = signature.key(b"s" * 32, "acme", "salt")
SOURCE = "https://x.test/a%20b.jpg?v=1"
SIGNED = signature.sign(KEY, "acme", "300x200,2x", SOURCE)
NOW = 1_800_000_000.0


def test_it_is_made_as_the_documentation_says():
    digest = hmac.new(KEY.encode(), f"acme/300x200,2x/{SOURCE}".encode(), hashlib.sha256).digest()
    assert "300x200,2x,sig=" + base64.urlsafe_b64encode(digest).decode().rstrip("=") == SIGNED
    assert signature.verify(KEY, "acme", SIGNED, SOURCE, NOW) == "300x200,2x"


@pytest.mark.parametrize(
    ("account", "options", "source"),
    [
        ("acme", "300x200,2x", SOURCE),
        ("acme", "", SOURCE),
        ("acme", "300x200,2x,sig=", SOURCE),
        ("acme", "300x200,2x,sig=" + "A" * 43, SOURCE),
        ("Acme", SIGNED, SOURCE),
        ("%61cme", SIGNED, SOURCE),
        ("acme", SIGNED.replace("300", "301"), SOURCE),
        ("acme", SIGNED.replace("2x", "2X"), SOURCE),
        ("acme", "2x,300x200" + SIGNED.removeprefix("300x200,2x"), SOURCE),
        ("acme", SIGNED + ",full", SOURCE),
        ("acme", "full," + SIGNED, SOURCE),
        ("acme", SIGNED + SIGNED, SOURCE),
        ("acme", SIGNED + "," + SIGNED.rpartition(",")[2], SOURCE),
        ("acme", SIGNED.replace("sig=", "SIG="), SOURCE),
        ("acme", SIGNED + "=", SOURCE),
        ("acme", SIGNED.replace(",sig", "%2Csig"), SOURCE),
        ("acme", SIGNED, SOURCE.replace("%20", "%2520")),
        ("acme", SIGNED, SOURCE.replace("%20", "+")),
        ("acme", SIGNED, SOURCE + "&w=2"),
        ("acme", SIGNED, SOURCE.replace("https", "http")),
        ("acme", SIGNED, ""),
        ("acme", SIGNED, "https%3A%2F%2Fx.test%2Fa%2520b.jpg%3Fv%3D1"),
    ],
)
def test_whatever_differs_is_refused(account, options, source):
    with pytest.raises(BadSignature):
        signature.verify(KEY, account, options, source, NOW)


@given(st.integers(0, 5), st.characters())
def test_a_letter_more_is_another_url(place, letter):
    parts = ["acme", SIGNED, SOURCE]
    which = place % 3
    parts[which] = parts[which] + letter if place < 3 else letter + parts[which]
    with pytest.raises(BadSignature):
        signature.verify(KEY, *parts, NOW)


def test_keys_differ_by_secret_account_and_salt():
    keys = {
        signature.key(secret, name, salt)
        for secret in (b"s" * 32, b"t" * 32)
        for name in ("acme", "other")
        for salt in ("salt", "pepper")
    }
    assert len(keys) == 8
    for key in keys - {KEY}:
        with pytest.raises(BadSignature):
            signature.verify(key, "acme", SIGNED, SOURCE, NOW)


def test_it_ends_when_it_says_and_that_is_signed_too():
    signed = signature.sign(KEY, "acme", "expires=1800000000,full", SOURCE)
    assert signature.verify(KEY, "acme", signed, SOURCE, NOW - 1) == "full"
    for now in (NOW, NOW + 1):
        with pytest.raises(BadSignature, match="expires"):
            signature.verify(KEY, "acme", signed, SOURCE, now)
    with pytest.raises(BadSignature, match="sig"):
        signature.verify(KEY, "acme", signed.replace("1800000000", "1900000000"), SOURCE, NOW - 1)
    two = signature.sign(KEY, "acme", "full,expires=1900000000,expires=1800000000", SOURCE)
    with pytest.raises(BadSignature, match="expires"):
        signature.verify(KEY, "acme", two, SOURCE, NOW)
    odd = signature.sign(KEY, "acme", "full,expires=soon", SOURCE)
    assert signature.verify(KEY, "acme", odd, SOURCE, NOW) == "full,expires=soon"


def test_any_text_can_be_signed_and_split():
    for text in ("full", "a,sig=b", "", "ü", "\udcff"):
        signed = signature.sign(KEY, text, "full", text)
        assert signature.verify(KEY, text, signed, text, NOW) == "full"
    assert signature.split("full") == ("full", "")
    assert signature.split(SIGNED)[0] == "300x200,2x"
