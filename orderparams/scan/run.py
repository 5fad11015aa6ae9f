"""Running a plan: the pool gets the points that are not finished, the folder keeps what returns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orderparams.config import Problem, parse, parse_toml
from orderparams.errors import ConfigurationError, FileError, SolverError
from orderparams.scan.collect import collect
from orderparams.scan.folder import Folder
from orderparams.scan.plan import Plan, Point, base_table, make_plan
from orderparams.scan.pools import DaskPool, LocalPool, Pool, processors
from orderparams.scan.result import Scan
from orderparams.scan.worker import Reply, Task, failed
from orderparams.storage.files import check_target
from orderparams.storage.scans import open_scan, save_scan

SHOW_INTERVAL = 0.5  # seconds between looks at the clock while points run


@dataclass(frozen=True)
class Progress:
    """Points of this run: how many there are, are done (failed ones too), have failed, and run."""

    points: int
    done: int
    failed: int
    running: int


OnPoint = Callable[[Point, Reply], None]
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Machine:
    """Where and how points are run; none of it changes what comes out of those that finish.

    ``workers`` processes on this machine (all processors if None), or a Dask cluster given by the
    address of its scheduler or by its scheduler file; ``timeout`` in seconds a point.
    """

    workers: int | None = None
    timeout: float | None = None
    scheduler: str | None = None
    scheduler_file: Path | None = None

    def task(self, plan: Plan, point: Point) -> Task:
        """What a process is told about a point."""
        settings = plan.settings
        return Task(
            settings.action, point.config, point.hash, settings.trajectories, self.timeout
        )

    def pool(self, plan: Plan, points: Sequence[Point]) -> Pool:
        """Processes for these points."""
        if self.scheduler is not None or self.scheduler_file is not None:
            return DaskPool(self.scheduler, self.scheduler_file)
        workers = min(self.workers or processors(), len(points))
        return LocalPool(workers, self.rehearsal(points))

    def rehearsal(self, points: Iterable[Point]) -> list[Task]:
        """One evaluation for each set of kernels that the points need."""
        kinds = {}
        for point in points:
            problem = parse(parse_toml(point.config))
            attention, task, engine = problem.attention, problem.task, problem.expectation.engine
            kind = (attention.activation, task.target, engine, problem.training.rule)
            kinds.setdefault((*kind, attention.heads > 1), point)
        return [
            Task("evaluate", point.config, point.hash, timeout=self.timeout)
            for point in kinds.values()
        ]


def run_points(
    plan: Plan,
    points: Sequence[Point],
    folder: Folder,
    machine: Machine,
    on_point: OnPoint | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Run points and keep each in the folder as it ends. Interrupted, those that ended are kept."""
    waiting = iter(points)
    running: dict[Future[Reply], Point] = {}
    done = failures = 0
    if not points:
        return
    pool = machine.pool(plan, points)
    try:
        while done < len(points):
            size = pool.size()
            # A few more than can run, so that no process waits for the disk.
            while len(running) < 2 * size + 2 and (point := next(waiting, None)):
                running[pool.submit(machine.task(plan, point))] = point
            ended, _ = wait(running, timeout=SHOW_INTERVAL, return_when=FIRST_COMPLETED)
            for future in ended:
                point = running.pop(future)
                reply = result(future, machine.task(plan, point))
                folder.write(point.number, reply.image)
                done += 1
                failures += reply.status != "finished"
                if on_point is not None:
                    on_point(point, reply)
            if on_progress is not None:
                on_progress(Progress(len(points), done, failures, min(len(running), size)))
    finally:
        pool.close()


def result(future: Future[Reply], task: Task) -> Reply:
    """The reply of a point that ran; a failed one where the cluster could not run it."""
    try:
        return future.result()
    except CancelledError:
        raise SolverError("the connection to the Dask scheduler was lost; use --resume") from None
    except Exception as error:
        return failed(task, f"{type(error).__name__}: {error}", 0.0)


def unfinished(plan: Plan, folder: Folder) -> list[Point]:
    """Points that are missing or have failed."""
    pairs = zip(plan.points, folder.records(plan), strict=True)
    return [point for point, record in pairs if record is None or record.status != "finished"]


def share(plan: Plan, shard: tuple[int, int]) -> list[Point]:
    """The points of shard I of N: every N-th one. :class:`ConfigurationError` for an empty share."""
    index, count = shard
    if count > len(plan.points):
        raise ConfigurationError(
            f"--shard {index}/{count}: the scan has only {len(plan.points)} points; use at most as "
            "many shards"
        )
    return list(plan.points[index - 1 :: count])


def run_shard(
    plan: Plan,
    output: Path,
    shard: tuple[int, int],
    machine: Machine,
    on_point: OnPoint | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Run the unfinished points of one share; several shards may run at the same time."""
    mine = {point.number for point in share(plan, shard)}
    folder = Folder.beside(output)
    folder.start(plan)
    points = [point for point in unfinished(plan, folder) if point.number in mine]
    run_points(plan, points, folder, machine, on_point, on_progress)


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
        scan = open_scan(output)
        if not same_plan(scan, plan):
            raise ConfigurationError(f"{output} is the file of another scan; name another with -o")
        if scan.count("finished") == len(plan.points):
            return scan
    check_target(output, force=force or resume)
    if folder.exists() and not (resume or force):
        raise FileError(
            f"{folder} holds the points of a scan that did not finish; go on with --resume, or "
            "start anew with --force"
        )
    if force and not resume:
        folder.remove()
    folder.start(plan)
    run_points(plan, unfinished(plan, folder), folder, machine, on_point, on_progress)
    return write_collected(plan, output, force=force or resume, command=command)


def write_collected(plan: Plan, output: Path, *, force: bool, command: str = "") -> Scan:
    """Make one file of the points beside the output; the folder goes when all have finished."""
    folder = Folder.beside(output)
    scan = collect(plan, folder)
    kept = folder.path if plan.settings.trajectories else None
    save_scan(scan, output, force=force, command=command, folder=kept)
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


def scan(
    source: str | Path | Mapping[str, Any] | Problem,
    vary: Mapping[str, Any],
    *,
    output: str | Path | None = None,
    action: str = "solve",
    mode: str = "product",
    points: int | None = None,
    seed: int = 0,
    trajectories: bool = False,
    workers: int | None = None,
    timeout: float | None = None,
    scheduler: str | None = None,
    scheduler_file: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    on_point: OnPoint | None = None,
    on_progress: OnProgress | None = None,
) -> Scan:
    """Run a scan of a problem over ``vary``: configuration keys → lists, or texts as for ``--vary``.

    ``scan(problem, {"attention.heads": [1, 2, 4], "task.length": "log:4:4000:7"})``. With
    ``output`` the result is written there and unfinished work can be resumed; see
    :func:`run_plan`, and :class:`Machine` for what says where the points run. Raises
    :class:`ConfigurationError` or :class:`FileError`; points that fail are marked in the result.
    """
    settings = {
        "vary": vary, "action": action, "mode": mode, "points": points, "seed": seed,
        "trajectories": trajectories,
    }  # fmt: skip
    given = {key: value for key, value in settings.items() if value is not None}
    plan = make_plan(base_table(source), given)
    file = None if scheduler_file is None else Path(scheduler_file)
    machine = Machine(workers, timeout, scheduler, file)
    if output is not None:
        return run_plan(
            plan, Path(output), machine,
            resume=resume, force=force, on_point=on_point, on_progress=on_progress,
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        folder = Folder(Path(temporary))
        run_points(plan, plan.points, folder, machine, on_point, on_progress)
        return collect(plan, folder)
