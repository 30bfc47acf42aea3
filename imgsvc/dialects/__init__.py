"""The APIs spoken here, one file each."""

from imgsvc.dialects import klema

DIALECTS = (klema.DIALECT,)
