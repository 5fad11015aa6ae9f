"""The fluctuations of SGD of one model of vectors, state by state."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import Flow, Local, Memory, State, View
from orderparams.models.parameters import OrderParameter, listed, packed
from orderparams.models.vectors.flow import Parts, VectorFlow
from orderparams.models.vectors.fluctuations.coordinates import Coordinates
from orderparams.models.vectors.fluctuations.derivatives import NONE, ROOM, STEP, Differences
from orderparams.models.vectors.fluctuations.momentum import Momentum, pull_of
from orderparams.models.vectors.fluctuations.nodes import Nodes
from orderparams.models.vectors.fluctuations.responses import Responder
from orderparams.models.vectors.fluctuations.spheres import on_spheres
from orderparams.models.vectors.fluctuations.step import Step, step_at
from orderparams.models.vectors.fluctuations.unseen import Unseen
from orderparams.models.vectors.geometry import Vectors, residual_factor

Array = NDArray[np.float64]


class VectorNoise:
    """The coordinates are those of the flow, then the overlaps that it need not know.

    ``flow`` is of SGD; ``gentle`` the same with expectations that are good enough for differences,
    at all states of the vectors where ``flow`` keeps to some. Of a random start ``shares`` (n,)
    are those of the variance that vectors have, one if left out.
    """

    everywhere = True

    def __init__(
        self,
        problem: Any,
        flow: VectorFlow,
        gentle: VectorFlow,
        responder: Responder,
        workers: int,
        shares: Array | None = None,
    ) -> None:
        settings, training = problem.fluctuations, problem.training
        self.flow, self.responder = flow, responder
        self.from_random = settings.start == "random"
        count, directions = flow.start.overlap.shape
        rates, numbers = flow.rule.rates, flow.start.numbers
        shapes = {name: numbers[name].shape for name in rates}
        self.seen = Coordinates(count, directions, rates, shapes)
        self.whole = Coordinates(count, responder.directions, rates, shapes)
        self.unseen = Unseen(self.seen, self.whole)
        self.variances = problem.initial.variance * (np.ones(count) if shares is None else shares)
        self.nodes = Nodes(responder, count, settings.taken, settings.seed)
        self.differences = Differences(gentle, self.seen, workers)
        self.rate, self.batch = training.effective_rate, training.batch_size
        self.momentum = training.momentum

    def roughly(self, flow: Flow) -> VectorNoise:
        """The same with derivatives to a part in a thousand, at half the cost; from a ``flow`` with
        coarser expectations, where it is one of all states in the same coordinates."""
        found = copy.copy(self)
        found.differences = copy.copy(self.differences)
        found.differences.rough = True
        if self.everywhere and isinstance(flow, type(self.differences.flow)):
            found.differences.flow = flow
        return found

    @property
    def size(self) -> int:
        """Coordinates N."""
        return self.whole.size

    @property
    def start(self) -> Array:
        """The y of the flow around which all fluctuates."""
        if not self.from_random:
            return self.flow.initial_state
        start = self.flow.start
        residual = np.diag(self.variances)
        vectors = self.flow.dressed(0.0 * start.overlap, np.sqrt(residual), start.numbers)
        return self.flow.pack(vectors.overlap, residual, vectors.numbers)

    @property
    def spread(self) -> Array:
        """D times the covariance (N, N) of starts."""
        if not self.from_random:
            return np.zeros((self.size, self.size))
        found = self.whole.random(self.variances)
        order = self.order
        return found[np.ix_(order, order)]

    @property
    def order(self) -> NDArray[np.int64]:
        """The coordinates of all overlaps in the order of those here."""
        return np.concatenate([self.unseen.others, self.unseen.own])

    def point(self, y: Array) -> Array:
        """Y at y of the flow, m, s and numbers."""
        vectors, residual = self.flow.unpack(y)
        return self.seen.pack(vectors.overlap, residual, vectors.numbers)

    def position(self, y: Array) -> Array:
        """The coordinates at y of the flow."""
        vectors, residual = self.flow.unpack(y)
        square = residual + vectors.overlap @ vectors.overlap.T
        known = self.seen.pack(vectors.overlap, square, vectors.numbers)
        return np.concatenate([known, np.zeros(self.unseen.size)])

    def view(self, parameters: Sequence[OrderParameter], y: Array) -> View:
        """The entries of order parameters, in the order of :meth:`OrderParameter.entries`, at y of
        the flow."""
        seen, flow = self.seen.size, self.flow
        here = self.position(y)[:seen]

        def moved(x: Array, way: Array) -> State:
            overlap, square, numbers = self.seen.unpack(x)
            parts = Parts(overlap, square, {**flow.start.numbers, **numbers})
            return flow.moved(parts, self.seen.unpack(way))

        def along(x: Array, way: Array) -> Array:
            return packed(parameters, moved(x, way))

        def bent(covariance: Array) -> Array:
            sizes, axes = np.linalg.eigh(covariance[:seen, :seen])
            found = np.zeros(len(slope))
            for size, axis in zip(sizes, axes.T, strict=True):
                if flow.curved and size > NONE * sizes[-1]:
                    ends = [along(here + sign * STEP * axis, axis) for sign in (1, -1)]
                    found += 0.5 * size * (ends[0] - ends[1]) / (2 * STEP)
            return found

        slope = np.array([along(here, unit) for unit in np.eye(seen)]).T
        slope = np.pad(slope, ((0, 0), (0, self.unseen.size)))
        entries = listed(parameters, moved(here, here))
        free = np.array([not flow.follows(one.name, index) for one, index in entries])
        moving = free & [not flow.rests(one.name, index) for one, index in entries]
        return View(slope, bent, free, moving)

    def at(self, t: float, y: Array, pulse: Callable[[], None]) -> Local:
        """All of it at y of the flow and time t."""
        point = self.point(y)
        slope = self.differences.slope(t, point, pulse)
        rate = self.rate * self.flow.rule.schedule.share_at(t)
        vectors = self.differences.vectors(point)

        def step(hidden: Array) -> Step:
            return self.step(vectors, hidden, rate)

        here, seen = step(self.none), self.seen.size
        velocity = np.concatenate([slope.value[:-1], np.zeros(self.unseen.size)])
        memory = Momentum(self.momentum, rate, self.batch)
        delayed = velocity.copy()
        if (turned := self.flow.turned(vectors)) is not None:
            delayed[self.seen.place(turned.name)] -= turned.at_once
        jacobian, covariance = np.zeros((2, self.size, self.size))
        order = self.order
        found = here.covariance[np.ix_(order, order)]
        jacobian[:seen, :seen] = slope.jacobian
        jacobian[seen:, seen:] = self.unseen.jacobian(step)
        covariance[:seen, :seen] = rate * found[:seen, :seen]
        covariance[seen:, seen:] = rate * found[seen:, seen:]
        own = np.zeros(self.unseen.size)

        def curvature(spread: Array) -> Array:
            shift = self.differences.curvature(t, point, slope, spread[:seen, :seen], pulse)
            if self.unseen.size:
                shift = shift + self.unseen.curvature(step, slope, here, spread[seen:, seen:])
            return np.concatenate([shift[:-1], own, shift[-1:]])

        return Local(
            velocity,
            jacobian,
            covariance,
            (here.drift + self.remembered(memory, vectors, here, rate))[order],
            here.noise[order] / self.batch,
            memory.lag(delayed, here.noise[order]),
            np.concatenate([slope.gradient, own]),
            curvature,
            here.share,
            self.ahead(memory, delayed, here),
        )

    def share(self, t: float, y: Array) -> float:
        """That of :meth:`at`, without the rest."""
        rate = self.rate * self.flow.rule.schedule.share_at(t)
        return self.step(self.differences.vectors(self.point(y)), self.none, rate).share

    @property
    def none(self) -> Array:
        """Overlaps with what the flow need not know, on the flow."""
        return np.zeros((self.seen.count, self.responder.directions - self.seen.directions))

    def ahead(self, memory: Momentum, velocity: Array, here: Step) -> Memory | None:
        """What momentum leaves in motion."""
        if here.squares is None:
            return None
        order = self.order
        both = np.array([here.covariance, *here.squares])[:, order][:, :, order]
        return memory.ahead(velocity, here.noise[order], both[0], both[1:])

    def remembered(self, memory: Momentum, vectors: Vectors, here: Step, rate: float) -> Array:
        """The drift by momentum, in the coordinates of all overlaps (N,)."""
        count, directions = self.whole.count, self.whole.directions
        if not memory.share:
            return np.zeros(self.whole.size)
        residual = vectors.residual @ vectors.residual.T
        if np.linalg.eigvalsh(residual)[0] < ROOM:
            residual += ROOM * np.eye(count)
        apart = self.flow.dressed(vectors.overlap, residual_factor(residual), vectors.numbers)
        moved = self.step(apart, self.none, rate)
        weights = np.hstack([apart.overlap, self.none, apart.residual])
        pull = pull_of(moved.average, weights, directions)
        covariance = self.whole.unpack(here.noise)[1]
        gained = memory.drift(here.average, pull, covariance)
        drift = self.whole.pack(np.zeros((count, directions)), gained, self.whole.still)
        if (turned := self.flow.turned(vectors)) is not None:
            own = self.whole.place(turned.name)
            drift[own] += memory.turning(turned, here.mean[own], here.covariance[own, own])
        return drift

    def step(self, vectors: Vectors, hidden: Array, rate: float) -> Step:
        """A step at vectors with overlaps with what the flow need not know, (n, hidden)."""
        overlap = np.hstack([vectors.overlap, hidden])
        known: Mapping[str, Array] = vectors.numbers
        whole = self.flow.dressed(overlap, vectors.residual, known)
        rule = self.flow.rule
        found = step_at(
            self.nodes,
            self.whole,
            whole,
            rate,
            self.batch,
            self.flow.restraint(whole),
            parted=self.momentum != 0,
        )
        return on_spheres(found, self.whole, whole, rate) if rule.sphere else found
