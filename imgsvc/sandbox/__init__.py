"""The door of the sandbox: a pool of helper processes in which pictures are decoded and encoded."""

from imgsvc.sandbox.child import Dead, Late, survey
from imgsvc.sandbox.fence import Fence
from imgsvc.sandbox.folder import sweep
from imgsvc.sandbox.pool import Load, Pool

__all__ = ["Dead", "Fence", "Late", "Load", "Pool", "survey", "sweep"]
