"""The table of activations: what a configuration may say of each, and where its kernel stands.

Light: no numerical library, since tables of keys are made of it.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

HERE = "orderparams.models.single_location.activations"


@dataclass(frozen=True)
class Facts:
    """What is known of an activation without its numbers.

    ``form`` is how logits become attention weights a_ℓ: "elementwise", Σ_h u_h (c_h + s_h φ(χ_hℓ));
    "separate", with a normaliser κ + Σ_j φ(χ_hj) a head; "joint", with one for all heads.
    ``module`` has the class of φ and its kernel, "" where φ is the exponential and has kernels of
    its own. ``kappa``, ``bias`` and ``head_weights`` are defaults. ``sloped``: s is a setting;
    ``biased``: so is the bias; ``closed``: all expectations, V as well, have
    closed forms.
    """

    form: str
    module: str = ""
    kappa: float = 0.0
    bias: str = "none"
    head_weights: str = "mean"
    sloped: bool = False
    biased: bool = True
    closed: bool = False

    @property
    def elementwise(self) -> bool:
        """Whether a token's attention weight depends on its own logits alone."""
        return self.form == "elementwise"

    @property
    def joint(self) -> bool:
        """Whether all heads share a normaliser."""
        return self.form == "joint"

    @property
    def defaults(self) -> dict[str, Any]:
        """Defaults of the keys of ``attention`` that depend on the activation."""
        found: dict[str, Any] = {
            "kappa": self.kappa,
            "bias": self.bias,
            "head_weights": self.head_weights,
        }
        if self.sloped:
            found["slope"] = 1.0
        if self.elementwise:
            found["intercept"] = 0.0
        return found

    @property
    def rates(self) -> dict[str, float]:
        """Defaults of the keys of ``training`` that only activations with a line have."""
        return {f"{key}_rate": 1.0 for key in ("slope", "intercept") if key in self.defaults}

    def curve(self) -> Any:
        """The φ of its module, which is loaded; None for the exponential."""
        return importlib.import_module(self.module).CURVE if self.module else None


TABLE = {
    "softmax": Facts("separate"),
    "softmax-1": Facts("separate", kappa=1.0, bias="norm", head_weights="sum"),
    "bayes-softmax": Facts("joint", bias="norm", head_weights="sum"),
    "softplus": Facts("separate", f"{HERE}.softplus"),
    "erf": Facts("elementwise", f"{HERE}.erf", closed=True),
    "linear": Facts("elementwise", f"{HERE}.linear", sloped=True, biased=False, closed=True),
}
"""By the names that ``attention.activation`` takes."""
