"""The folder beside the output: the plan, and one file a point, each written in one stroke."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from orderparams.config import parse_toml
from orderparams.errors import ConfigurationError, FileError, reason
from orderparams.provenance import version
from orderparams.scans.plan import Plan, make_plan
from orderparams.scans.points import Point, Report
from orderparams.storage.files import atomic, destination
from orderparams.storage.points import Record, point_name, read_point
from orderparams.storage.schema import Known

PLAN = "plan.json"


class Folder:
    """Finished points of one plan."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def beside(cls, output: Path) -> Folder:
        """The folder of an output file: ``scan.h5`` → ``scan.points``."""
        return cls(output.parent / f"{output.stem}.points")

    def __str__(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        """Whether a scan was started here."""
        return (self.path / PLAN).exists()

    def start(self, plan: Plan) -> None:
        """Make the folder with the plan in it; one that is there must belong to the plan."""
        document = {
            "version": version(),
            "fingerprint": plan.fingerprint,
            "points": len(plan.points),
            "config": plan.config,
        }
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise FileError(
                f"{self}: the folder for the points cannot be made: {reason(error)}", "rename"
            ) from None
        try:
            with atomic(self.path / PLAN, force=False) as temporary:
                temporary.write_text(json.dumps(document, indent=1), "utf-8")
        except FileError:
            if not self.exists():
                raise
            self.check(plan)

    def check(self, plan: Plan) -> None:
        """:class:`ConfigurationError` for a folder of another plan or version of the program."""
        if not self.exists():
            return
        found = self.read()
        if found["fingerprint"] != plan.fingerprint:
            there, here = (text.splitlines() for text in (str(found["config"]), plan.config))
            other = next((line for line in there if line not in here), "")
            own = next((line for line in here if line not in there), "")
            raise ConfigurationError(
                f"{self} holds the points of another plan: there {other!r}, here {own!r}",
                "restart",
            )
        if found["version"] != version():
            raise ConfigurationError(
                f"{self} holds points made by version {found['version']} and this is version "
                f"{version()}; finish with that one, or start anew",
                "restart",
            )

    def read(self) -> dict[str, Any]:
        """The stored plan; :class:`FileError` if there is none."""
        path = self.path / PLAN
        try:
            document: dict[str, Any] = json.loads(path.read_text("utf-8"))
            document["fingerprint"], document["version"], document["config"]
        except FileNotFoundError:
            raise FileError(f"{path} does not exist; no scan was started there") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FileError(f"{path} is damaged: {error}", "restart") from None
        return document

    def plan(self, report: Report | None = None) -> Plan:
        """The plan that was started here; ``report`` as of :func:`make_plan`."""
        return make_plan(parse_toml(str(self.read()["config"])), report=report)

    def write(self, number: int, image: bytes) -> None:
        """Keep a point."""
        with (
            atomic(self.file(number), force=True) as temporary,
            destination(temporary) as written,
        ):
            written.write(image)

    def file(self, number: int) -> Path:
        """The file of a point."""
        return self.path / f"{point_name(number)}.h5"

    def numbers(self) -> set[int]:
        """The points of which there is a file."""
        try:
            names = os.listdir(self.path)
        except OSError:
            return set()
        stems = (name.removesuffix(".h5") for name in names if name.endswith(".h5"))
        return {int(stem) for stem in stems if stem.isdecimal()}

    def record(self, point: Point, known: Known) -> Record | None:
        """What is known of a point, None if nothing; it failed if its file cannot be read."""
        path = self.file(point.number)
        if not path.exists():
            return None
        try:
            record = read_point(path, known)
        except FileError as error:
            return Record(point.hash, "failed", str(error), 0.0, {})
        return record if record.hash == point.hash else None

    def remove(self) -> None:
        """Remove what a scan has written here, and the folder if nothing else is in it."""
        # The plan first: what a kill leaves then is taken up by the next scan, or written over.
        for pattern in (PLAN, f".{PLAN}.*.part", "[0-9]*.h5", ".[0-9]*.part"):
            for path in self.path.glob(pattern):
                path.unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()
