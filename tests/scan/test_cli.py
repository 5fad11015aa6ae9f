"""The command: plans, progress, refusals, exit statuses, and what it prints for other programs."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from orderparams.results.files import open_group
from orderparams.scans.run import Machine
from orderparams.scans.worker import Crew

QUICK = [
    *("-s", "expectation.engine=sampling", "-s", "expectation.samples=64"),
    *("-s", "training.duration=2", "-s", "output.points=3"),
]
SCAN = ["scan", "single-head", *QUICK, "--workers", "1"]
HEADS = ["--vary", "attention.heads=1,2"]
# An explicit method takes small steps for ever where an implicit one would come to rest.
ENDLESS = ["-s", "integrator.method=RK23", "-s", "integrator.max_steps=999999999"]


def test_a_scan_writes_one_file_and_a_short_summary(run, tmp_path):
    status, out, err = run(*SCAN, *HEADS, "-o", "scan.h5")
    assert (status, err) == (0, "")
    assert "2 of 2 points finished" in out
    assert os.listdir(tmp_path) == ["scan.h5"]
    assert "--vary attention.heads=1,2" in run("info", "scan.h5")[1]
    # The same command again goes on with what is there: nothing.
    assert run("scan", "--resume", "-o", "scan.h5")[0] == 0
    assert run(*SCAN, *HEADS, "--resume", "-o", "scan.h5")[0] == 0


def test_a_log_tells_of_the_plan_and_of_its_points(run, monkeypatch):
    """A line now and then, with done and total, where standard error is no terminal."""
    from orderparams import progress

    monkeypatch.setattr(progress, "LOG_INTERVAL", 0.01)
    status, _, err = run(*SCAN, *HEADS, "--action", "evaluate", "-o", "scan.h5")
    assert status == 0
    assert "0 of 2 points" in err
    assert " so far" in err


@pytest.mark.slow
def test_json_lines_come_as_points_end_and_json_is_one_document(run):
    vary = ["--vary", "integrator.max_steps=2,1000", "--vary", "task.length=3,4"]
    status, out, err = run(*SCAN, *vary, "-o", "a.h5", "--json-lines")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (status, err) == (6, "")
    assert sorted(line["point"] for line in lines) == [1, 2, 3, 4]
    for line in lines:
        failed = line["parameters"]["integrator.max_steps"] == 2
        assert line["status"] == ("failed" if failed else "finished")
        assert ("risk" in line, bool(line["message"])) == (not failed, failed)
    scan = open_group("a.h5", "scan")
    assert {line.get("risk") for line in lines} - {None} == set(scan["risk"][1])
    status, out, err = run("scan", "--resume", "-o", "a.h5", "--json")
    document = json.loads(out)
    assert (status, err) == (6, "")
    assert (document["points"], document["finished"], document["failed"]) == (4, 2, 2)
    assert document["parameters"]["task.length"] == [3, 4]
    assert [failure["point"] for failure in document["failures"]] == [1, 2]
    assert run("scan", "--collect", "-o", "a.h5", "--force")[1].count("failed: point") == 2


def test_json_lines_carry_warnings_and_quiet_scans_say_what_failed(run):
    vary = ["--vary", "integrator.max_steps=2,1000", "-s", "training.batch_size=2"]
    status, out, _ = run(*SCAN, *vary, "-o", "a.h5", "--json-lines")
    first, second = (json.loads(line)["warnings"] for line in out.splitlines())
    assert first == second
    assert first[0].startswith("training.batch_size: ")
    status, out, err = run(*SCAN, *vary, "-o", "b.h5", "-q")
    assert (status, out) == (6, "")
    assert "orderparams: 1 of 2 points finished; " in err
    assert "point 1: stopped at t = " in err


def test_a_scan_of_validations_counts_its_verdicts(run):
    few = ["-s", "simulation.dimension=60", "-s", "simulation.replicas=2"]
    action = ["--action", "validate", *few, "--vary", "simulation.seed=1,2"]
    status, out, _ = run(*SCAN, *action, "-o", "a.h5")
    assert status == 0
    assert "theory and simulation: 0 agree, 0 disagree, 2 inconclusive" in out


@pytest.mark.slow
def test_compiling_is_said_once(run, tmp_path, monkeypatch):
    monkeypatch.setattr("orderparams.scans.pools.Crew", Crew)  # new processes for each scan
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    scan = [
        "scan",
        "saad-solla",
        "--workers",
        "2",
        "--action",
        "evaluate",
        "--vary",
        "initial.seed=1,2",
    ]
    assert run(*scan, "-o", "a.h5")[2].count("Compiling kernels") == 1
    assert "Compiling" not in run(*scan, "-o", "b.h5")[2]


def test_a_scan_that_is_refused_leaves_no_thread_behind(run):
    """Nor one that is only planned: the line that repeats itself in a log ends with the command."""
    before = threading.active_count()
    assert run(*SCAN, "--vary", "attention.heads=0,1", "-o", "a.h5")[0] == 2
    assert run(*SCAN, *HEADS, "--dry-run")[0] == 0
    until = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_workers_of_this_machine_are_no_workers_of_a_cluster():
    assert "cluster" in Machine(workers=2, scheduler="tcp://x").ignored["workers"]
    assert Machine(workers=2).ignored == Machine(scheduler="tcp://x").ignored == {}


def test_a_dry_run_shows_the_plan_and_an_estimate_and_writes_nothing(run, tmp_path):
    status, out, err = run(*SCAN, "--vary", "training.duration=1:2:11", *HEADS, "--dry-run")
    assert (status, err) == (0, "")
    assert "22 points (11 x 2), each to solve" in out
    assert "training.duration=1.0  attention.heads=2" in out
    assert "on 1 processes" in out
    assert os.listdir(tmp_path) == []


def test_shards_and_collect(run, tmp_path):
    vary = ["--vary", "task.length=3:7:5", "--action", "evaluate"]
    assert run(*SCAN, *vary, "-o", "whole.h5")[0] == 0
    for shard in ("1/2", "2/2"):
        status, out, _ = run(*SCAN, *vary, "-o", "scan.h5", "--shard", shard)
        assert status == 0
        assert f"{3 if shard == '1/2' else 2} of" in out
    assert run("scan", "--collect", "-o", "scan.h5")[0] == 0
    assert (open_group("scan.h5", "scan")["risk"] == open_group("whole.h5", "scan")["risk"]).all()
    assert sorted(os.listdir(tmp_path)) == ["scan.h5", "whole.h5"]


def test_a_timeout_fails_one_point_and_not_the_scan(run):
    vary = [*ENDLESS, "--vary", "training.duration=1,1e9"]
    status, out, _ = run(*SCAN, *vary, "--timeout", "3", "-o", "scan.h5")
    assert status == 6
    assert "1 of 2 points finished" in out
    assert "stopped after the limit of 3 seconds" in out


def test_ctrl_c_keeps_what_is_done(tmp_path):
    vary = [*ENDLESS, "--vary", "training.duration=1,1.5,1e9"]
    command = [sys.executable, "-m", "orderparams", *SCAN, *vary, "-o", "scan.h5"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while len(list(tmp_path.glob("scan.points/0*.h5"))) < 2:
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "go on with orderparams scan --resume -o scan.h5" in err
    assert "Traceback" not in err
    assert len(list(tmp_path.glob("scan.points/0*.h5"))) == 2


def test_help_and_errors_load_no_heavy_library():
    script = (
        "import sys; from orderparams.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'scipy', 'numba', 'distributed'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    for arguments in (["--help"], ["-o", "x.h5", "--vary", "haeds=3"], ["-o", "x.h5"]):
        subprocess.run(
            [sys.executable, "-c", script, "scan", *arguments], check=True, capture_output=True
        )


REFUSED = [
    (["-o", "a.h5"], 2, "at least one varied key"),
    ([*HEADS], 2, "-o FILE.h5"),
    (["-o", "a.h5", "--vary", "attention.haeds=1"], 2, "did you mean 'attention.heads'"),
    (["-o", "a.h5", "--vary", "attention.heads"], 2, "expected KEY=SPEC"),
    (["-o", "a.h5", "--vary", "attention.heads="], 2, "at least one value"),
    (["-o", "a.h5", "--vary", "attention.heads=1:4:0"], 2, "is empty"),
    (["-o", "a.h5", "--vary", "attention.heads=0,1"], 2, "point 1 (attention.heads=0)"),
    (["-o", "a.h5", *HEADS, "--zip", "--vary", "task.length=2"], 2, "the same number of values"),
    (["-o", "a.h5", *HEADS, "--zip", "--random", "3"], 2, "choose one"),
    (["-o", "a.h5", *HEADS, "--random", "0"], 2, "--random"),
    (["-o", "a.h5", *HEADS, "--action", "slove"], 2, "did you mean 'solve'"),
    (["-o", "a.h5", *HEADS, "--json", "--json-lines"], 2, "choose one"),
    ([*HEADS, "--dry-run", "--json"], 2, "choose one"),
    (["-o", "a.h5", *HEADS, "--workers", "0"], 2, "--workers"),
    (["-o", "a.h5", *HEADS, "--timeout", "0"], 2, "--timeout"),
    (["-o", "a.h5", *HEADS, "--shard", "3/2"], 2, "I from 1 to N"),
    (["-o", "a.h5", *HEADS, "--shard", "1:2"], 2, "I from 1 to N"),
    (["-o", "a.h5", *HEADS, "--shard", "1/3"], 2, "only 2 points"),
    (["-o", "a.h5", *HEADS, "--shard", "1/2", "--collect"], 2, "choose one"),
    (["-o", "a.h5", *HEADS, "--shard", "1/2", "--force"], 2, "choose one"),
    (["-o", "a.h5", *HEADS, "--vary", "attention.heads=3"], 2, "stands twice"),
    (["-o", "a.h5", *HEADS, "--scheduler-file", "none.json"], 2, "no such file"),
    (["-o", "a.h5", *HEADS, "--scheduler", "a", "--scheduler-file", "b"], 2, "choose one"),
    (["-o", "taken.h5", *HEADS], 5, "--force"),
    (["-o", "nowhere/a.h5", *HEADS], 5, "does not exist"),
    (["-o", ".", *HEADS], 5, "is a directory"),
    (["-o", "a.h5", "--collect"], 5, "no scan was started"),
]


@pytest.mark.parametrize(("arguments", "expected", "words"), REFUSED)
def test_bad_input_gets_one_message_and_touches_no_file(run, tmp_path, arguments, expected, words):
    (tmp_path / "taken.h5").write_text("precious")
    status, out, err = run("scan", *(["single-head"] if "--vary" in arguments else []), *arguments)
    assert (status, out) == (expected, "")
    assert words in err
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == ["taken.h5"]
    assert (tmp_path / "taken.h5").read_text() == "precious"
