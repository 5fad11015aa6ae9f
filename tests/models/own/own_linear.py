"""Linear regression from one kernel."""

import numba

import orderparams as op


@numba.njit
def loss(fields, hidden, random, settings, gradient):
    error = fields[0, 0] - hidden[0, 0] - settings.noise * random[0]
    gradient[0, 0] = error
    return 0.5 * error**2


model = op.OwnModel("linear-regression", loss, random=1, settings={"noise": 0.5})
