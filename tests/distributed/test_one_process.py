"""One process without Horovod, and TensorFlow Probability without tf-keras: what one `pip install` brings."""

import subprocess
import sys

import pytest
import tensorflow as tf

from flowconv import distributed, preflight
from flowconv.distributed import one_process
from flowconv.errors import UserError
from flowconv.workdir import Workdir
from tests.runs import ROOT, SMALL, config_of, environment

ALONE = """
import sys
from importlib.machinery import PathFinder

find = PathFinder.find_spec
ABSENT = ("horovod", "tf_keras")
PathFinder.find_spec = lambda name, *rest, **more: None if name in ABSENT else find(name, *rest, **more)
"""

CODE = """
import flowconv, numpy as np
from flowconv import distributed
from tests.runs import SMALL, config_of
from flowconv.training.train import train

train(config_of(**SMALL, **{"train.images": 32}), sys.argv[1])
flow = flowconv.load(sys.argv[1])
x = flow.dequantize(flow.to_images(flow.sample(2, seed=0)))
assert distributed.is_missing()
assert np.allclose(flow.as_distribution().log_prob(x), flow.log_prob(x), rtol=1e-4)

import tensorflow_probability as tfp
tfp.distributions.JointDistributionSequential([tfp.distributions.Normal(0.0, 1.0)]).sample()
try:
    import tf_keras
except ModuleNotFoundError as error:
    print(error)
try:
    tfp.layers.DistributionLambda(lambda t: t)
except ImportError as error:
    print(error)
"""


def test_one_process_trains_loads_and_draws(tmp_path):
    command = [sys.executable, "-c", ALONE + CODE, str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith(
        "No module named 'tf_keras'\n"
        "this part of TensorFlow Probability needs tf-keras: pip install --no-deps 'tf-keras>=2.18,<2.19'\n"
    )


@pytest.fixture
def without_horovod(monkeypatch):
    monkeypatch.setattr(distributed.horovod, "hvd", one_process)


def test_every_exchange_is_with_oneself(without_horovod):
    x = tf.constant([1.0, float("nan")])
    distributed.initialize()
    for exchange in (distributed.average, distributed.total, distributed.maximum):
        assert exchange(x) is x
    assert distributed.average_gradients([x], x, "fp16") == ([x], x)
    distributed.broadcast([tf.Variable(x)])
    assert distributed.gather("a") == ["a"] and distributed.run_on_root(lambda: "b") == "b"
    assert distributed.rank() == distributed.local_rank() == 0 and distributed.size() == distributed.local_size() == 1
    assert distributed.libraries() == [] and not distributed.is_failed_exchange(RuntimeError())


@pytest.mark.parametrize(
    "variables",
    [{"OMPI_COMM_WORLD_SIZE": "2"}, {"HOROVOD_SIZE": "2"}, {"HOROVOD_SIZE": "1", "HOROVOD_ELASTIC": "1"}],
    ids=" ".join,
)
def test_several_ranks_are_told_what_pip_is_to_do(without_horovod, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UserError, match=r"-m pip install --no-build-isolation .*horovod==0\.28\.1") as raised:
        distributed.initialize()
    assert "NCCL" not in str(raised.value)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/local/cuda/bin/{name}")
    assert "HOROVOD_GPU_OPERATIONS=NCCL" in one_process.commands()


def test_what_pip_is_to_do_is_what_the_page_says():
    page = (ROOT / "docs/how_to/install.md").read_text()
    script = (ROOT / "scripts/install.sh").read_text()
    for switch in one_process.SWITCHES:
        assert switch in page and switch in script
    assert "horovod==0.28.1" in page and "include cstdint" in one_process.HEADER


def test_the_doctor_passes_one_process(without_horovod, tmp_path):
    rows = {row.name: row for row in preflight.run_checks(config_of(**SMALL), Workdir(tmp_path))}
    assert rows["exchange"].message.startswith("1 rank; no Horovod, which several need: ")
    assert rows["network"].message == "none" and not any(row.failed for row in rows.values())
