"""The command: table, files, figures, exit status."""

import json

import h5py
import numpy as np

from orderparams import claims
from orderparams.results.evidence import Evidence, Panel, above, close


def test_a_claim_is_reproduced_and_can_be_drawn_again(run, tmp_path):
    status, out, _ = run("reproduce", "c8")
    assert status == 0
    assert out.startswith("C8  Softmax beats linear attention")
    assert out.count("holds") == 5
    assert max(map(len, out.splitlines())) <= 80
    assert sorted(path.name for path in (tmp_path / "claims").iterdir()) == [
        "C8.h5",
        "C8.png",
        "report.md",
    ]
    report = (tmp_path / "claims/report.md").read_text("utf-8")
    assert "## C8 Softmax beats linear attention: holds" in report
    assert "| holds |" in report
    with h5py.File("claims/C8.h5") as file:
        assert file["curves/length-4/value"].shape == (3, 8)
    assert run("plot", "claims/C8.h5", "-o", "again.png")[0] == 0
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "claims/C8.png").read_bytes()


def test_a_claim_that_fails_is_told_by_the_exit_status(run, monkeypatch, tmp_path):
    import orderparams as op

    checks = (close("one", 1.0, 1.0, relative=0.1), above("a rather long name " * 3, 1.0, 2.0))
    panel = Panel("curve", "x", "x", np.arange(2.0), "y", {"one": np.ones(2)})
    evidence = Evidence(op.load("single-head"), checks, (panel,))
    monkeypatch.setattr(claims.Claim, "run", lambda self: evidence)
    status, out, _ = run("reproduce", "C1", "-o", "a")
    assert status == 4
    assert out.count("fails") == 2
    assert max(map(len, out.splitlines())) <= 80
    status, out, _ = run("reproduce", "C1", "-o", "b", "--json")
    document = json.loads(out)
    assert status == 4
    assert not document["holds"]
    assert [check["holds"] for check in document["claims"][0]["checks"]] == [True, False]


def test_the_report_is_of_all_that_the_folder_has(run, monkeypatch, tmp_path):
    import orderparams as op

    def evidence(name):
        check = close(f"of {name}", 1.0, 1.0, relative=0.1)
        return Evidence(op.load("single-head"), (check, close("|ω|", 1.0, 1.0, relative=0.1)))

    monkeypatch.setattr(claims.Claim, "run", lambda self: evidence(self.name))
    monkeypatch.setattr("orderparams.cli.reproduce.write", without_figure)
    assert run("reproduce", "X1", "C2")[0] == 0
    assert run("reproduce", "C1")[0] == 0
    report = (tmp_path / "claims/report.md").read_text("utf-8")
    places = [report.index(f"| of {name} |") for name in ("C1", "C2", "X1")]
    assert places == sorted(places)
    assert report.count("# The claims, reproduced") == 1
    assert report.count(r"| \|ω\| |") == 3
    status, _, err = run("reproduce", "C2")
    assert (status, "C2.h5" in err, "--force" in err) == (5, True, True)
    assert run("reproduce", "C2", "--force")[0] == 0
    assert (tmp_path / "claims/report.md").read_text("utf-8") == report
    (tmp_path / "claims/C1.h5").write_text("damaged")
    assert run("reproduce", "N1")[0] == 0
    report = (tmp_path / "claims/report.md").read_text("utf-8")
    assert "of C1" not in report
    (tmp_path / "claims/report.md").write_text("my own notes")
    status, _, err = run("reproduce", "N2")
    assert (status, "report.md" in err) == (5, True)
    assert (tmp_path / "claims/report.md").read_text("utf-8") == "my own notes"


def without_figure(claim, evidence, output, *, force, figure):
    """An evidence without panels has nothing to draw."""
    evidence.save(output / f"{claim.name}.h5", force=force)


def test_the_list(run, tmp_path):
    status, out, _ = run("reproduce", "--list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == [c.name for c in claims.CLAIMS]
    assert not list(tmp_path.iterdir())


def test_refusals_before_any_work(run, tmp_path):
    status, _, err = run("reproduce", "C99")
    assert (status, "no claim is called 'C99'" in err) == (2, True)
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims/C8.png").write_text("precious")
    status, _, err = run("reproduce", "C8")
    assert (status, "--force" in err) == (5, True)
    (tmp_path / "file").write_text("")
    assert run("reproduce", "C8", "-o", "file")[0] == 2
    assert (tmp_path / "claims/C8.png").read_text() == "precious"
