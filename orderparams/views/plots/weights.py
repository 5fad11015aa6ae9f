"""What heads attend to in example sequences, before and after training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.models.interface import Example, model_of
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import colour, diverging, heading, ink, letters, rising
from orderparams.views.plots.subject import overlaps_of, rule_of, run_of
from orderparams.views.story.words import instant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Array = NDArray[np.float64]

MOST_TICKS = 8
EACH = 1.7
"""Inches of a sequence."""

MOST_SIGNAL = 3
"""Amplitudes of a signal that are written out."""


class Scale(NamedTuple):
    """Colours of weights up to 1, the least that has one, and the ends beyond which there are
    weights."""

    colours: Any
    least: float
    beyond: str


def attended(result: Any) -> list[list[Example]]:
    """The attention to example sequences at the start and at the end of a run; ConfigurationError
    of a model that has none."""
    run = run_of(result)
    found = model_of(run.problem).examples(run.problem, [run.state(0), run.state(-1)])
    if found is None:
        raise ConfigurationError(
            f"the model {run.problem.model} has no attention whose weights could be drawn"
        )
    return found


def plot_weights(result: Any, request: Request) -> Figure:
    """Squares of heads against tokens: above at the start, below at the end of a run, a column for
    each sequence; the last row is what the layer attends to."""
    from matplotlib.figure import Figure

    run, found = run_of(result), attended(result)
    width, height = request.size or (7.0, None)
    found = [state[: round(width / EACH) or 1] for state in found]
    rows = len(found[0][0].shares) + 1
    figure = Figure(
        figsize=(width, height or letters(1.9) + 2 * min(0.18 * rows + 0.25, 2.5)),
        layout="constrained",
    )
    panels = figure.subplots(2, len(found[0]), sharex="col", squeeze=False)
    scale = scale_of([table(one) for state in found for one in state])
    for row, (name, time) in enumerate((("before", run.time[0]), ("after", run.time[-1]))):
        for number, (axes, one) in enumerate(zip(panels[row], found[row], strict=True)):
            image = draw_example(axes, one, scale)
            axes.tick_params(labelleft=number == 0)
        panels[row, 0].set_ylabel(f"{name}, t = {instant(time)}\n{overlaps_of(run).axes[0].word}")
    for axes, one in zip(panels[0], found[0], strict=True):
        axes.set_title(signal_of(one), fontsize=letters(7), pad=9)
    figure.colorbar(image, ax=panels, label="attention", aspect=30, pad=0.01, extend=scale.beyond)
    others = any(one.others for one in found[0])
    more = "; +: the sum over so many others" if others else ""
    figure.supxlabel(f"token; ▼ and the frame mark the informative one{more}", fontsize=letters(7))
    heading(figure, run.problem, rule_of(result), title=request.title)
    return figure


def table(one: Example) -> Array:
    """The weights (H + 1, tokens), the layer's in the last row, those not shown in the last
    column."""
    shown = np.vstack([one.shares, one.attention])
    if not one.others:
        return shown
    return np.column_stack([shown, np.append(one.other_shares, one.other_attention)])


def draw_example(axes: Axes, one: Example, scale: Scale) -> AxesImage:
    """One sequence; the informative token is framed."""
    from matplotlib.patches import Rectangle

    values = table(one)
    heads, shown = one.shares.shape
    image = axes.imshow(values, aspect="auto", cmap=scale.colours, vmin=scale.least, vmax=1)
    frame = Rectangle(
        (one.informative - 0.5, -0.5), 1, heads + 1, fill=False, edgecolor=colour(1), linewidth=1.2
    )
    axes.add_patch(frame)
    frame.set_clip_on(False)
    axes.annotate(
        "▼", (one.informative, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom",
        fontsize=letters(6), color=colour(1),
    )  # fmt: skip
    axes.axhline(heads - 0.5, color=ink(), linewidth=0.8)
    step = -(-heads // MOST_TICKS)
    heads_shown = range(0, heads, step)
    axes.set_yticks([*heads_shown, heads], [*(str(head + 1) for head in heads_shown), "layer"])
    step = -(-shown // MOST_TICKS)
    names = [str(token + 1) for token in range(0, shown, step)]
    places = list(range(0, shown, step))
    if one.others:
        axes.axvline(shown - 0.5, color=ink(), linewidth=0.8)
        places, names = [*places, shown], [*names, f"+{one.others}"]
    axes.set_xticks(places, names)
    axes.tick_params(length=0)
    return image


def scale_of(tables: Sequence[Array]) -> Scale:
    """Colours from 0 to 1, the ground where there is nothing; from −1 with negative weights."""
    least, largest = min(map(np.min, tables)), max(map(np.max, tables))
    beyond = {(True, True): "both", (True, False): "min", (False, True): "max"}
    extend = beyond.get((bool(least < -1), bool(largest > 1)), "neither")
    if least < 0:
        return Scale(diverging(), -1.0, extend)
    return Scale(rising(), 0.0, extend)


def signal_of(one: Example) -> str:
    """The amplitudes of the signal, the first of them if there are many."""
    texts = [f"{value:.2g}".replace("-", "−") for value in one.signal[:MOST_SIGNAL]]
    more = ", …" * (len(one.signal) > MOST_SIGNAL)
    return f"θ = ({', '.join(texts)}{more})"
