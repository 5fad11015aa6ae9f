"""Vectors with inertia. Oracles: numbers of another program, SGD, differences, the energy law, an
oscillator in closed form."""

import numpy as np
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.interface import model_of
from orderparams.models.vectors.inertia import Inertia
from orderparams.run.simulate import simulate
from orderparams.run.solve import solve

EXACT = ["integrator={rtol=1e-10, atol=1e-12}"]
ONE = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0]}},
    "attention": {"heads": 1},
    "initial": {"kind": "explicit", "overlap": [[0.3]], "self_overlap": [[0.25]]},
    "training": {"duration": 6.0, "inertia": {"friction": 0.7, "gain": 0.5}},
    "output": {"points": 4},
}
HEADS = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 2.0]}},
    "attention": {"heads": 2, "activation": "softmax-1"},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.8, 0.2], [0.3, -0.1]],
        "self_overlap": [[1.5, 0.2], [0.2, 0.9]],
    },
    "training": {
        "duration": 4.0,
        "learning_rate": 1.5,
        "weight_decay": 0.1,
        "repulsion": {"kind": "cosine", "strength": 0.05},
        "inertia": {"friction": 0.6, "gain": 0.8},
    },
    "output": {"points": 5},
    "simulation": {"dimension": 400, "replicas": 24},
}
VELOCITIES = ("velocity_overlap", "key_velocity_overlap", "velocity_self_overlap")


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (1, [0.6470251657, 0.5004962511, 0.2348467953, 0.1282053073, 0.0620419971]),
        (3, [1.2288892810, 1.5143704032, 0.0709081489, 0.0854803914, 0.0056821401]),
    ],
)
def test_one_head_moves_as_elsewhere(index, expected):
    run = solve(op.load(ONE, EXACT))
    found = [run[name][index].item() for name in ("overlap", "self_overlap", *VELOCITIES)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-9)


def energy(run, gain):
    """E + R + λ tr q / 2 + tr q^pp / 2η."""
    decay = run.problem.training.weight_decay
    lengths, speeds = (np.trace(run[k], axis1=1, axis2=2) for k in ("self_overlap", VELOCITIES[2]))
    lowered = run.risk + run.observables["penalty"] + 0.5 * decay * lengths
    return lowered + speeds / (2 * gain)


@pytest.mark.parametrize("friction", [0.6, 0.0])
def test_friction_takes_the_energy(friction):
    """d(E + |𝒫|²/2η)/dt = −(ζ/η)|𝒫|², integrated by Simpson's rule over the stored times."""
    more = [f"training.inertia.friction={friction}", "output.points=401"]
    run = solve(op.load(HEADS, [*EXACT, *more]))
    speeds = np.trace(run[VELOCITIES[2]], axis1=1, axis2=2)
    step = run.time[1]
    taken = step / 3 * (speeds[:-2:2] + 4 * speeds[1:-1:2] + speeds[2::2])
    lost = np.diff(energy(run, 0.8)[::2])
    np.testing.assert_allclose(lost, -friction / 0.8 * taken, rtol=0, atol=2e-8)
    assert speeds.max() > 0.05


def test_strong_friction_is_gradient_flow():
    """ζ = η → ∞; what is missing halves as ζ doubles."""
    free = {name: value for name, value in HEADS["training"].items() if name != "inertia"}
    tight = "integrator={rtol=1e-9, atol=1e-11}"
    plain = solve(op.load({**HEADS, "training": free}, [tight]), times=[0.0, 2.0])
    assert np.abs(solve(op.load(HEADS), times=[0.0, 2.0]).risk[-1] - plain.risk[-1]) > 0.01
    missed = []
    for friction in (200, 400):
        both = f"training.inertia={{friction={friction}, gain={friction}}}"
        run = solve(op.load(HEADS, [tight, both]), times=[0.0, 2.0])
        missed.append(run.overlap[-1] - plain.overlap[-1])
    np.testing.assert_allclose(2 * missed[1], missed[0], rtol=2e-2)
    assert 1e-5 < np.abs(missed[1]).max() < 2e-3


@pytest.mark.parametrize("friction", [0.3, 3.0])
def test_a_small_deviation_follows_the_roots(friction):
    """Near the minimum of one head on its direction, where λ is the difference of ∂E/∂m: half the
    difference of two courses is an oscillator up to cubes. It overshoots where ζ² < 4ηλ."""
    free = {**ONE, "training": {"duration": 400.0}}
    begin = {"kind": "explicit", "overlap": [[1.0]]}
    best = solve(op.load({**free, "initial": begin})).overlap[-1, 0, 0]
    settings = [f"training.inertia={{friction={friction}, gain=20}}", "training.duration=20"]

    def beside(distance):
        start = {"kind": "explicit", "overlap": [[best + distance]]}
        return op.load({**ONE, "initial": start}, [*EXACT, *settings, "output.points=201"])

    ahead, behind = (beside(distance) for distance in (1e-3, -1e-3))
    pulled = [op.evaluate(one).velocity["velocity_overlap"].item() for one in (ahead, behind)]
    eigenvalue = (pulled[1] - pulled[0]) / 20 / 2e-3
    roots = np.roots([1, friction, 20 * eigenvalue])
    weights = np.array([-roots[1], roots[0]]) / (roots[0] - roots[1])
    courses = [solve(one) for one in (ahead, behind)]
    expected = 1e-3 * (weights @ np.exp(np.outer(roots, courses[0].time))).real
    apart = (courses[0].overlap - courses[1].overlap)[:, 0, 0] / 2
    np.testing.assert_allclose(apart, expected, rtol=0, atol=3e-6)
    assert (apart.min() < -1e-4) == (friction**2 < 80 * eigenvalue)
    assert Inertia(friction, 20.0).rate(eigenvalue) == pytest.approx(roots.real.max(), abs=1e-12)


@pytest.mark.parametrize("rule", ["gradient-flow", "sgd"])
@pytest.mark.parametrize("model", ["heads", "students"])
def test_velocities_are_those_of_the_course(rule, model):
    """What is said at a state in full overlaps, against differences of the integrated course."""
    source = HEADS if model == "heads" else "saad-solla"
    inertia = "training.inertia={friction=0.6, gain=0.8}"
    forces = ["training.weight_decay=0.1", "training.repulsion={strength=0.05}"]
    settings = [*EXACT, f"training.rule='{rule}'", inertia, *forces]
    problem = op.load(source, settings)
    times = [0.0, 1.999, 2.0, 2.001]
    run = solve(problem, times=times)
    flow = model_of(problem).flow(problem)
    told = flow.evaluate(flow.point(run.state(2)))
    names = [one.name for one in run.order_parameters]
    assert set(told.velocity) == set(names) == set(told.state)
    for name in names:
        np.testing.assert_allclose(told.state[name], run[name][2], rtol=0, atol=1e-8)
        slope = (run[name][3] - run[name][1]) / 2e-3
        np.testing.assert_allclose(told.velocity[name], slope, rtol=0, atol=2e-6)
        assert np.abs(slope).max() > 1e-3


def z_scores(run, flow):
    """Of every order parameter at every later time."""
    moved = [(run[name] - flow[name])[:, 1:] for name in ("overlap", "self_overlap", *VELOCITIES)]
    z = [one.mean(0) / one.std(0, ddof=1) * len(one) ** 0.5 for one in moved]
    return np.concatenate([one.ravel() for one in z])


@pytest.mark.parametrize("backend", ["gram", "direct"])
def test_the_flow_follows_sgd(backend):
    """Means of replicas; without its noise the theory is rejected."""
    settings = ["training.rule='sgd'", f"simulation.backend='{backend}'"]
    if backend == "direct":
        settings += ["training.duration=2", "output.points=3"]
    problem = op.load(HEADS, settings)
    run, flow = simulate(problem), solve(problem)
    z = z_scores(run, flow)
    assert np.abs(z).max() < 4.0
    assert (z**2).mean() ** 0.5 < 1.8
    if backend == "gram":
        quiet = solve(op.load(problem, ["training.rule='gradient-flow'"]))
        assert np.abs(z_scores(run, quiet)).max() > 8


def test_it_is_momentum_close_to_one():
    """μ = 1 − γζ/D and the learning rate γ²η/D make the same steps, of the same draws."""
    inertial = op.load(HEADS, ["training.rule='sgd'", "simulation.replicas=2"])
    training, dimension = inertial.training, inertial.simulation.dimension
    rate, friction, gain = training.learning_rate, 0.6, 0.8
    own = {
        "rule": "sgd",
        "momentum": 1 - rate * friction / dimension,
        "learning_rate": rate**2 * gain / dimension,
        "duration": training.duration * gain / friction,
    }
    kept = {name: HEADS["training"][name] for name in ("weight_decay", "repulsion")}
    run = simulate(op.load({**HEADS, "training": own | kept}, ["simulation.replicas=2"]))
    expected = simulate(inertial)
    np.testing.assert_array_equal(run.records.step, expected.records.step)
    np.testing.assert_allclose(run.overlap, expected.overlap, rtol=0, atol=1e-10)
    assert np.ptp(run.overlap[:, :, 0, 0]) > 0.1


def test_growth_rates_know_of_inertia(tmp_path):
    """Two heads that part from a saddle, faster and faster as they start at rest: the root of the
    eigenvalue there is what the run comes to, and what a file of the analysis says."""
    task = {"length": 3, "signal": {"kind": "flipped-spikes", "strengths": [6.0]}}
    start = {"kind": "explicit", "overlap": [[1e-4], [-2e-4]]}
    source = {"task": task, "attention": {"heads": 2}, "initial": start}
    inertia = "training.inertia={friction=0.2, gain=0.3}"
    found = op.analyze(source, settings=[inertia, "training.duration=60", "output.points=121"])
    rest, run = found.unspecialized, found.trajectory
    mode, growth = rest.unstable[0], rest.growth[0]
    assert mode.rate == pytest.approx(np.roots([1, 0.2, 0.3 * mode.eigenvalue]).max(), abs=1e-12)
    apart = np.log(run.overlap[:, 0, 0] - run.overlap[:, 1, 0])
    assert (apart[40] - apart[20]) / 10 == pytest.approx(mode.rate, rel=0.01)
    assert growth.local == pytest.approx(mode.rate, rel=0.01)
    assert growth.rate < mode.rate
    found.save(tmp_path / "found.h5")
    read = op.open(tmp_path / "found.h5")
    assert [one.rate for one in read.unspecialized.modes] == [one.rate for one in rest.modes]


def test_a_plateau_may_be_a_turning_point():
    """Where a swing turns no stationary point need be near, and a search may leave the range."""
    inertia = "training.inertia={friction=0.3, gain=2}"
    found = op.analyze("single-head", settings=[inertia, "training.duration=60"])
    assert (np.diff(found.trajectory.risk) > 1e-4).any()
    assert not all(rest.point.converged for rest in found.rests)
    assert found.final.point.risk == pytest.approx(found.trajectory.bayes_risk, abs=1e-8)


def test_resumed_replicas_keep_their_velocities(tmp_path):
    problem = op.load(HEADS, ["training.rule='sgd'", "simulation.replicas=2"])
    whole = simulate(problem)
    calls = []

    def stop(done, total):
        calls.append(done)
        if done < total:
            raise KeyboardInterrupt

    part = simulate(problem, progress=stop)
    if part.status == "interrupted":
        part.save(tmp_path / "part.h5")
        part = simulate(problem, resume=op.open(tmp_path / "part.h5"))
    for name in VELOCITIES:
        np.testing.assert_array_equal(part[name], whole[name])


def test_a_stored_run_goes_on(tmp_path):
    settings = ["training.rule='sgd'", "integrator.method='DOP853'"]
    solve(op.load(HEADS, [*settings, "training.duration=2", "output.points=3"])).save(
        tmp_path / "half.h5"
    )
    whole = op.load(HEADS, settings)
    on = solve(whole, resume=op.open(tmp_path / "half.h5"))
    run = solve(whole)
    for name in run.parameters:
        np.testing.assert_allclose(on[name][-1], run[name][-1], rtol=0, atol=1e-7)


def test_validation_agrees_and_sees_the_noise():
    settings = ["simulation={dimension=400, replicas=12}", "training.duration=3"]
    problem = op.load(HEADS, settings)
    assert op.validate(problem).verdict == "agree"
    assert op.validate(problem, rule="gradient-flow").verdict == "disagree"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["training.momentum=0.5"], "velocities have a memory already"),
        (["training.constraint='sphere'", "training.weight_decay=0"], "training.inertia: vectors"),
        (["training.schedule={kind='inverse', time=3}"], "the learning rate is constant"),
        (["attention.bias='learned'"], "attention.bias = 'learned' does not go with"),
        (["attention.head_weights='importance'"], "does not go with training.inertia"),
        (["attention.value='learned'", "task.target='scalar'"], "attention.value = 'learned'"),
        (
            ["attention.keys='shared'", "attention.shared.bases=1"],
            "attention.keys = 'shared' does not go with training.inertia",
        ),
        (["training.inertia={friction=1}"], r"training.inertia.gain is missing"),
        (["training.inertia.gain=0"], "training.inertia.gain"),
        (["training.inertia.friction=-1"], "training.inertia.friction"),
    ],
)
def test_what_makes_no_sense_is_told(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        op.load(HEADS, settings)


def test_students_learn_nothing_beside_themselves():
    settings = ["network.second_layer='learned'", "training.inertia={friction=1, gain=1}"]
    with pytest.raises(ConfigurationError, match="does not go with"):
        op.load("saad-solla", settings)


def test_a_step_cannot_stop_a_velocity():
    settings = ["training.inertia.friction=300", "training.rule='sgd'"]
    with pytest.raises(ConfigurationError, match="of a velocity with it"):
        simulate(op.load(HEADS, settings))
