"""Pictures of results. Every function takes what it draws and returns a matplotlib figure.

Colours are those of Okabe and Ito, which colour-blind readers tell apart; heads beyond the eighth
repeat them with other line styles.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError, FileError
from orderparams.storage.hdf5 import read

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"]
STYLES = ["-", "--", ":", "-."]
FORMATS = (".png", ".pdf", ".svg")
MOST_FEATURES = 6
SETTINGS = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "svg.hashsalt": "orderparams",
    "figure.dpi": 150,
}


def line_style(head: int) -> dict[str, Any]:
    """Colour and dashes of a head."""
    return {
        "color": COLOURS[head % len(COLOURS)],
        "linestyle": STYLES[head // len(COLOURS) % len(STYLES)],
        "linewidth": 1.4,
    }


def draw_overlaps(axes: Axes, time: Array, overlap: Array, feature: int) -> None:
    """m_hf(t) of every head with one direction; overlap (T, H, F), or (R, T, H, F) as bands."""
    for head in range(overlap.shape[-2]):
        course = overlap[..., head, feature]
        style = line_style(head)
        if course.ndim == 1:
            axes.plot(time, course, label=f"head {head + 1}", **style)
        else:
            low, middle, high = np.quantile(course, [0, 0.5, 1], axis=0)
            axes.fill_between(time, low, high, color=style["color"], alpha=0.25, linewidth=0)
            axes.plot(time, middle, color=style["color"], linewidth=0.6, alpha=0.6)


def draw_risk(axes: Axes, time: Array, risk: Array, bayes_risk: float) -> None:
    """E(t), one line or a band over replicas, with the Bayes risk."""
    if risk.ndim == 1:
        axes.plot(time, risk, color="black", linewidth=1.4, label="risk")
    else:
        low, high = np.quantile(risk, [0, 1], axis=0)
        axes.fill_between(time, low, high, color="black", alpha=0.25, linewidth=0)
    if np.isfinite(bayes_risk):
        axes.axhline(bayes_risk, color=COLOURS[1], linestyle="--", linewidth=1, label="Bayes risk")


def panels(title: str, features: int) -> tuple[Figure, list[Axes], Axes]:
    """A figure with a row of panels for the overlaps and one below for the risk."""
    from matplotlib.figure import Figure

    shown = min(features, MOST_FEATURES)
    figure = Figure(figsize=(max(5.0, 2.6 * shown), 5.2), layout="constrained")
    grid = figure.add_gridspec(2, shown, height_ratios=[1.4, 1])
    first = figure.add_subplot(grid[0, 0])
    overlaps = [first]
    overlaps += [
        figure.add_subplot(grid[0, f], sharex=first, sharey=first) for f in range(1, shown)
    ]
    risk = figure.add_subplot(grid[1, :], sharex=first)
    for f, axes in enumerate(overlaps):
        axes.set_title(f"direction {f + 1}")
        axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        axes.tick_params(labelleft=f == 0)
        axes.set_xlabel("time t = γ steps / D")
    first.set_ylabel("overlap m")
    risk.set_xlabel("time t = γ steps / D")
    risk.set_ylabel("risk E")
    if title:
        figure.suptitle(title)
    return figure, overlaps, risk


def plot_courses(path: Path) -> Figure:
    """Overlaps and risk of a result file in time: lines for theory, bands for simulation."""
    with read(path) as file:
        theory = file.get("trajectory") or file.get("theory")
        simulation = file.get("simulation")
        if theory is None and simulation is None:
            raise FileError(
                f"{path} holds nothing to plot; it has {', '.join(file) or 'no groups'}"
            )
        title = str(file.attrs["config"]).split("\n", 1)[0].removeprefix("title = ").strip('"')
        features = (simulation if theory is None else theory)["overlap"].shape[-1]
        figure, overlaps, risk = panels(title, features)
        bayes_risk = float("nan")
        if simulation is not None:
            time = simulation["time"][...]
            for f, axes in enumerate(overlaps):
                draw_overlaps(axes, time, simulation["overlap"][...], f)
            draw_risk(risk, time, simulation["risk"][...], bayes_risk)
        if theory is not None:
            time, overlap, level = (theory[name][...] for name in ("time", "overlap", "risk"))
            if overlap.ndim == 4:  # one theory line a replica would hide the bands: their mean
                overlap, level = overlap.mean(axis=0), level.mean(axis=0)
            for f, axes in enumerate(overlaps):
                draw_overlaps(axes, time, overlap, f)
            draw_risk(risk, time, level, float(theory.attrs["bayes_risk"]))
            overlaps[0].legend(fontsize=8)
            risk.legend(fontsize=8)
        overlaps[0].margins(x=0)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure; the suffix chooses the format. The bytes depend on the figure alone."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigurationError(
            f"{path}: figures are written as {', '.join(FORMATS)}; name a file with such an ending"
        )
    metadata = {".png": {"Software": None}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    figure.savefig(path, metadata=metadata[path.suffix.lower()])
