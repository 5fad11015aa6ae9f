"""Pictures of results; every function takes what it draws and returns a matplotlib figure."""

from orderparams.views.plots.claims import plot_evidence
from orderparams.views.plots.courses import plot_courses
from orderparams.views.plots.drawing import drawing, installed
from orderparams.views.plots.figures import plot_file, plot_files, plot_results
from orderparams.views.plots.notebooks import show_figures
from orderparams.views.plots.scans import plot_scan
from orderparams.views.plots.style import line_style, save_figure
from orderparams.views.plots.themes import SETTINGS

__all__ = [
    "SETTINGS",
    "drawing",
    "installed",
    "line_style",
    "plot_courses",
    "plot_evidence",
    "plot_file",
    "plot_files",
    "plot_results",
    "plot_scan",
    "save_figure",
    "show_figures",
]
