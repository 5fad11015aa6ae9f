"""The soft committee machine of Saad and Solla, from one kernel."""

import math

import numba

import orderparams as op


@numba.njit
def loss(fields, hidden, random, settings, gradient):
    error = -settings.noise * random[0]
    for m in range(hidden.shape[0]):
        error -= math.erf(hidden[m, 0] / math.sqrt(2))
    for k in range(fields.shape[0]):
        error += math.erf(fields[k, 0] / math.sqrt(2))
    for k in range(fields.shape[0]):
        slope = math.sqrt(2 / math.pi) * math.exp(-0.5 * fields[k, 0] ** 2)
        gradient[k, 0] = error * slope
    return 0.5 * error**2


model = op.OwnModel(
    "my-committee", loss, vectors=2, hidden=2, random=1, settings={"noise": 0.1}, vector="student"
)
