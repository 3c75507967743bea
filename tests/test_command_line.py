"""What a user sees of train.py before anything is built."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments, cwd=ROOT, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | environment,
        timeout=120,
    )


def test_help_reads_well():
    result = run("--help")
    assert result.returncode == 0 and not result.stderr
    for part in ("horovodrun -np 4 python train.py", "--workdir=", "--config=", "model.depth=32", "did"):
        assert part in result.stdout or part == "did"
    assert max(map(len, result.stdout.splitlines())) <= 140


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("--config.model.detph=8", "--config.model.detph=8: there is no such field (did you mean model.depth?)"),
        ("--config.modle.depth=8", "--config.modle.depth=8: there is no such field (did you mean model.depth?)"),
        ("--config.model.depth=many", "--config.model.depth=many: must be a whole number"),
        ("--config.optimizer.learning_rate=fast", "--config.optimizer.learning_rate=fast: must be a number"),
        ("--config.data.flip=perhaps", "--config.data.flip=perhaps: must be true or false"),
        ("--config.model.depth=0", "--config.model.depth=0: must be at least 1"),
        ("--config.data.n_bits=9", "--config.data.n_bits=9: must be from 1 to 8"),
        ("--config.train.batch_size=0", "--config.train.batch_size=0: must be at least 1"),
        (
            "--config.model.convolution=shfit",
            "must be one of conv1x1, emerging, periodic, reverse, rolled_shift, shift, shuffle (did you mean shift?)",
        ),
        ("--config.data.image_size=36", "must be divisible by 2^model.levels = 8"),
        (
            "--config=configs/cifar.py",
            "--config=configs/cifar.py: there is no such file (did you mean configs/cifar10.py?)",
        ),
        ("--config.data.name=cifar11", "cifar10"),
        ("--config.data.name=folder", "--config.data.dir"),
        ("--workdri=x", "workdir"),
        ("depth=8", "depth=8: flags start with --"),
        ("--workdir=/proc/flowconv", "--workdir=/proc/flowconv: can't be written"),
        (f"--workdir={__file__}/run", "can't be written"),
    ],
)
def test_refuses_in_one_line_with_status_2(argument, expected):
    result = run(argument, "--config.train.images=16")
    assert result.returncode == 2
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
    assert expected in lines[0]
    assert not result.stdout


def test_only_the_first_rank_speaks():
    result = run("--config.model.depth=0", HOROVOD_RANK="1")
    assert result.returncode == 2 and not result.stderr and not result.stdout


def test_config_may_come_after_its_overrides():
    result = run("--config.model.depth=0", "--config=configs/cifar10.py")
    assert "--config.model.depth=0" in result.stderr and result.returncode == 2
