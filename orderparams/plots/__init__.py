"""Pictures of results; every function takes what it draws and returns a matplotlib figure."""

from orderparams.plots.courses import plot_courses
from orderparams.plots.drawing import drawing, installed
from orderparams.plots.figures import plot_evidence, plot_file
from orderparams.plots.scans import plot_scan
from orderparams.plots.style import SETTINGS, line_style, save_figure

__all__ = [
    "SETTINGS",
    "drawing",
    "installed",
    "line_style",
    "plot_courses",
    "plot_evidence",
    "plot_file",
    "plot_scan",
    "save_figure",
]
