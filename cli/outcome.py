"""What a scan shows while it runs, and what it came to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orderparams import interruption

if TYPE_CHECKING:
    import numpy as np

    from orderparams.progress import ProgressLine
    from orderparams.results.scan import Scan
    from orderparams.scans.plan import Plan
    from orderparams.scans.points import Point
    from orderparams.scans.run import Progress
    from orderparams.scans.worker import Reply

FIRST_FAILURES = 5
MOST_POINTS = 16
"""Of the table of results on a screen."""


def progress_line(*, quiet: bool) -> ProgressLine | None:
    """Where progress is shown."""
    from orderparams.progress import ProgressLine

    if quiet:
        return None
    line = ProgressLine()
    click.get_current_context().call_on_close(line.close)
    return line


class Screen:
    """What a running scan shows: a progress line, or a JSON line a point."""

    def __init__(
        self,
        plan: Plan,
        output: Path,
        bar: ProgressLine | None,
        warnings: list[str],
        *,
        lines: bool,
    ) -> None:
        self.plan, self.output, self.bar = plan, output, bar
        self.warnings, self.lines = warnings, lines
        self.seconds = 0.0
        self.failures: list[dict[str, Any]] = []
        self.done = 0

    def progress(self, now: Progress) -> None:
        interruption.advise(
            f"what has finished is kept, go on with orderparams scan --resume -o {self.output}"
        )
        if self.bar is not None:
            self.bar(now.done / now.points, now.words)

    def point(self, point: Point, reply: Reply) -> None:
        self.done += 1
        self.seconds += reply.seconds
        entry: dict[str, Any] = {"point": point.number, "parameters": parameters(self.plan, point)}
        if reply.status != "finished":
            self.failures.append(entry | {"message": reply.message})
        if self.lines:
            from orderparams.results.finite import finite
            from orderparams.storage.points import read_image

            entry |= {key: getattr(reply, key) for key in ("status", "message", "seconds")}
            values = read_image(reply.image).values
            entry |= {name: finite(value.tolist()) for name, value in values.items()}
            click.echo(json.dumps(entry | {"warnings": self.warnings}))

    def report(self, output: Path) -> dict[str, Any]:
        """What this run did, of a shard."""
        from orderparams.scans.folder import Folder

        return {
            "points": self.done,
            "finished": self.done - len(self.failures),
            "failed": len(self.failures),
            "seconds": self.seconds,
            "failures": self.failures,
            "output": str(Folder.beside(output)),
        }

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def parameters(plan: Plan, point: Point) -> dict[str, Any]:
    """Varied keys and values of a point."""
    return {axis.key: value for axis, value in zip(plan.axes, point.values, strict=True)}


def summary(plan: Plan, result: Scan, output: Path) -> dict[str, Any]:
    """What a scan came to."""
    import numpy as np

    failures = [
        {
            "point": number,
            "parameters": parameters(plan, plan.points[number - 1]),
            "message": message,
        }
        for number, message in result.failures.items()
    ]
    from orderparams.views.story.scans import best, unsettled_points

    index = best(result)
    found: dict[str, Any] = {"best": None, "unsettled": unsettled_points(result)}
    if index is not None:
        number = int(np.ravel_multi_index(index, result["status"].shape))
        found["best"] = {
            "point": number + 1,
            "parameters": parameters(plan, plan.points[number]),
            "risk": float(result["risk"][index]),
        }
    agreement = result.arrays.get("agreement")
    verdicts = {} if agreement is None else {"verdicts": verdicts_of(result, agreement)}
    return (
        verdicts
        | found
        | {
            "points": len(plan.points),
            "finished": result.count("finished"),
            "failed": result.count("failed"),
            "seconds": float(np.nansum(result["seconds"])),
            "parameters": {
                result.keys[name]: values.tolist() for name, values in result.parameters.items()
            },
            "failures": failures,
            "output": str(output),
        }
    )


def verdicts_of(result: Scan, agreement: np.ndarray) -> dict[str, int]:
    """How many validations came to which verdict."""
    found = agreement[result["status"] == "finished"]
    agree, disagree = int((found == 1).sum()), int((found == 0).sum())
    return {"agree": agree, "disagree": disagree, "inconclusive": found.size - agree - disagree}


def summary_lines(report: dict[str, Any], result: Scan | None = None) -> list[str]:
    """The same for reading; of a result with the best point and a table of the points."""
    lines = [f"  {report['finished']} of {report['points']} points finished"]
    if missing := report["points"] - report["finished"] - report["failed"]:
        lines[0] += f", {missing} not run"
    lines[0] += f"; {report['seconds']:.1f} s of work"
    if verdicts := report.get("verdicts"):
        counts = ", ".join(f"{count} {word}" for word, count in verdicts.items())
        lines.append(f"  theory and simulation: {counts}")
    for failure in report["failures"][:FIRST_FAILURES]:
        pairs = "  ".join(f"{key}={value}" for key, value in failure["parameters"].items())
        lines += [f"  failed: point {failure['point']}  {pairs}", f"    {failure['message']}"]
    if len(report["failures"]) > FIRST_FAILURES:
        lines.append(f"  ... {len(report['failures'])} failed in all")
    done = "{} was complete: nothing is done" if "complete" in report else "written to {}"
    lines += told(result) if result is not None and report["finished"] else []
    lines += ["", f"  {done.format(report['output'])}"]
    return lines if result is None else [*lines, f"  next: orderparams plot {report['output']}"]


def told(result: Scan) -> list[str]:
    """What the points came to."""
    from orderparams.views.story.scans import results
    from orderparams.views.story.screen import lines
    from orderparams.views.tables import WIDTH

    return lines([results(result, MOST_POINTS, WIDTH)])
