"""What fits into memory: sizes are estimated, and refused, before anything is allocated."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from orderparams.errors import ConfigurationError

PAGE = os.sysconf("SC_PAGE_SIZE")


def available() -> int:
    """Bytes that this process can still take.

    The least of: what the machine has (on Linux: has free), the limit of the container or batch
    job, and ``ulimit -v``.
    """
    bounds = [os.sysconf("SC_PHYS_PAGES") * PAGE]
    for line in lines("/proc/meminfo"):
        name, amount, *_ = line.split()
        if name == "MemAvailable:":
            bounds.append(int(amount) * 1024)
    bounds += group_limits()
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        taken = sum(int(line.split()[0]) * PAGE for line in lines("/proc/self/statm"))
        bounds.append(max(0, limit - taken))
    return min(bounds)


def group_limits() -> list[int]:
    """Bytes that the control groups (version 2) of this process leave it."""
    found = []
    for line in lines("/proc/self/cgroup"):
        if line.startswith("0::"):
            group = Path("/sys/fs/cgroup", line[3:].strip("/"))
            for folder in (group, *group.parents):
                limits = [int(limit) for limit in lines(f"{folder}/memory.max") if limit != "max"]
                used = [entry.split() for entry in lines(f"{folder}/memory.stat")]
                taken = sum(int(size) for name, size in used if name == "anon")
                found += [max(0, limit - taken) for limit in limits]
    return found


def lines(path: str) -> list[str]:
    """The lines of a file of the operating system; none where there is no such file."""
    try:
        return Path(path).read_text("ascii").splitlines()
    except OSError:
        return []


def require(size: int, what: str, remedy: str) -> None:
    """:class:`ConfigurationError` if ``size`` bytes for ``what`` are more than are available."""
    free = available()
    if size > free:
        raise ConfigurationError(
            f"{what} would take {written(size)} of memory and {written(free)} are available: "
            f"{remedy}"
        )


def written(size: int) -> str:
    """A number of bytes with a fitting unit, such as 3.2 GiB."""
    amount, units = float(size), ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{amount:.3g} {units[0]}"
