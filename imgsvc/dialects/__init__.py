"""The APIs spoken here, one file each."""

from imgsvc.dialects import klema, proxy

DIALECTS = (klema.DIALECT, proxy.DIALECT)
