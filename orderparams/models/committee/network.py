"""From students and teachers to risk, gradient and noise.

Teachers are the rows of B (M, d) in d orthonormal directions, B Bᵀ = T. The students' overlaps R
with the teachers and m with the directions are related by R = m Bᵀ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.committee.moments import gradient_covariance, risk_and_gradient
from orderparams.models.vectors.flow import Gradient
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


def teacher_factor(teacher_overlap: Array) -> Array:
    """B (M, d) with B Bᵀ = T (M, M), d the rank of T."""
    eigenvalues, axes = np.linalg.eigh(teacher_overlap)
    kept = eigenvalues > 1e-12 * eigenvalues[-1]
    factor: Array = axes[:, kept] * np.sqrt(eigenvalues[kept])
    return factor


@dataclass(frozen=True, eq=False)
class Network:
    """What the students learn from: teachers B (M, d) with second layer b (M,), label noise σ.

    ``rectified`` tells ReLU from erf.
    """

    teachers: Array
    second_layer: Array
    noise: float
    rectified: bool

    def engine(self, covariance: bool) -> str:
        """How the expectations are taken."""
        return "closed forms, V by quadrature" if covariance and self.rectified else "closed forms"

    def __call__(self, students: Vectors, covariance: bool) -> Gradient:
        """Risk E[(φ − φ_teacher)²]/2 and gradient at some students; V as well if asked for.

        Their numbers hold the second layer a (K,) as ``second_layer``.
        """
        count = len(students.overlap)
        vectors = np.zeros((count + len(self.teachers), students.weights.shape[1]))
        vectors[:count] = students.weights
        vectors[count:, : self.teachers.shape[1]] = self.teachers
        fields = vectors @ vectors.T
        second = students.numbers["second_layer"]
        coefficients = np.concatenate([second, -self.second_layer])
        by_fields, by_second = np.empty_like(fields), np.empty_like(coefficients)
        risk = risk_and_gradient(self.rectified, fields, coefficients, by_fields, by_second)
        noise, error = None, 0.0
        if covariance:
            noise = np.empty((count, count))
            error = gradient_covariance(self.rectified, fields, coefficients, self.noise, noise)
        return Gradient(
            risk,
            2.0 * by_fields[:count, count:] @ self.teachers,
            by_fields[:count, :count],
            {"second_layer": by_second[:count]},
            noise,
            covariance_error=error,
            engine=self.engine(covariance),
        )
