"""A flow of three components that decay at rates of their own: its course is known."""

import numpy as np

START = np.array([1.0, -2.0, 0.5])
RATES = np.array([0.5, 1.0, 2.0])


def course(time, rates=RATES):
    """y (…, 3) at times (…)."""
    return START * np.exp(-np.multiply.outer(time, rates))


class Decay:
    """dy/dt = −rates·y, of risk |y|²/2; ``calls`` counts the velocities."""

    initial_state = START
    variances = np.zeros(3, bool)
    engine_name = "closed form"
    long_work = False
    changes = ()

    def __init__(self, rates=RATES, tolerance=1e-9):
        self.rates, self.tolerance, self.calls = rates, tolerance, 0
        self.units = np.ones(3)

    def derivative(self, t, y):
        self.calls += 1
        return -self.rates * y

    def state(self, y):
        return {"position": y}

    def recorded(self, state):
        return self.risk(state), {}

    def at_end(self, state):
        return {}

    def risk(self, state):
        return float(state["position"] @ state["position"]) / 2
