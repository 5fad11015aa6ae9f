"""The same bits from kernels that were just compiled and from those that were loaded."""

import os
import subprocess
import sys

PROGRAM = """
import numpy as np
import orderparams as op
from orderparams.expectations.auto import make_engine

engine = make_engine(op.load("two-stage"))
generator = np.random.default_rng(1)
for size in (0.3, 1.0, 2.0, 3.0):
    weights = size * generator.normal(size=(4, 7))
    weights[1] = weights[0] + 0.05 * generator.normal(size=7)
    moments = engine.evaluate(weights, np.zeros(4), np.full(4, 0.25))
    for values in (moments.risk, moments.overlap_gradient, moments.self_overlap_gradient):
        print([value.hex() for value in np.ravel(values).tolist()])
"""


def test_compiled_and_loaded_kernels_agree_to_the_last_bit(tmp_path):
    """Copies of one kernel in several callers are compiled differently; none may be left to choose.

    Without inlining the sums over correlated heads differ here in their last bits.
    """
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM]
    compiled, loaded = (
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    )
    assert compiled.count("0x") == 4 * (1 + 4 * 3 + 4 * 4)
    assert compiled == loaded
