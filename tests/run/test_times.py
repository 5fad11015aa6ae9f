"""The times at which a run is stored."""

import subprocess
import sys

import numpy as np

import orderparams as op
from orderparams.run.times import output_times


def test_logarithmic_times_begin_with_zero_and_a_part_of_the_duration():
    config = op.load("two-stage", ["output={points=5, spacing='log'}"]).output
    np.testing.assert_allclose(
        output_times(config, 10.0), [0, 1e-3, 10 ** (-5 / 3), 10 ** (-1 / 3), 10]
    )


def test_what_steps_by_itself_does_not_wait_for_the_integrators():
    """They take longer to load than all else that SciPy gives to a simulation."""
    code = "import orderparams as op, sys; op.simulate; print('scipy.integrate' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
