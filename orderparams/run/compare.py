"""Theory against simulation: where they differ, by how much, and whether that is chance.

The order parameters of R replicas at D and of R at another dimension D' (where SGD tends to the
theory at small learning rates, 1/γ stands for D) differ from the theory by a
bias of order 1/D and by fluctuations of order 1/√D. The bias is removed pair by pair: with
y_r = (D'·d'_r − D·d_r)/(D' − D), d the deviations of replica r, the y_r are independent draws of
one law whose mean is zero, up to order 1/D², if the theory is right.

The verdict has to judge the R values of very many, strongly correlated numbers. The course of one
order parameter in time is a matrix Y (R, T). If its rows are independent Gaussian vectors of mean
zero, whatever their covariance, then all rotations of the replicas are equally probable, and so are
all directions of the leading left singular vector u of Y. A common deviation turns u towards the
constant vector instead; (Σ_r u_r)²/R has the law Beta(1/2, (R−1)/2) by chance, which is Student's t
with R − 1 degrees of freedom (Läuter, Glimm & Kropf, Ann. Stat. 26, 1972 (1998)). This is exact
with two replicas and any number of times. The p-values of the order parameters are combined by
Bonferroni's inequality, which holds under any correlation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc

from orderparams.errors import ConfigurationError
from orderparams.models.parameters import OrderParameter
from orderparams.results.comparison import Comparison

Array = NDArray[np.float64]

NEGLIGIBLE = 1e-9
"""Deviations below this are rounding, and are not judged."""

NOTHING = "nothing that could be judged has moved or varies over replicas"
"""Why there is no verdict then."""


def compare(
    deviations: Mapping[str, Array],
    parameters: Sequence[OrderParameter],
    *,
    besides: Sequence[float] = (),
    false_alarm: float = 0.01,
    alike: Mapping[str, float] | None = None,
) -> Comparison:
    """Judge deviations simulation − theory, name → (R, T, …), of independent replicas.

    ``parameters`` are the order parameters that deviate; ``besides`` are p-values of what else the
    theory says; NaN does not count. What has no spread over replicas, such as lengths on spheres,
    is judged where it deviates by more than ``alike`` of its name, the error of the integrator.
    Deviations may have a common mean of order 1/D only where that
    is far below spread/√R: elsewhere pass what :func:`without_bias` makes of two dimensions.
    :class:`ConfigurationError` if R < 2.
    """
    replicas = len(next(iter(deviations.values())))
    if replicas < 2:
        raise ConfigurationError(
            "a comparison needs at least 2 replicas, for there is no spread without them; raise "
            "simulation.replicas"
        )
    mean = {name: values.mean(0) for name, values in deviations.items()}
    error = {name: values.std(0, ddof=1) / np.sqrt(replicas) for name, values in deviations.items()}
    least = {name: (alike or {}).get(name, NEGLIGIBLE) for name in deviations}
    pvalue = {name: course_pvalues(values, least[name]) for name, values in deviations.items()}
    judged = distinct(pvalue, parameters)
    judged = np.concatenate([judged, [value for value in besides if not np.isnan(value)]])
    return Comparison(
        deviation=mean,
        standard_error=error,
        z_score={name: z_scores(mean[name], error[name], least[name]) for name in mean},
        pvalue=pvalue,
        degrees=replicas - 1,
        least_pvalue=min(1.0, float(judged.min(initial=1.0)) * max(1, judged.size)),
        false_alarm=false_alarm,
        judged=judged.size,
        doubt="" if judged.size else NOTHING,
    )


def without_bias(
    first: Mapping[str, Array], dimension: float, second: Mapping[str, Array], other: float
) -> dict[str, Array]:
    """Deviations (R, T, …) in two dimensions, extrapolated in 1/D pair by pair.

    The replicas of ``first`` (in ``dimension``) and ``second`` (in ``other``) are independent, and
    those without a partner are left out. The variance is that of the larger dimension times 6 if
    they differ by a factor of 2, times 2.2 at a factor of 4, times 1.5 at a factor of 8.
    """
    pairs = min(min(len(values) for values in side.values()) for side in (first, second))
    return {
        name: (other * second[name][:pairs] - dimension * values[:pairs]) / (other - dimension)
        for name, values in first.items()
    }


def course_pvalues(values: Array, alike: float = NEGLIGIBLE) -> Array:
    """p-value of every order parameter's course, (R, T, …) → (…); NaN where nothing varies."""
    replicas, times, *shape = values.shape
    courses = values.reshape(replicas, times, -1)
    found = [course_pvalue(courses[:, :, i], alike) for i in range(courses.shape[2])]
    return np.array(found).reshape(shape)


def course_pvalue(course: Array, alike: float = NEGLIGIBLE) -> float:
    """p-value of a common deviation of the rows of Y (R, T): how constant is its leading pattern?

    Times are brought to one scale by their root mean square, which no rotation of the replicas
    changes. Those that were not measured (NaN in all replicas) are left out; a value that is not
    finite in some replicas alone is a disagreement.
    """
    course = course[:, ~np.isnan(course).all(0)]
    if not np.isfinite(course).all():
        return 0.0
    if (course.std(0) <= NEGLIGIBLE).all() and (np.abs(course) <= alike).all():
        return np.nan
    scale = np.sqrt((course**2).mean(0))
    course = course[:, scale > NEGLIGIBLE] / scale[scale > NEGLIGIBLE]
    if not course.size:
        return np.nan
    leading = np.linalg.svd(course, full_matrices=False)[0][:, 0]
    replicas = len(leading)
    constancy = min(1.0, leading.sum() ** 2 / replicas)
    return float(betaincc(0.5, 0.5 * (replicas - 1), constancy))


def distinct(pvalues: Mapping[str, Array], parameters: Sequence[OrderParameter]) -> Array:
    """The p-values of what varies, each order parameter once (…)."""
    found = [
        pvalues[parameter.name][index]
        for parameter in parameters
        for index in parameter.entries(pvalues[parameter.name].shape)
    ]
    once = np.array(found, dtype=np.float64)
    return once[~np.isnan(once)]


def z_scores(mean: Array, error: Array, alike: float = NEGLIGIBLE) -> Array:
    """mean/error, and 0 where replicas are alike and as the theory says."""
    judged = (np.abs(mean) > alike) | (error > NEGLIGIBLE)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(judged, mean / error, 0.0 * mean)
