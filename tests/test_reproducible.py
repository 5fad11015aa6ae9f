"""The same bits from kernels that were just compiled, were loaded, or are for another processor."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy as np
import orderparams as op
from orderparams.models.single_location.model import flow

for activation in sys.argv[1].split():
    settings = [f"attention.activation={activation}", *sys.argv[2:]]
    engine = flow(op.load("two-stage", settings)).engine
    generator = np.random.default_rng(1)
    for size in (0.3, 1.0, 2.0, 3.0):
        weights = size * generator.normal(size=(4, 7))
        weights[1] = weights[0] + 0.05 * generator.normal(size=7)
        moments = engine.evaluate(weights, np.zeros(4), np.full(4, 0.25))
        for values in (moments.risk, moments.overlap_gradient, moments.self_overlap_gradient):
            print([value.hex() for value in np.ravel(values).tolist()])
"""


def moments(activations, *settings, **environment):
    """What the program prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, activations, *settings],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("0x") == len(activations.split()) * 4 * (1 + 4 * 3 + 4 * 4)
    return done.stdout


def test_compiled_and_loaded_kernels_agree_to_the_last_bit(tmp_path):
    """Copies of one kernel in several callers are compiled differently; none may be left to choose.

    Without inlining the sums over correlated heads differ here in their last bits.
    """
    folder = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert moments("softmax", **folder) == moments("softmax", **folder)


def test_sampling_gives_the_same_bits_on_every_processor(tmp_path):
    """Compiled for this processor, as all tests take them, and for one of its kind without vectors
    or fused operations."""
    sampling = (
        "softmax bayes-softmax",
        "expectation.engine=sampling",
        "expectation.samples=2048",
    )
    generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    plain = moments(*sampling, **generic, NUMBA_CACHE_DIR=str(tmp_path))
    assert moments(*sampling) == plain


CODE_OF_ONE = """
import re
import sys
from importlib import import_module
from orderparams import ahead

for name in sys.argv[1:]:
    module, kernel = name.split(".")
    kernel = getattr(import_module("orderparams.expectations.separate." + module), kernel)
    for kinds in ahead.signatures(kernel):
        kernel.compile(kinds)
        code = kernel.overloads[kinds].library.get_asm_str()
lines = [line for line in code.splitlines() if re.match("\\\\s+v?[a-z]+[0-9a-z]*\\\\s", line)]
print([line.split()[0] for line in lines])
"""


@pytest.mark.slow
def test_the_code_of_a_kernel_does_not_depend_on_what_was_compiled_before(tmp_path):
    """Numba keeps routines of its own, with the flags of the kernel for which it made them."""

    def code(*names):
        return subprocess.run(
            [sys.executable, "-c", CODE_OF_ONE, *names],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / str(len(names)))},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    alone = code("splits.contract_split")
    assert len(alone) > 1000
    assert code("laplace.locate", "laplace.lay_grids", "splits.contract_split") == alone
