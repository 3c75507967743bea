"""Whatever a workdir is called: a run trains there, goes on, is evaluated, removes its own old checkpoints alone."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from flowconv.config import default_config
from flowconv.inference.load import load_run
from flowconv.training import train as training
from flowconv.workdir.checkpoint_folder import CheckpointFolder
from tests.runs import FULL, SMALL, TINY

PHASES = list(Phase) if FULL else [Phase.explicit]
SIBLINGS = ("a", "a1", "run1", "checkpoints")  # that patterns would match

# Any bytes but a slash and the null byte, as file systems have it, with those that patterns are made of more often.
LETTERS = st.one_of(
    st.sampled_from([b"[", b"]", b"*", b"?", b"\\", b"!", b"{", b"}", b" ", b"\n", b"~", b"%", b"1", b"a", b"\xe9"]),
    st.characters(blacklist_categories=["Cs"], blacklist_characters="/\0").map(str.encode),
    st.integers(1, 255).filter(lambda byte: byte != ord("/")).map(lambda byte: bytes([byte])),
)
NAMES = st.lists(LETTERS, min_size=1, max_size=40).map(b"".join).filter(lambda name: name not in (b".", b".."))


def tiny(images):
    config = default_config()
    fields = TINY | SMALL | {"train.images": images, "train.checkpoint_seconds": 0.0}
    fields |= {"data.image_size": 16, "evaluation.temperatures": (0.7,), "evaluation.samples": 1}
    config.update_from_flattened_dict(fields)
    return config


@settings(max_examples=20, phases=PHASES, deadline=None, suppress_health_check=list(HealthCheck))
@example([b"[a]*?", b"run? \\\n\xe9 [1-9"])
@given(st.lists(NAMES, min_size=1, max_size=3))
def test_any_workdir(names):
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder, *map(os.fsdecode, names))
        others = [Path(folder, *map(os.fsdecode, names[:-1]), sibling) for sibling in SIBLINGS]
        others = [other for other in others if other != workdir]
        for other in others:
            for name in ("ckpt-16.index", "ckpt-32.index"):
                (other / "checkpoints").mkdir(parents=True, exist_ok=True)
                (other / "checkpoints" / name).write_text("another run's")
        if FULL:  # that a run goes on is shown in many tests
            training.train(tiny(48), workdir)
        results = training.train(tiny(64), workdir)
        assert results["images_trained"] == 64
        kept = [path.name for path in CheckpointFolder(workdir / "checkpoints", 2).paths()]
        assert kept == ["ckpt-48", "ckpt-64"]
        assert len(os.listdir(workdir / "checkpoints")) == 4 and len(os.listdir(workdir / "best")) == 2
        assert training.evaluate(workdir)["test_bits_per_dim"] == results["test_bits_per_dim"]
        assert load_run(workdir).flow.parameters == results["parameters"]
        for other in others:
            assert sorted(os.listdir(other / "checkpoints")) == ["ckpt-16.index", "ckpt-32.index"]
        shutil.rmtree(os.fsencode(workdir))
