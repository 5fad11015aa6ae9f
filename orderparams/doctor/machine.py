"""What the program runs on: versions, processor, threads, and where compiled kernels are kept."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

from orderparams.processors import THREADS, processors

FEATURES = ("avx2", "fma", "avx512f", "neon", "sve")
"""Vector instructions that the kernels gain from."""


def installed(name: str) -> str | None:
    """Version of a distribution, None if it is absent."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def libraries() -> list[dict[str, str | None]]:
    """The libraries that the program needs, and those of its extras: name, extra, version."""
    found = []
    for requirement in importlib.metadata.requires("orderparams") or []:
        name, _, condition = requirement.partition(";")
        extra = re.search(r"extra == ['\"]([\w-]+)", condition)
        if extra is None or extra[1] not in ("test", "dev"):
            plain = re.split(r"[^\w.-]", name, maxsplit=1)[0]
            row = {"name": plain, "extra": extra and extra[1], "version": installed(plain)}
            found.append(row)
    return found


def processor() -> dict[str, Any]:
    """Name of the processor and its vector instructions, as the compiler sees them."""
    try:
        from llvmlite import binding
    except ImportError:
        return {"name": platform.machine(), "features": []}
    features = binding.get_host_cpu_features()
    return {
        "name": binding.get_host_cpu_name(),
        "features": [name for name in FEATURES if features.get(name)],
    }


def kernel_cache() -> dict[str, str | None]:
    """Folder of compiled kernels, None if there is none, and what is to be said about it."""
    try:
        from orderparams.ahead import missing
        from orderparams.compiled import cache_root, is_writable
        from orderparams.expectations.separate.integrals import KERNELS
    except ImportError as error:
        return {"folder": None, "state": f"unknown: {error}"}
    folder = cache_root()
    if folder is None:
        remedy = "set NUMBA_CACHE_DIR to a folder that can be written"
        return {"folder": None, "state": f"none, every start compiles anew; {remedy}"}
    state = "writable" if is_writable(folder) else "read-only"
    if left := len(missing(KERNELS)):
        state += f", {left} kernels of softmax are not compiled yet: orderparams doctor --compile"
    return {"folder": str(folder), "state": state}


def describe_machine() -> dict[str, Any]:
    """Everything, as ``orderparams doctor --json`` prints it."""
    return {
        "version": installed("orderparams"),
        "folder": str(Path(__file__).parents[1]),
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "processor": processor(),
        "cores": processors(),
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "kernel_cache": kernel_cache(),
        "libraries": libraries(),
    }
