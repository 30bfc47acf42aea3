"""imgsvc: a self-hosted service that makes pictures as small as they can be at a promised look."""

__version__ = "0.1.0"
