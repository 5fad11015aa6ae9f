"""The shell: every command, what it prints, and how it refuses."""

import importlib.metadata
import json
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest

import orderparams as op
from orderparams.cli.main import orderparams
from orderparams.cli.options import whole
from orderparams.models.single_location.bayes import known
from orderparams.results.evaluation import decimals

QUICK = ["-s", "training.duration=2", "-s", "output.points=5", "-s", "expectation.tolerance=1e-6"]


def test_help_lists_every_command_and_fits_the_screen(run):
    status, out, _ = run("--help")
    assert status == 0
    for name in orderparams.commands:
        assert name in out
        status, text, _ = run(name, "--help")
        assert status == 0
        assert max(map(len, text.splitlines())) <= 80
    assert run("--version")[1].split()[-1] == importlib.metadata.version("orderparams")


def test_help_and_errors_load_no_heavy_library():
    script = (
        "import sys; from orderparams.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'scipy', 'numba', 'h5py'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    for arguments in (["--help"], ["solve", "--help"], ["solve", "-s", "heads=3"], ["presets"]):
        subprocess.run([sys.executable, "-c", script, *arguments], check=True, capture_output=True)


def test_solve_writes_a_file_and_a_summary_that_fits_the_screen(run, tmp_path):
    status, out, err = run("solve", "single-head", *QUICK, "-o", "run.h5")
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    for words in ("Bayes risk", "final order parameters", "right-hand sides", "written to run.h5"):
        assert words in out
    with h5py.File(tmp_path / "run.h5") as file:
        assert file["trajectory/risk"].shape == (5,)
        assert file.attrs["status"] == "finished"
        assert "-o run.h5" in file.attrs["command"]


def test_learned_biases_and_weights_stand_beside_the_overlaps(run):
    learned = ("-s", "attention.bias=learned", "-s", "attention.head_weights=learned")
    status, out, _ = run("solve", "softmax-1", *learned, "-s", "training.duration=2", "-o", "x.h5")
    assert status == 0
    written = op.open("x.h5")
    assert "        q     beta        u" in out
    assert f"{written.bias[-1, 0]:9.4f}{written.head_weight[-1, 0]:9.4f}" in out


def test_solve_names_its_file_after_the_configuration(run, tmp_path):
    for _ in range(2):
        assert run("solve", "single-head", *QUICK, "-q")[:2] == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"single-head.h5", "single-head-2.h5"}


def test_solving_a_result_file_repeats_it_bit_for_bit(run, tmp_path):
    run("solve", "flipped-spikes", *QUICK, "-s", "attention.bias=learned", "-o", "a.h5")
    assert run("solve", "a.h5", "-o", "b.h5")[0] == 0
    with h5py.File(tmp_path / "a.h5") as a, h5py.File(tmp_path / "b.h5") as b:
        assert a.attrs["config"] == b.attrs["config"]
        for name in a["trajectory"]:
            assert np.array_equal(a["trajectory"][name], b["trajectory"][name])
        assert a["trajectory/bias"].shape == (5, 4)


def test_evaluate_prints_one_json_document(run):
    run("evaluate", "excursion")  # says that kernels are compiled, if they are
    status, out, err = run("evaluate", "excursion", "--json")
    document = json.loads(out)
    assert (status, err) == (0, "")
    assert np.shape(document["gradient"]["overlap"]) == (4, 2)
    assert np.shape(document["velocity"]["self_overlap"]) == (4, 4)
    assert document["risk"] > document["bayes_risk"] > 0
    status, out, _ = run("evaluate", "excursion")
    assert f"risk        {document['risk']:.{decimals(document['error_estimate'])}f}\n" in out
    assert document["covariance_error"] is None
    assert document["parameters"].keys() == document["velocity"].keys()
    status, out, _ = run("evaluate", "-s", "task.length=1000000")
    assert "e-07" in out.split("velocity")[1]
    status, out, _ = run("evaluate", "finite-learning-rate", "--json")
    assert 1e-6 < json.loads(out)["covariance_error"] < 1e-3


def test_evaluate_has_all_that_is_learned_and_v(run):
    learned = ("-s", "attention.bias=learned", "-s", "attention.head_weights=learned")
    noisy = ("softmax-1", *learned, "-s", "training.rule=sgd")
    status, out, _ = run("evaluate", *noisy)
    document = json.loads(run("evaluate", *noisy, "--json")[1])
    assert status == 0
    assert max(map(len, out.splitlines())) <= 80
    assert out.count("        q     beta        u") == 3
    bias, weight = (document["velocity"][name][0] for name in ("bias", "head_weight"))
    assert f"{bias:9.4f}{weight:9.4f}" in out.split("velocity")[1]
    covariance = np.array(document["covariance"])
    assert covariance.shape == (4, 4)
    assert "".join(f"{value:9.4f}" for value in covariance[1]) in out.split("covariance V")[1]
    assert "covariance V" not in run("evaluate", "softmax-1", *learned)[1]


def test_a_tolerance_out_of_reach_is_said(run, tmp_path):
    """By evaluate and by the engine that solve prints and stores; never where it is reached."""
    fine = ["-s", "expectation.tolerance=1e-13"]
    assert "1e-13 was not reached" in run("evaluate", "bayes-softmax", *fine)[1]
    assert "not reached" not in run("evaluate", "bayes-softmax")[1]
    short = ["-s", "training.duration=0.1", "-s", "output.points=2", "-s", "attention.heads=1"]
    status, out, _ = run("solve", "bayes-softmax", *short, *fine, "-o", "fine.h5")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "tolerance 1e-13 not reached" in out
    assert "tolerance 1e-13 not reached" in op.open(tmp_path / "fine.h5").engine
    assert "not reached" not in run("solve", "bayes-softmax", *short, "-o", "rough.h5")[1]


def test_a_bayes_risk_beyond_memory_leaves_all_else(run, monkeypatch):
    """Which no configuration is known to cause; NaN with a word, and null in JSON."""

    def fail(_):
        raise MemoryError

    known.known_bayes_risk.cache_clear()
    monkeypatch.setattr(known, "bayes_risk", fail)
    try:
        status, out, _ = run("evaluate", "single-head")
        assert status == 0
        assert "Bayes risk  not known: it takes more memory" in out
        document = json.loads(run("evaluate", "single-head", "--json")[1])
        assert document["bayes_risk"] is None
        assert 0 < document["risk"] < 1
        assert run("solve", "single-head", *QUICK, "-o", "run.h5")[0] == 0
    finally:
        known.known_bayes_risk.cache_clear()


def test_info_shows_settings_and_contents(run):
    run("solve", "single-head", *QUICK, "-o", "run.h5")
    status, out, _ = run("info", "run.h5")
    assert status == 0
    for words in ("schema_version", "overlap", "5 x 1 x 1", "quadrature", "[task.signal]"):
        assert words in out
    document = json.loads(run("info", "run.h5", "--json")[1])
    assert document["trajectory"]["variables"]["risk"] == [5]


def test_presets_are_listed_and_printed(run, tmp_path):
    status, out, _ = run("presets")
    names = [line.split()[0] for line in out.splitlines()]
    assert status == 0
    assert {"two-stage", "bayes-softmax", "softmax-1", "flipped-spikes", "excursion"} <= set(names)
    (tmp_path / "my.toml").write_text(run("presets", "single-head")[1])
    assert run("solve", "my.toml", *QUICK, "-q")[0] == 0
    status, _, err = run("presets", "two-stages")
    assert status == 2
    assert "the presets are" in err


REFUSED = [
    (["solve", "-s", "attention.haeds=3"], 2, "did you mean 'attention.heads'"),
    (["solve", "no-such"], 2, "neither a file nor a preset"),
    (["solve", "broken.toml"], 2, "not valid TOML"),
    (["solve", "binary.toml"], 2, "not a text file"),
    (["solve", "missing.h5"], 5, "does not exist"),
    (["solve", "foreign.h5"], 5, "not written by orderparams"),
    (["solve", "-o", "taken.h5"], 5, "--force"),
    (["solve", "-o", "nowhere/run.h5"], 5, "does not exist; create it"),
    (["solve", "-o", "."], 5, "is a directory"),
    (["solve", "--max-seconds", "-1"], 2, "max-seconds"),
    (["solve", "--colour"], 2, "there is no option --colour; see orderparams solve --help"),
    (["evaluate", "-s", "task.length=1"], 2, "whole number from 2"),
    (["evaluate", "-s", "expectation.engine=quadratur"], 2, "did you mean 'quadrature'"),
    (["evaluate", "-s", "task.signal.strengths[3]=1"], 2, "there is no entry [3] to replace"),
    (["evaluate", "-s", "attention.head_weights=[1e20, 1, 1, 1]"], 2, "serves up to 100000"),
    (["info", "missing.h5"], 5, "does not exist"),
    (["info", "truncated.h5"], 5, "truncated.h5 is cut short or damaged; take another copy"),
    (["info", "broken.toml"], 5, "is a configuration, not a result file"),
    (["info", "."], 5, ". is a folder; name a result file"),
    (["slove"], 2, "there is no command 'slove'; did you mean 'solve'?"),
]


@pytest.mark.parametrize(("arguments", "expected", "words"), REFUSED)
def test_bad_input_gets_one_message_and_touches_no_file(run, tmp_path, arguments, expected, words):
    (tmp_path / "broken.toml").write_text("[task\n")
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    (tmp_path / "taken.h5").write_text("precious")
    (tmp_path / "truncated.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = 1
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    status, out, err = run(*arguments)
    assert (status, out) == (expected, "")
    assert words in err
    assert "Traceback" not in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_scan_is_not_analyzed(run, result_paths):
    status, out, err = run("analyze", result_paths["solve"])
    assert (status, out) == (5, "")
    assert "is a scan, not one run" in err


def test_force_replaces_a_file(run, tmp_path):
    (tmp_path / "taken.h5").write_text("old")
    assert run("solve", "single-head", *QUICK, "-q", "-o", "taken.h5", "--force")[0] == 0
    assert h5py.is_hdf5(tmp_path / "taken.h5")


def test_a_run_that_stops_early_is_kept_and_marked(run, tmp_path):
    status, _, err = run("solve", *QUICK, "-s", "integrator.max_steps=3", "-q", "-o", "run.h5")
    assert status == 3
    assert "integrator.max_steps = 3" in err
    assert "marked as failed" in err
    assert "status          failed" in run("info", "run.h5")[1]


def test_interrupt_keeps_what_was_done(run, monkeypatch):
    import orderparams.models.single_location.flow

    derivative, calls = orderparams.models.single_location.flow.Flow.derivative, []

    def interrupted(self, t, y):
        calls.append(t)
        if len(calls) > 20:
            raise KeyboardInterrupt
        return derivative(self, t, y)

    monkeypatch.setattr(orderparams.models.single_location.flow.Flow, "derivative", interrupted)
    status, _, err = run("solve", *QUICK, "-q", "-o", "run.h5")
    assert status == 130
    assert re.search("run.h5 holds what was reached, marked as interrupted", err)
    assert json.loads(run("info", "run.h5", "--json")[1])["status"] == "interrupted"


def test_python_dash_m():
    answer = subprocess.run(
        [sys.executable, "-m", "orderparams", "presets"], capture_output=True, text=True, check=True
    )
    assert "two-stage" in answer.stdout


def test_info_of_an_analysis_tells_what_it_found(run, result_paths):
    status, out, _ = run("info", result_paths["analysis"])
    assert status == 0
    for words in ("the risk went from", "The lowest risk found is", "Growth rates where all"):
        assert words in " ".join(out.split())
    assert "the risk went from" not in run("info", result_paths["run"])[1]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1000", 1000), ("1e6", 10**6), (" 250.0", 250), ("9007199254740993", 2**53 + 1)]
    + [(text, None) for text in ("1.5", "1e-3", "nan", "1e999999", "ten", "")],
)
def test_whole_numbers_may_be_written_as_others(text, number):
    assert whole(text) == number
