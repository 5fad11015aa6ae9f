"""The recipes for batch systems do what the single command does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import orderparams as op
from orderparams.results.files import open_group

RECIPES = Path(__file__).parents[2] / "recipes"
TOML = """
[task.signal]
kind = "spikes"
strengths = [4.0]
[attention]
heads = 1
[expectation]
engine = "sampling"
samples = 64
[scan]
action = "evaluate"
[scan.vary]
"task.length" = "3:7:5"
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a configuration, and the command ``orderparams`` of this interpreter."""
    (tmp_path / "my.toml").write_text(TOML)
    command = tmp_path / "bin" / "orderparams"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m orderparams "$@"\n')
    command.chmod(0o755)
    return tmp_path


def run(folder, *command, **environment):
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path} | environment, check=True)


def check(folder):
    """The collected file is that of the single command, and nothing else is left."""
    whole = op.scan(folder / "my.toml", {"task.length": "3:7:5"}, action="evaluate", workers=1)
    scan = open_group(folder / "scan.h5", "scan")
    assert scan.count("finished") == 5
    assert (scan["risk"] == whole["risk"]).all()
    left = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert left == {"bin", "my.toml", "scan.h5"}


@pytest.mark.slow
def test_slurm_array(folder):
    script = RECIPES / "slurm-array.sh"
    subprocess.run(["bash", "-n", script], check=True)
    for task in ("1", "2"):
        run(
            folder, "bash", str(script), "my.toml", "scan.h5",
            SLURM_ARRAY_TASK_ID=task, SLURM_ARRAY_TASK_COUNT="2", SLURM_CPUS_PER_TASK="1",
        )  # fmt: skip
    run(folder, "orderparams", "scan", "--collect", "-o", "scan.h5")
    check(folder)


@pytest.mark.skipif(shutil.which("snakemake") is None, reason="snakemake is not installed")
def test_snakemake(folder):
    settings = ["config=my.toml", "output=scan.h5", "shards=2"]
    run(
        folder, "snakemake", "--snakefile", str(RECIPES / "Snakefile"), "--cores", "2",
        "--config", *settings,
    )  # fmt: skip
    check(folder)
