"""A trained run of the paper's model as one of Glow."""

import os
import shutil

from ml_collections import ConfigDict

from flowconv import data, distributed
from flowconv.errors import UserError
from flowconv.evaluation import Evaluator
from flowconv.files import new_folder
from flowconv.inference.load import free_folder
from flowconv.models.folding import fold_shift
from flowconv.training.state import RunState
from flowconv.training.train import load_data
from flowconv.utils.console import say
from flowconv.utils.progress_bar import working
from flowconv.workdir import Workdir


def fold(
    workdir: str | os.PathLike, output: str | os.PathLike, data_dir: str | os.PathLike | None = None
) -> tuple[float, float]:
    """Folds the shifts of a run's best weights into its actnorms, and saves them as a Glow's run, which can go on.

    Args:
      workdir: of a finished run with model.convolution=shift and model.shift=channel.
      output: of the run to make, with model.convolution=conv1x1; empty or not there. scripts/evaluate.py
        evaluates it.
      data_dir: where its data are, if not where the run found them.

    Returns:
      Test bits/dim before and after, on one and the same noise.

    Raises:
      UserError: if `workdir` holds no such run, or `output` can't take one.
    """
    distributed.initialize()
    source = Workdir(workdir)
    config = source.load_config()
    if data_dir is not None:
        config.data.dir = str(data_dir)
    model = config.model
    if (model.name, model.convolution, model.shift) != ("glow", "shift", "channel"):
        given = f"model.name={model.name}, model.convolution={model.convolution}, model.shift={model.shift}"
        raise UserError(
            f"--workdir={workdir}: only a glow with convolution=shift, shift=channel folds, this is {given}"
        )
    target = Workdir(free_folder("output", output), "--output")
    folded_config = ConfigDict(config.to_dict())
    folded_config.model.convolution = "conv1x1"
    target.check(folded_config)
    images = load_data(config.data, data.load_for_use)
    with working("building both models"):
        before, after = RunState(config, source), RunState(folded_config, target)
        before.restore_best()
    after.optimizer.reset()  # its memory holds anything, and a run may go on from here
    for name in ("images_seen", "seconds", "best_bits_per_dim", "evaluated", "images_a_step"):
        getattr(after, name).assign(getattr(before, name))
    after.step.learning_rate_factor.assign(before.step.learning_rate_factor)
    with before.better_weights():
        fold_shift(before.flow, after.flow)
        bits_before = _bits_per_dim(before.flow, images, config, "test, as it is")
    if after.optimizer.use_ema:
        averages = [variable for variable in after.optimizer.variables if variable.path.endswith("_average")]
        for average, variable in zip(averages, after.flow.trainable_variables, strict=True):
            average.assign(variable.value)
    bits_after = _bits_per_dim(after.flow, images, config, "test, folded")
    with new_folder(target.path), target.alone():
        images_seen = int(after.images_seen)
        if not (after.checkpoints.save_best(images_seen) and after.checkpoints.save(images_seen)):
            raise UserError(
                f"--workdir={workdir}: folded, its weights hold numbers that aren't finite; nothing is saved"
            )
        target.save_config(folded_config)
        if source.data.exists():
            shutil.copyfile(source.data, target.data)
    say(f"test bits/dim before {bits_before:.7f}, folded {bits_after:.7f}, difference {bits_after - bits_before:+.1e}")
    return bits_before, bits_after


def _bits_per_dim(flow, images, config, name):
    evaluator = Evaluator(flow, batch_size=config.evaluation.batch_size, seed=config.evaluation.seed)
    return evaluator.bits_per_dim(images.examples("test"), name=name)
