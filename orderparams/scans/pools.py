"""Where points run: on this machine or on a Dask cluster, behind ``concurrent.futures``."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from orderparams.errors import ConfigurationError, SolverError
from orderparams.scans.worker import Crew, OnCompiling, Reply, Task

CONNECT_SECONDS = 10


class Pool(Protocol):
    """Runs tasks somewhere."""

    def submit(self, task: Task) -> Future[Reply]:
        """Start a task, or let it wait for a free process."""
        ...

    def size(self) -> int:
        """How many tasks run at the same time."""
        ...

    def close(self) -> None:
        """End what is running and forget what is waiting."""
        ...


class LocalPool:
    """Child processes on this machine, each led by a thread of an executor."""

    def __init__(self, workers: int, on_compiling: OnCompiling | None = None) -> None:
        self.workers = workers
        self.crew = Crew(on_compiling)
        self.crew.start(workers)
        self.executor = ThreadPoolExecutor(workers)

    def submit(self, task: Task) -> Future[Reply]:
        return self.executor.submit(self.crew.run, task)

    def size(self) -> int:
        return self.workers

    def close(self) -> None:
        self.crew.close()
        self.executor.shutdown(cancel_futures=True)


_crew = Crew()  # of a Dask worker


def run_on_cluster(task: Task) -> Reply:
    """What a Dask worker executes: the same child processes as on one machine."""
    return _crew.run(task)


def dismiss() -> None:
    """End the child processes of a Dask worker; the next scan gets new ones."""
    global _crew
    _crew.close()
    _crew = Crew()


class DaskPool:
    """The workers of a Dask cluster. One that is lost has its points run again by the others."""

    def __init__(self, scheduler: str | None, scheduler_file: Path | None) -> None:
        self.client = connect(scheduler, scheduler_file)
        self.executor = self.client.get_executor(pure=False)

    def submit(self, task: Task) -> Future[Reply]:
        future: Future[Reply] = self.executor.submit(run_on_cluster, task)
        return future

    def size(self) -> int:
        try:
            return sum(self.client.nthreads().values())
        except OSError:
            raise disconnected() from None

    def close(self) -> None:
        with contextlib.suppress(OSError):  # the scheduler may be gone
            self.executor.shutdown(wait=False)
            self.client.run(dismiss, on_error="ignore")
        self.client.close()


def disconnected() -> SolverError:
    """The error for a scheduler that is gone."""
    return SolverError("the connection to the Dask scheduler was lost", "go on")


def connect(scheduler: str | None, scheduler_file: Path | None) -> Any:
    """A client of a running scheduler; :class:`ConfigurationError` if it does not answer."""
    try:
        import distributed
    except ImportError:
        raise ConfigurationError(
            "a scheduler needs Dask, which is not installed; pip install 'orderparams[dask]'"
        ) from None
    client: Any = distributed.Client
    where = scheduler if scheduler_file is None else str(scheduler_file)
    if scheduler_file is not None and not scheduler_file.is_file():
        raise ConfigurationError(
            f"scheduler file {where}: there is no such file", "cluster", path=where
        )
    try:
        if scheduler_file is not None:
            return client(scheduler_file=str(scheduler_file), timeout=CONNECT_SECONDS)
        return client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise ConfigurationError(
            f"no Dask scheduler answers at {where}: {error}; start one with 'dask scheduler' and "
            "workers with 'dask worker ADDRESS'"
        ) from None
