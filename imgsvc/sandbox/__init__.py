"""The door of the sandbox: a pool of helper processes in which pictures are decoded and encoded."""

from imgsvc.sandbox.folder import sweep
from imgsvc.sandbox.pool import Load, Pool

__all__ = ["Load", "Pool", "sweep"]
