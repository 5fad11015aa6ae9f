"""Scans on a Dask cluster: worker processes over TCP, one of them killed in the middle."""

import json
import os
import signal
import socket

import pytest

distributed = pytest.importorskip("distributed")

from orderparams.errors import ConfigurationError  # noqa: E402
from orderparams.scans.plan import base_table, make_plan  # noqa: E402
from orderparams.scans.run import Machine, run_plan  # noqa: E402

SETTINGS = ["expectation.engine=sampling", "expectation.samples=64", "output.points=3"]
VARY = {"training.duration": "1:3:12", "attention.heads": [1, 2]}


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, protocol="tcp://", dashboard_address=":0"
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def plan():
    return make_plan(base_table("single-head"), {"vary": VARY}, SETTINGS)


def hashes(scan):
    return {name: array.tolist() for name, array in scan.arrays.items() if name != "seconds"}


def test_a_cluster_gives_the_bits_of_this_machine_although_a_worker_dies(cluster, plan, tmp_path):
    here = run_plan(plan, tmp_path / "here.h5", Machine(workers=1))
    killed = []

    def kill(point, reply):
        if not killed:
            with distributed.Client(cluster.scheduler_address) as client:
                pids = client.run(os.getpid)
            killed.append(next(iter(pids.values())))
            os.kill(killed[0], signal.SIGKILL)

    machine = Machine(scheduler=cluster.scheduler_address)
    there = run_plan(plan, tmp_path / "there.h5", machine, on_point=kill)
    assert killed
    assert there.count("finished") == 24
    assert repr(hashes(there)) == repr(hashes(here))


def test_the_scheduler_file_and_the_time_limit_work_on_a_cluster(cluster, tmp_path):
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": cluster.scheduler_address}))
    vary = {"training.duration": [1.0, 1e9]}
    endless = [*SETTINGS, "integrator.max_steps=999999999", "integrator.method=RK23"]
    plan = make_plan(base_table("single-head"), {"vary": vary}, endless)
    machine = Machine(timeout=3, scheduler_file=tmp_path / "scheduler.json")
    scan = run_plan(plan, tmp_path / "scan.h5", machine)
    assert scan["status"].tolist() == ["finished", "failed"]
    assert "limit of 3 seconds" in scan.failures[2]


def test_a_scheduler_that_does_not_answer_is_an_error_and_loses_nothing(
    plan, tmp_path, monkeypatch
):
    monkeypatch.setattr("orderparams.scans.pools.CONNECT_SECONDS", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    for wrong in (address, "no-such-protocol://x"):
        with pytest.raises(ConfigurationError, match="no Dask scheduler answers"):
            run_plan(plan, tmp_path / "scan.h5", Machine(scheduler=wrong))
    assert not (tmp_path / "scan.h5").exists()
