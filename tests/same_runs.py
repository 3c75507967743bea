"""Runs that end with the same numbers, however they were trained."""

import numpy as np

from tests.programs import run_here
from tests.runs import overrides, saved_variables


def check_resumed(folder, **fields):
    """Trains to 64 images in folder/whole, and with a stop at 32 in folder/parts: they are the same bit for bit."""
    for name, images in (("whole", 64), ("parts", 32), ("parts", 64)):
        run_here("train.py", f"--workdir={folder / name}", *overrides(**fields | {"train.images": images}))
    whole, parts = (saved_variables(folder / name) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys() and len(whole) > 20
    different = [name for name in whole if not np.array_equal(whole[name], parts[name])]
    assert all("seconds" in name or "best_bits_per_dim" in name for name in different), different


def distance(one, other, part):
    """The relative distance of the arrays of one part of two runs' checkpoints, as `weights`."""
    assert one.keys() == other.keys()
    names = [name for name in one if part in name and one[name].ndim]
    assert len(names) > 10
    differences = np.linalg.norm([np.linalg.norm(one[name] - other[name]) for name in names])
    return differences / np.linalg.norm([np.linalg.norm(one[name]) for name in names])


def check_two_ranks(train, folder, **fields):
    """Trains by the fixture `train` on one rank, and on two with half of the batch each, to the same weights."""
    runs = []
    for ranks in (1, 2):
        own = {"train.batch_size": 16 // ranks, "model.precision": "float64"}
        result = train(folder / str(ranks), ranks=ranks, **fields | own)
        assert result.returncode == 0, result.stderr
        runs.append(saved_variables(folder / str(ranks)))
    names = [name for name in runs[0] if "weights" in name]
    assert runs[0].keys() == runs[1].keys() and len(names) > 5
    for name in names:
        np.testing.assert_allclose(runs[1][name], runs[0][name], rtol=1e-9, atol=1e-9, err_msg=name)
