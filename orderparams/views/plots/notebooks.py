"""Figures at the end of a notebook's cell."""

from __future__ import annotations

from orderparams import notebook

PICTURES = ("image/png", "image/jpeg", "image/svg+xml", "application/pdf")


def show_figures() -> None:
    """Have the notebook show figures, if there is one and it does not: IPython does so by itself
    only when pyplot, which nothing here needs, is loaded."""
    if (shell := notebook.shell()) is None:
        return
    from IPython.core.pylabtools import select_figure_formats
    from matplotlib.figure import Figure

    formatters = shell.display_formatter.formatters
    if not any(Figure in formatters[picture].type_printers for picture in PICTURES):
        select_figure_formats(shell, {"png"})
