"""The APIs spoken here, one file each."""

from imgsvc.dialects import imageoptim, klema, proxy

DIALECTS = (klema.DIALECT, proxy.DIALECT, imageoptim.DIALECT)
