"""A scan from Python: from a problem and what is varied to a result."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orderparams import arguments
from orderparams.config.plain import plain
from orderparams.config.toml import Settings, listed, setting_keys
from orderparams.config.unused import sentence, warn
from orderparams.progress import ProgressLine, heard
from orderparams.results.scan import Scan
from orderparams.scans.collect import collect
from orderparams.scans.folder import Folder
from orderparams.scans.plan import base_table, make_plan
from orderparams.scans.run import (
    Machine,
    OnPoint,
    OnProgress,
    Progress,
    reporter,
    run_plan,
    run_points,
)
from orderparams.scans.unused import given_to, ignored_in
from orderparams.sources import Source, place_of


def shown_on(line: ProgressLine) -> OnProgress:
    """The progress of a scan on a line."""

    def progress(now: Progress) -> None:
        line(now.done / now.points, now.words)

    return progress


def scan(
    source: Source,
    vary: Mapping[str, Any],
    *,
    settings: Settings | None = None,
    output: str | Path | None = None,
    action: str | None = None,
    mode: str | None = None,
    points: int | None = None,
    seed: int | None = None,
    trajectories: bool | None = None,
    warm_start: str | None = None,
    workers: int | None = None,
    timeout: float | None = None,
    scheduler: str | None = None,
    scheduler_file: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    on_point: OnPoint | None = None,
    progress: OnProgress | bool | None = None,
) -> Scan:
    """Run a problem for many values of its settings.

    What is left out is as the table ``[scan]`` of the source has it. Points that fail are marked in
    the result.

    Parameters
    ----------
    source
        A problem in any form that :func:`orderparams.load` takes, such as the name of a preset.
    settings
        Changes to it, as :func:`orderparams.load` takes them.
    vary
        Keys of the configuration, each with a list of values, or with a text as after ``--vary``:
        ``{"attention.heads": [1, 2, 4], "task.length": "log:4:4000:7"}``.
    output
        The file to write. Beside it finished points are kept until all are, and an interrupted scan
        goes on with ``resume``.
    action
        What is done at each point: "solve", "evaluate", "simulate", "validate" or "optimum".
    mode, points, seed
        "product" for all combinations, "zip" for first with first, "random" for so many ``points``
        drawn with this ``seed``.
    trajectories
        True keeps all that each point stores, not only its end.
    warm_start
        A varied key along which points of an optimum start from their neighbours.
    workers, timeout
        Processes of this machine (all processors if None), and seconds a point.
    scheduler, scheduler_file
        The address of a Dask cluster, or Dask's file with it, to run on instead.
    resume, force
        Go on with the points beside the output; replace it.
    on_point
        A function that is called with each point and its reply as it ends.
    progress
        True shows how far the scan is. A function is called with how many points there are, are
        done, failed and running.

    Raises
    ------
    ConfigurationError
        Where the scan has no meaning; before anything is run.
    FileError
        Where the output cannot be written; before anything is run.

    Examples
    --------
    >>> found = op.scan("two-stage", {"attention.heads": [1, 2]}, action="evaluate", workers=1)
    >>> found["heads"].tolist(), found["risk"].shape
    ([1, 2], (2,))
    """
    workers = None if workers is None else arguments.count(workers, "workers")
    timeout = None if timeout is None else arguments.seconds(timeout, "timeout")
    file = None if output is None else arguments.path(output, "a result file to write")
    if scheduler_file is not None:
        scheduler_file = arguments.path(scheduler_file, "Dask's scheduler file")
    arguments.function(on_point, "on_point")
    options = {
        "vary": vary, "action": action, "mode": mode, "points": points, "seed": seed,
        "trajectories": trajectories, "warm_start": warm_start,
    }  # fmt: skip
    given = {key: plain(value) for key, value in options.items() if value is not None}
    with heard(progress, shown_on) as told:
        report = reporter("checking", told)
        plan = make_plan(base_table(source), given, settings, report, place=place_of(source))
        keys = given_to(plan, source, setting_keys(listed(settings)))
        machine = Machine(workers, timeout, scheduler, scheduler_file)
        idle = {} if file is not None else {"resume": resume, "force": force}
        unwritten = {name: "nothing is written without output" for name in idle if idle[name]}
        warn(sentence("this scan", ignored_in(plan, keys) | machine.ignored | unwritten))
        if file is not None:
            return run_plan(
                plan, file, machine,
                resume=resume, force=force, on_point=on_point, on_progress=told,
            )  # fmt: skip
        with tempfile.TemporaryDirectory() as temporary:
            folder = Folder(Path(temporary))
            run_points(plan, plan.chains, folder, machine, on_point, told)
            return collect(plan, folder, reporter("collecting", told))
