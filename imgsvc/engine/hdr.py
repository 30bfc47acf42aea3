"""High dynamic range to sRGB: what an AVIF in PQ or HLG looks like on an ordinary screen."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from imgsvc.engine.codec import Pixels

BT2020, P3 = 9, 12
PQ, HLG = 16, 18

# Linear light to BT.709 primaries, both at D65 (derived from the chromaticities of BT.2020 and SMPTE EG 432-1).
_TO_709 = {
    BT2020: ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349), (-0.018151, -0.100579, 1.118730)),
    P3: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098274)),
}
# BT.2408: diffuse white of HDR programme material, and a usual mastering peak, in cd/m2.
WHITE, PEAK = 203.0, 1000.0
# Up to this share of diffuse white light stays as it is; what lies above is rolled off towards white.
KNEE = 0.7


def _nclx(data: bytes) -> tuple[int, int]:
    """Colour primaries and transfer characteristics of the first nclx box (ITU-T H.273); 0, 0 without one."""
    at = data.find(b"colrnclx")
    if at < 0 or at + 12 > len(data):
        return 0, 0
    primaries, transfer = struct.unpack_from(">HH", data, at + 8)
    return primaries, transfer


def is_hdr(data: bytes) -> bool:
    """Whether the file says that its samples are PQ or HLG coded."""
    return _nclx(data)[1] in (PQ, HLG)


def to_sdr(pixels: Pixels, data: bytes) -> Pixels:
    """PQ or HLG coded samples as sRGB: highlights above diffuse white rolled off, hue kept."""
    primaries, transfer = _nclx(data)
    coded = np.arange(256, dtype=np.float32) / 255.0
    table = (_pq(coded) if transfer == PQ else _hlg(coded)) / WHITE
    light = table.astype(np.float32)[pixels[..., :3]]
    if primaries in _TO_709:
        light = np.maximum(light @ np.array(_TO_709[primaries], np.float32).T, 0.0)
    luma = light @ np.array((0.2126, 0.7152, 0.0722), np.float32)
    above = np.maximum(luma - KNEE, 0.0)
    rolled = np.minimum(luma, KNEE) + (1.0 - KNEE) * (1.0 - np.exp(-above / (1.0 - KNEE)))
    scale = rolled / np.maximum(luma, 1e-6)
    shown = _srgb_coded(np.clip(light * scale[..., None], 0.0, 1.0))
    out = np.array(pixels)
    out[..., :3] = np.round(shown * 255.0).astype(np.uint8)
    return out


def _pq(coded: NDArray[np.float32]) -> NDArray[np.float32]:
    """cd/m2 of a PQ sample of 0..1 (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = coded ** (1 / m2)
    return np.asarray(10000.0 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1), np.float32)


def _hlg(coded: NDArray[np.float32]) -> NDArray[np.float32]:
    """cd/m2 on a display of 1000 cd/m2 of an HLG sample of 0..1 (ITU-R BT.2100, system gamma 1.2)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    return np.asarray(PEAK * scene**1.2, np.float32)


def _srgb_coded(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear 0..1 to sRGB-coded 0..1 (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
