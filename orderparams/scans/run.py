"""Running a plan: the pool gets the points that are not finished, the folder keeps what returns."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orderparams import interruption
from orderparams.errors import ConfigurationError, FileError
from orderparams.models import registry
from orderparams.phases import LOG, phase
from orderparams.processors import processors
from orderparams.results import schema
from orderparams.results.files import open_group
from orderparams.results.scan import Scan, save_scan
from orderparams.scans.collect import collect
from orderparams.scans.folder import Folder
from orderparams.scans.plan import Plan
from orderparams.scans.points import Point, Report
from orderparams.scans.pools import DaskPool, LocalPool, Pool, disconnected
from orderparams.scans.worker import OnCompiling, Reply, Task, failed
from orderparams.storage.files import check_target
from orderparams.storage.points import Record, read_image
from orderparams.storage.rescue import save_somewhere
from orderparams.storage.schema import Known

SHOW_INTERVAL = 0.5  # seconds between looks at the clock while points run
PROBE = 5.0  # seconds for a point that is tried for the estimate of a plan's time


@dataclass(frozen=True)
class Progress:
    """Points of this run: how many there are, are done (failed ones too), have failed, and run;
    what is done with them: "checking" the plan, "running", or "collecting" their files."""

    points: int
    done: int
    failed: int = 0
    running: int = 0
    phase: str = "running"

    @property
    def words(self) -> str:
        """How far it is, in a few words."""
        text = f"{self.done} of {self.points} points "
        if self.phase != "running":
            return text + {"checking": "checked", "collecting": "collected"}[self.phase]
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{text}done{failed}, {self.running} running"


OnPoint = Callable[[Point, Reply], None]
OnProgress = Callable[[Progress], None]


def reporter(phase: str, on_progress: OnProgress | None) -> Report | None:
    """Tells of a phase whose points are counted."""
    if on_progress is None:
        return None

    def report(done: int, points: int) -> None:
        on_progress(Progress(points, done, phase=phase))

    return report


@dataclass(frozen=True)
class Machine:
    """Where and how points are run; none of it changes what comes out of those that finish.

    ``workers`` processes on this machine (all processors if None), or a Dask cluster given by the
    address of its scheduler or by its scheduler file; ``timeout`` in seconds a point.
    ``on_compiling`` is called once if processes of this machine have to compile kernels.
    """

    workers: int | None = None
    timeout: float | None = None
    scheduler: str | None = None
    scheduler_file: Path | None = None
    on_compiling: OnCompiling | None = None

    @property
    def ignored(self) -> dict[str, str]:
        """What is given without effect, and why."""
        if self.local or self.workers is None:
            return {}
        return {"workers": "points run on the cluster, which has processes of its own"}

    @property
    def local(self) -> bool:
        """Whether points run on this machine."""
        return self.scheduler is None and self.scheduler_file is None

    def processes(self, points: int) -> int:
        """How many processes of this machine so many points can use."""
        return min(self.workers or processors(), points)

    def pool(self, points: int) -> Pool:
        """Processes for so many points."""
        if self.local:
            return LocalPool(self.processes(points), self.on_compiling)
        return DaskPool(self.scheduler, self.scheduler_file)


def make_task(plan: Plan, point: Point, machine: Machine, start: Record | None = None) -> Task:
    """What a process is told about a point; ``start`` is its neighbour in a chain."""
    end = None
    if start is not None and start.status == "finished":
        known = {parameter.name for parameter in schema.table(plan.model)}
        end = {name: v.tolist() for name, v in start.values.items() if name in known}
    settings = plan.settings
    return Task(
        settings.action,
        point.config,
        point.hash,
        settings.trajectories,
        machine.timeout,
        end,
        registry.model_file(plan.model),
    )


def run_points(
    plan: Plan,
    chains: Sequence[Sequence[Point]],
    folder: Folder,
    machine: Machine,
    on_point: OnPoint | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Run what is not finished of some chains, and keep each point in the folder as it ends.

    Interrupted, those that ended are kept. :class:`ConfigurationError`, before anything is run or
    written, for the folder of another plan or a cluster that does not answer.
    """
    registry.model_file(plan.model)  # refused before anything is written
    folder.check(plan)
    if on_progress is not None:
        on_progress(Progress(sum(map(len, chains)), 0))
    kept = folder.numbers()
    inside = schema.known(plan.model)
    waiting = deque(left for chain in chains if (left := unfinished(chain, folder, kept, inside)))
    points = [point for remainder in waiting for point in remainder.points]
    if not points:
        return
    running: dict[Future[Reply], tuple[Task, Point, list[Point]]] = {}
    done = failures = 0
    pool: Pool
    with (
        phase(f"running {len(points)} points"),
        interruption.keeping(command=True),
        closing(machine.pool(len(waiting))) as pool,
    ):
        folder.start(plan)
        while done < len(points):
            interruption.check()
            size = pool.size()
            # A few more than can run, so that no process waits for the disk.
            while waiting and len(running) < 2 * size + 2:
                remainder = waiting.popleft()
                point, *rest = remainder.points
                task = make_task(plan, point, machine, remainder.previous)
                running[pool.submit(task)] = task, point, rest
            ended, _ = wait(running, timeout=SHOW_INTERVAL, return_when=FIRST_COMPLETED)
            for future in ended:
                task, point, rest = running.pop(future)
                reply = result(future, task)
                folder.write(point.number, reply.image)
                if rest:
                    waiting.appendleft(Remainder(rest, read_image(reply.image)))
                LOG.info("point %d: %s in %.2f s", point.number, reply.status, reply.seconds)
                done += 1
                failures += reply.status != "finished"
                if on_point is not None:
                    on_point(point, reply)
            if on_progress is not None:
                on_progress(Progress(len(points), done, failures, min(len(running), size)))


def result(future: Future[Reply], task: Task) -> Reply:
    """The reply of a point that ran; a failed one where the cluster could not run it."""
    try:
        return future.result()
    except CancelledError:
        raise disconnected() from None
    except Exception as error:
        return failed(task, f"{type(error).__name__}: {error}", 0.0)


@dataclass(frozen=True)
class Remainder:
    """What is left of a chain, and what is known of the point before."""

    points: list[Point]
    previous: Record | None


def unfinished(
    chain: Sequence[Point], folder: Folder, kept: set[int], inside: Known
) -> Remainder | None:
    """From the first point on that is missing or has failed: what follows it may depend on it.

    ``kept`` are the numbers of the points that have a file, and ``inside`` is what these hold.
    """
    previous = None
    for i, point in enumerate(chain):
        record = folder.record(point, inside) if point.number in kept else None
        if record is None or record.status != "finished":
            return Remainder(list(chain[i:]), previous)
        previous = record
    return None


@dataclass(frozen=True)
class Estimate:
    """Wall time of a plan; a lower bound if not all points that were tried ended in time."""

    seconds: float
    ended: int
    tried: int
    workers: int


def estimate(plan: Plan, machine: Machine) -> Estimate:
    """The time of a plan, from its first, middle and last point run for at most PROBE seconds."""
    last = len(plan.points) - 1
    points = [plan.points[i] for i in sorted({0, last // 2, last})]
    brief = dataclasses.replace(machine, timeout=min(PROBE, machine.timeout or PROBE))
    pool = machine.pool(len(points))
    try:
        size = pool.size()
        futures = [pool.submit(make_task(plan, point, brief)) for point in points]
        replies = [future.result() for future in futures]
    finally:
        pool.close()
    work = sum(reply.seconds for reply in replies) / len(replies) * len(plan.points)
    ended = sum(reply.seconds < PROBE for reply in replies)
    workers = machine.processes(len(plan.chains)) if machine.local else max(1, size)
    return Estimate(work / workers, ended, len(points), workers)


def share(plan: Plan, shard: tuple[int, int]) -> list[list[Point]]:
    """The chains of shard I of N: every N-th. :class:`ConfigurationError` for an empty share."""
    index, count = shard
    chains = plan.chains
    if count > len(chains):
        raise ConfigurationError(
            f"shard {index}/{count}: the scan has only {len(chains)} points that can run at the "
            "same time; use at most as many shards"
        )
    return chains[index - 1 :: count]


def run_shard(
    plan: Plan,
    output: Path,
    shard: tuple[int, int],
    machine: Machine,
    on_point: OnPoint | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Run the unfinished points of one share; several shards may run at the same time."""
    chains = share(plan, shard)
    folder = Folder.beside(output)
    run_points(plan, chains, folder, machine, on_point, on_progress)


def run_plan(
    plan: Plan,
    output: Path,
    machine: Machine,
    *,
    resume: bool = False,
    force: bool = False,
    command: str = "",
    on_point: OnPoint | None = None,
    on_progress: OnProgress | None = None,
) -> Scan:
    """Run what is not finished, write the collected file, and return what it holds.

    ``resume`` goes on with the points that are in the folder beside the output, ``force`` discards
    them. Raises :class:`FileError` or :class:`ConfigurationError` before anything is run or
    touched.
    """
    folder = Folder.beside(output)
    if resume and output.exists() and not force:
        scan: Scan = open_group(output, "scan")
        if not same_plan(scan, plan):
            raise ConfigurationError(f"{output} is the file of another scan", "restart")
        if scan.count("finished") == len(plan.points):
            return scan
    check_target(output, force=force or resume)
    if folder.exists() and not (resume or force):
        raise FileError(f"{folder} holds the points of a scan that did not finish", "resume")
    if force and not resume:
        folder.remove()
    run_points(plan, plan.chains, folder, machine, on_point, on_progress)
    return write_collected(
        plan, output, force=force or resume, command=command, on_progress=on_progress
    )


def write_collected(
    plan: Plan,
    output: Path,
    *,
    force: bool,
    command: str = "",
    on_progress: OnProgress | None = None,
) -> Scan:
    """Make one file of the points beside the output; the folder goes when all have finished."""
    folder = Folder.beside(output)
    folder.check(plan)
    check_target(output, force=force)
    with phase("collecting the points"):
        scan = collect(plan, folder, reporter("collecting", on_progress))
    kept = folder.path if plan.settings.trajectories else None
    write = partial(save_scan, scan, command=command, folder=kept)
    save_somewhere(write, output, force=force)
    if scan.count("finished") == len(plan.points):
        folder.remove()
    return scan


def same_plan(scan: Scan, plan: Plan) -> bool:
    """Whether a collected file holds the points of this plan."""
    return (
        scan.action == plan.settings.action
        and ("group" in scan.arrays) == plan.settings.trajectories
        and scan["hash"].ravel().tolist() == [point.hash for point in plan.points]
    )
