"""What is said before TensorFlow is imported."""

import pytest

from flowconv import process
from flowconv.process import KERNELS
from tests.runs import launch, overrides


@pytest.mark.parametrize(
    ("precision", "given", "chosen"),
    [
        ("float32", None, "0"),
        ("float64", None, "0"),
        ("bfloat16", None, None),
        ("float32", "1", "1"),
        ("bfloat16", "0", "0"),
    ],
)
def test_kernels_follow_the_precision_unless_the_user_chose(monkeypatch, precision, given, chosen):
    environment = {} if given is None else {KERNELS: given}
    monkeypatch.setattr("os.environ", environment)
    process.choose_kernels(precision)
    assert environment.get(KERNELS) == chosen


def test_a_batch_in_one_part_trains_with_onednn(tmp_path):
    """TensorFlow took a kernel's padding for that of images, and aborted."""
    fields = {"model.precision": "bfloat16", "train.batch_size": 1, "train.images": 8, "train.evaluate_images": 8}
    run = launch("train.py", f"--workdir={tmp_path}", *overrides(**fields), **{KERNELS: "1"})
    assert run.returncode == 0, run.stderr
    run = launch("scripts/evaluate.py", f"--workdir={tmp_path}", **{KERNELS: "1"})
    assert run.returncode == 0, run.stderr
