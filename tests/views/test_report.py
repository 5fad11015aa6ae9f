"""The report: every kind of file gives a valid page of its own that says what the file says."""

import dataclasses
import html
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import result_files

import orderparams as op
from orderparams.analysis.stages import stages_of
from orderparams.cli.main import main
from orderparams.results import schema
from orderparams.results.evaluation import decimals
from orderparams.views.reports.contents import report_page
from orderparams.views.reports.figure import figure_of
from orderparams.views.reports.findings import of_validation
from orderparams.views.reports.markup import table

SCANS = ["solve", "random", "validate"]
KINDS = [
    "run",
    "stages",
    "analysis",
    "simulation",
    "unfinished",
    "validation",
    "evaluation",
    "claim",
    "fluctuations",
    *SCANS,
]
HOSTILE = "<script>alert('θ & co')</script>\"'<!--"


class Page(html.parser.HTMLParser):
    """A page taken apart; what is opened must be closed in order."""

    void = ("meta",)

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data.strip())

    def all(self, wanted):
        return [attributes for tag, attributes in self.tags if tag == wanted]

    @property
    def words(self):
        return " | ".join(filter(None, self.texts))


@pytest.fixture(scope="module")
def files(result_paths, tmp_path_factory):
    """Files of its own, since pages are written beside them."""
    folder = tmp_path_factory.mktemp("files")
    return {name: Path(shutil.copy(path, folder)) for name, path in result_paths.items()}


@pytest.fixture(scope="module")
def pages(files):
    return {kind: report_page(files[kind], figure_of(files[kind])) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_whole_and_needs_nothing_from_elsewhere(pages, kind):
    text = pages[kind]
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    assert len(page.all("h1")) == len(page.all("title")) == len(page.all("main")) == 1
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all(
        "meta"
    )
    assert all(attributes["aria-label"] for attributes in page.all("svg"))
    assert all(attributes["scope"] == "col" for attributes in page.all("th"))
    loading = {"src", "href", "srcset", "data", "action", "background", "poster"}
    for _, attributes in page.tags:
        assert all(attributes[key].startswith("data:") for key in loading & set(attributes))
    assert not {"script", "link", "iframe", "base"} & {tag for tag, _ in page.tags}
    assert not re.search(r"://|@import|url\((?!#)", text)
    kinds = [attributes["class"] for attributes in page.all("svg")]
    assert kinds == ([] if kind == "evaluation" else ["wide", "slim"])
    assert "default-src 'none'" in text
    for words in ("Settings", "task.signal", "[4.0, 2.0]", "Provenance", "SHA-256"):
        assert words in page.words


@pytest.mark.parametrize("kind", ["run", "stages"])
def test_a_run_is_told(files, pages, kind):
    run, words = op.open(files[kind]), Page(pages[kind]).words
    assert f"risk at the end | {run.risk[-1]:.6f}" in words
    assert f"Bayes risk | {run.bayes_risk:.6f}" in words
    assert "The run finished at t = 4." in words
    assert f"{run.overlap[-1, 1, 0]:.4f} | {run.overlap[-1, 1, 1]:.4f}" in words


def test_fluctuations_are_told(files, pages):
    """Of a dimension in which they are large no numbers, but from which on they are small."""
    found, words = op.open(files["fluctuations"]).fluctuations, Page(pages["fluctuations"]).words
    assert "In D = 100 fluctuations are large from the start." in words
    assert "standard deviation × √D" not in words
    assert f"{found.time[-1]:.4g} | {found.least_until[-1]:.3g}" in words


def test_an_evaluation_is_told(files, pages):
    """Values, gradients and velocities of all that is learned, and V; no figure."""
    result, page = op.open(files["evaluation"]), Page(pages["evaluation"])
    digits = decimals(result.error_estimate)
    assert f"risk | {result.risk:.{digits}f}" in page.words
    for state, most in (
        (result.parameters, 4),
        (result.gradient, digits),
        (result.velocity, digits),
    ):
        numbers = (*state["overlap"][1], state["self_overlap"][1, 1], state["bias"][1])
        row = " | ".join(f"{x:z.{min(4, most)}f}" for x in (*numbers, state["head_weight"][1]))
        assert f"2 | {row}".replace("-", "−") in page.words
    assert " | ".join(f"{x:.4f}" for x in result.noise[0]) in page.words
    assert page.all("svg") == []


def test_the_points_of_a_scan_have_their_order_parameters(files, pages):
    """A cell the numbers of all heads; of replicas their means."""
    for kind, prefix in (("solve", ""), ("simulate", "replica_")):
        scan = op.open(files[kind])
        text = report_page(files[kind])
        body = text.split("<h2>Order parameters of each head</h2>")[1].split("</table>")[0]
        words = " | ".join(re.findall(">([^<>]+)<", body))
        assert "| m₁ | m₂ | q |" in words
        values = scan[f"{prefix}overlap"]
        values = values.mean(axis=scan["status"].ndim) if prefix else values
        last = values.reshape(-1, *values.shape[scan["status"].ndim :])[-1]
        cell = ", ".join(f"{x:z.4f}" for x in last[:, 1]).replace("-", "−")
        assert cell in words


def test_the_stages_of_a_run_are_a_table(tmp_path):
    """Two heads of the preset two-stage, with a planted stage: head 1 turns to direction 2."""
    time = np.linspace(0.0, 100.0, 201)
    overlap = np.zeros((201, 4, 3))
    overlap[:, :, 0] = 1.5
    overlap[:, 0, 1] = -1.6 / (1 + np.exp(-(time - 50) / 2))
    q = np.einsum("thf,tgf->thg", overlap, overlap)
    state = {"overlap": overlap, "self_overlap": q}
    run = op.Trajectory(op.load("two-stage"), time, state, 1.0 + 0.3 * overlap[:, 0, 1])
    run.save(tmp_path / "run.h5")
    (event,) = stages_of(run).events
    words = Page(report_page(tmp_path / "run.h5")).words
    row = ["1", "1", "−2", *(f"{t:.1f}" for t in (event.start, event.half_time, event.complete))]
    assert " | ".join(row) in words
    assert "in brackets: [2, 3, 4] [1]." in words


def test_a_verdict_is_given(files, pages):
    result, words = op.open(files["validation"]), Page(pages["validation"]).words
    assert result.verdict == "inconclusive"  # three replicas
    assert "Inconclusive: the evidence cannot decide" in words
    for reason in result.reason.splitlines():
        assert reason.replace("-", "−") in words.replace("-", "−")
    rows = result.extremes
    assert [words.index(f"| {row.name} |") for row in rows] == sorted(
        words.index(f"| {row.name} |") for row in rows
    )
    assert f"| {rows[0].name} | {rows[0].deviation:.5f}".replace("-", "−") in words


@pytest.mark.parametrize(("pvalue", "verdict"), [(0.5, "agree"), (1e-5, "disagree")])
def test_a_verdict_that_was_reached_has_no_reasons_below(files, pvalue, verdict):
    result = op.open(files["validation"])
    comparison = dataclasses.replace(result.comparison, least_pvalue=pvalue, doubt="")
    section, *_ = of_validation(dataclasses.replace(result, comparison=comparison))
    assert f"Theory and simulation {verdict}." in section
    assert "<li>" not in section


def test_a_simulation_is_told(files, pages):
    run, words = op.open(files["simulation"]), Page(pages["simulation"]).words
    assert f"risk at the end | {run.risk[:, -1].mean():.6f}" in words
    assert "The simulation is not finished" in Page(pages["unfinished"]).words


def test_a_claim_is_told(pages):
    words = Page(pages["claim"]).words
    assert "Claim claim | Small" in words
    assert "The claim holds. | check | expected | found | growth rate | > 0 | 0.3 | holds" in words


def name_of(scan):
    """The first number that points have, and what it is."""
    known = schema.point("single-location")
    name = next(name for name in known if name in scan.arrays and name != "message")
    return f"{name.replace('_', ' ')} | {known[name].long_name}"


@pytest.mark.parametrize("kind", SCANS)
def test_the_points_of_a_scan_are_rows(files, pages, kind):
    scan, page = op.open(files[kind]), Page(pages[kind])
    body = pages[kind].split("<h2>Points</h2>")[1].split("</table>")[0]
    assert body.count("<tr>") == 1 + scan["status"].size
    assert "All points finished." in page.words
    assert f"Points | All numbers of the points | {name_of(scan)}" in page.words
    assert " | ".join([*scan.keys.values(), "status"]) in page.words
    assert list(scan.keys.values()) == list(result_files.SCANS[kind]["vary"])
    if "risk" in scan.arrays:
        for risk in scan["risk"].ravel():
            assert f"| {risk:.6g} |" in page.words


def test_failed_points_have_their_message(files, tmp_path):
    scan = op.open(files["solve"])
    status, message, risk = (scan[name].copy() for name in ("status", "message", "risk"))
    status[0, 1], message[0, 1], risk[0, 1] = "failed", "no solution", np.nan
    arrays = dict(scan.arrays) | {"status": status, "message": message, "risk": risk}
    path = tmp_path / "scan.h5"
    dataclasses.replace(scan, arrays=arrays).save(path)
    page = Page(report_page(path))
    assert "3 of 4 points finished." in page.words
    assert "message" in page.words
    assert re.search(r"softmax \| 2 \| failed \| .*no solution \| softmax-1", page.words)


def test_an_interrupted_run_says_so(results, tmp_path):
    run = dataclasses.replace(results["run"], status="interrupted", message="why")
    run.save(tmp_path / "run.h5")
    assert "The run was interrupted at t = 4: why" in report_page(tmp_path / "run.h5")


def test_a_table_without_rows():
    assert Page(table(("one", "two"), [])).words == "one | two"


@pytest.mark.parametrize(
    ("kind", "words"), [("validate", "Learning rate 2"), ("solve", "Gradient flow")]
)
def test_a_scan_says_how_its_points_learned(pages, kind, words):
    assert f". {words}" in Page(pages[kind]).words.split("Result")[0]


def test_a_long_scan_is_cut_with_a_word(files, monkeypatch):
    monkeypatch.setattr("orderparams.views.reports.findings.MOST_ROWS", 3)
    text = report_page(files["solve"])
    assert "The first 3 of 4 rows; the file has all." in text
    assert text.split("<h2>Points</h2>")[1].split("</table>")[0].count("<tr>") == 4


def test_texts_are_escaped(results, tmp_path):
    run = results["run"]
    problem = dataclasses.replace(run.problem, title=HOSTILE)
    hostile = dataclasses.replace(run, problem=problem, status="failed", message=HOSTILE)
    path = tmp_path / "<b>&.h5"
    hostile.save(path, command=HOSTILE)
    page = Page(report_page(path, figure_of(path)))
    assert page.words.count(HOSTILE) >= 4  # title, heading, message, command
    assert "<b>&.h5" in page.words
    assert not {"script", "b"} & {tag for tag, _ in page.tags}


def test_the_same_file_gives_the_same_bytes(files, pages, tmp_path):
    """Another process, in which sets and hashes have another order."""
    output = tmp_path / "page.html"
    command = [sys.executable, "-m", "orderparams", "report", files["validation"], "-o", output]
    subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": "7"}, check=True)
    assert output.read_text("utf-8") == pages["validation"]


@pytest.fixture
def report(monkeypatch, capsys):
    """Run the command; returns exit status and standard error."""

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["orderparams", "report", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert out == ""
        return stop.value.code or 0, err

    return command


def test_the_page_is_named_after_the_file(files, report, pages):
    page = files["run"].with_suffix(".html")
    assert report(files["run"]) == (0, f"written to {page}\n")
    assert page.read_text("utf-8") == pages["run"]
    assert report(files["run"]) == (0, f"written to {page.with_stem('run-2')}\n")


def test_refusals(files, report, tmp_path):
    existing = tmp_path / "page.html"
    existing.write_text("mine")
    (tmp_path / "foreign.h5").write_text("not HDF5")
    for arguments, status, words in [
        ((files["run"], "-o", existing), 5, "--force"),
        ((files["run"], "-o", files["run"], "--force"), 2, "name it run.html"),
        ((files["run"], "-o", tmp_path / "none" / "page.html"), 5, "create it first"),
        ((tmp_path / "missing.h5", "-o", existing, "--force"), 5, "does not exist"),
        ((tmp_path / "foreign.h5", "-o", existing, "--force"), 5, "is a text, not a result file"),
    ]:
        found, err = report(*arguments)
        assert (found, len(err.splitlines())) == (status, 1)
        assert words in err
    assert existing.read_text() == "mine"
    assert op.open(files["run"]).status == "finished"


def test_without_matplotlib_the_page_has_no_figure(files, report, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, err = report(files["run"], "-o", tmp_path / "page.html")
    assert status == 0
    assert "pip install 'orderparams[plot]'" in err
    page = Page((tmp_path / "page.html").read_text("utf-8"))
    assert page.all("svg") == []
    assert "What happened" in page.words


CHROMIUM = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "chrome"])),
    None,
)
MEASURE = """
addEventListener("load", () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument;
    page.querySelectorAll("details").forEach(part => part.open = true);
    found[frame.title] = {
      wide: page.documentElement.scrollWidth,
      pictures: [...page.querySelectorAll("svg")].map(
        svg => [svg.classList[0], svg.getBoundingClientRect().width]),
      scrolling: [...page.querySelectorAll(".scrolling")].filter(
        part => part.scrollWidth > part.clientWidth).length,
    };
  }
  document.body.textContent = JSON.stringify(found);
});
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
def test_no_page_is_wider_than_a_phone_or_a_desktop(results, pages, tmp_path):
    """Frames of both widths in one browser window, and one with a page that is too wide. On a phone
    no part of a page scrolls sideways either."""
    run = results["run"]
    long = dataclasses.replace(run.problem, title="unbreakable" * 30)
    path = tmp_path / "long.h5"
    dataclasses.replace(run, problem=long).save(path, command="orderparams" * 30)
    shown = pages | {"long": report_page(path), "too wide": "<div style='width: 2000px'>.</div>"}
    frames = "".join(
        f'<iframe title="{name} {width}" style="width: {width}px; border: 0" '
        f'srcdoc="{html.escape(text)}"></iframe>'
        for name, text in shown.items()
        for width in (390, 1280)
    )
    window = f"<!DOCTYPE html><meta charset=utf-8><script>{MEASURE}</script><body>{frames}"
    (tmp_path / "window.html").write_text(window, "utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    done = subprocess.run(
        [CHROMIUM, *options, "--dump-dom", f"file://{tmp_path}/window.html"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = json.loads(html.unescape(re.search(r"<body>(.*)</body>", done.stdout, re.S)[1]))
    assert found.pop("too wide 390")["wide"] == found.pop("too wide 1280")["wide"] == 2008
    assert len(found) == 2 * (len(pages) + 1)
    for title, page in found.items():
        assert page["wide"] <= int(title.split()[-1]), title
        room = int(title.split()[-1])
        seen = {kind: width for kind, width in page["pictures"] if width}
        assert list(seen) in ([], ["slim" if room == 390 else "wide"]), title
        assert all(200 < width <= room for width in seen.values()), title
        assert not page["scrolling"] or title.endswith("1280"), title
