"""Workers that come and go: `horovodrun --min-np 1 --max-np 4 --host-discovery-script …`.

Two names of this machine are two hosts, since Horovod lets no host come back of which a worker has died.
"""

import json
import re
import signal
import socket

import pytest

from flowconv import distributed
from flowconv.distributed.elastic import REJOINING
from flowconv.errors import WorkersLost
from tests.runs import SMALL, Running, in_full, launch, overrides

SCRIPT = "tests/resilience/faulty_train.py"
HOSTS = ("localhost:1", "127.0.0.1:1")
FIELDS = SMALL | {
    "train.log_seconds": 0.1,
    "train.images": 3200,
    "train.checkpoint_seconds": 0.0,
    "optimizer.schedule": "cosine",  # with which the last tenth of a run, with half the batch then, weighs little
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """bits/dim on the test split of the runs that nothing happens to, with two ranks and with one: lowest, highest.

    One rank takes twice as many steps, of half the batch, for the same images; a job with both lies between the two.
    """
    found = []
    for ranks in (1, 2):
        workdir = tmp_path_factory.mktemp("undisturbed")
        flags = overrides(**FIELDS | {"train.checkpoint_seconds": 600})
        result = launch("train.py", f"--workdir={workdir}", *flags, ranks=ranks)
        assert result.returncode == 0, result.stderr
        found.append(results(workdir)["test_bits_per_dim"])
    return min(found), max(found)


def elastic(folder, workdir, hosts, **fields):
    """A job whose hosts are the lines of a file."""
    (folder / "hosts").write_text("\n".join(hosts) + "\n")
    discover = folder / "discover.sh"
    discover.write_text(f"#!/bin/sh\ncat {folder}/hosts\n")
    discover.chmod(0o755)
    options = ["--gloo", "-np", str(len(hosts)), "--min-np", "1", "--max-np", "4", "--network-interfaces", "lo"]
    command = ["horovodrun", *options, "--host-discovery-script", str(discover), "python", SCRIPT]
    return Running(*command, f"--workdir={workdir}", *overrides(**FIELDS | fields), FAULT="slow:0:60")


def seen_by(job):
    """The training images of the last line."""
    return max((int(n.replace(",", "")) for n in re.findall(r"images +([\d,]+)/", job.output)), default=0)


def results(workdir):
    return json.loads((workdir / "results.json").read_text())


@in_full
@pytest.mark.parametrize("victim", [1, 0])
def test_a_killed_worker_costs_no_more_than_the_last_steps(tmp_path, undisturbed, victim):
    workdir = tmp_path / "run"
    with elastic(tmp_path, workdir, HOSTS) as job:
        assert job.wait_for("2 × 16 images a step")
        while (seen := seen_by(job)) < 2800:
            assert job.wait_for("bits/dim", job.output.count("bits/dim") + 1)
        job.workers()[victim].send_signal(signal.SIGKILL)
        assert job.wait_for("1 × 16 images a step"), job.output
        assert job.wait_for("test bits/dim", seconds=200), job.output
        assert job.wait(60) == 0, job.output
    again = int(job.output.split("going on at ")[1].split()[0].replace(",", ""))
    assert again >= seen - 64 and "16 images a step now, 32 before" in job.output
    assert results(workdir)["world_size"] == 1 and results(workdir)["images_trained"] >= 3200
    lowest, highest = undisturbed
    assert lowest - 0.02 < results(workdir)["test_bits_per_dim"] < highest + 0.02


@in_full
def test_a_worker_that_appears_joins(tmp_path, undisturbed):
    workdir = tmp_path / "run"
    with elastic(tmp_path, workdir, HOSTS[:1]) as job:
        assert job.wait_for("1 × 16 images a step") and job.wait_for("bits/dim", 2)
        (tmp_path / "hosts").write_text("\n".join(HOSTS) + "\n")
        assert job.wait_for("2 × 16 images a step"), job.output
        assert job.wait_for("test bits/dim", seconds=200), job.output
        assert job.wait(60) == 0, job.output
    assert "32 images a step now, 16 before" in job.output
    assert results(workdir)["world_size"] == 2 and results(workdir)["images_trained"] >= 3200
    lowest, highest = undisturbed
    assert lowest - 0.02 < results(workdir)["test_bits_per_dim"] < highest + 0.02


@in_full
@pytest.mark.parametrize("victim", [1, 0])
def test_a_stopped_worker_ends_the_job(tmp_path, victim):
    """Which its driver would wait for for ever."""
    with elastic(tmp_path, tmp_path / "run", HOSTS, **{"train.watchdog_seconds": 8.0}) as job:
        assert job.wait_for("bits/dim", 2), job.output
        job.workers()[victim].send_signal(signal.SIGSTOP)
        assert job.wait(90) != 0
    assert "Timeout (0:00:08)!" in job.output


def test_a_worker_that_finds_no_driver_says_so(monkeypatch):
    rendezvous = "HOROVOD_GLOO_RENDEZVOUS"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        job = {f"{rendezvous}_ADDR": "127.0.0.1", f"{rendezvous}_PORT": taken.getsockname()[1]}
        job |= {"HOROVOD_ELASTIC": 1, "HOROVOD_HOSTNAME": "localhost", "HOROVOD_LOCAL_RANK": 0, REJOINING: 1}
        for name, value in job.items():
            monkeypatch.setenv(name, str(value))
        with pytest.raises(WorkersLost, match=r"^horovodrun, which started this job, is gone: the same command"):
            distributed.initialize()
