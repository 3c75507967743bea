"""train.py with a fault: FAULT=KIND:RANK:IMAGES puts it into that rank when it has seen so many images.

nan_gradient  one number of a gradient becomes NaN, in that step
nan_weight    one weight becomes NaN, before that step, once
hang          the rank stops for ever
differ        the rank has another data order than the others (before anything is built)
matrices      only the 1×1 convolutions' matrices have gradients
slow          every step takes IMAGES milliseconds longer
stuck         the rank stops for ever in the evaluation after so many images
batches       every batch of an evaluation takes IMAGES milliseconds longer
keep          every checkpoint is kept
pause         every rank that comes to PHASE says so, and waits there a few seconds, or shortly after a signal
"""

import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

kind, faulty_rank, at = os.environ["FAULT"].split(":")
faulty_rank, at = int(faulty_rank), int(at)

from flowconv.cli import shared_flags
from flowconv.cli.command import Command
from flowconv.cli.ending import rank_of_environment


def act(given, config):
    import numpy as np
    import tensorflow as tf

    from flowconv import distributed
    from flowconv.signals import stop_signals
    from flowconv.training import checkpoints, loop, run, state, stopping
    from flowconv.training import train as training

    done = []

    def pause(phase):
        if kind == "pause" and phase == os.environ["PHASE"] and not done:
            done.append(True)
            print(f"in {phase}\n", end="", flush=True)
            until = time.monotonic() + 4.0
            while time.monotonic() < until and not stop_signals.received:
                time.sleep(0.01)
            time.sleep(0.5)  # in which a second signal comes

    def load_data(*arguments, original=training.load_data):
        pause("start-up")
        return original(*arguments)

    def save(self, images_seen, original=checkpoints.Checkpoints.save):
        if images_seen == 48:
            pause("checkpoint")
        return original(self, images_seen)

    def draw(*arguments, original=run.save_pictures):
        pause("pictures")
        return original(*arguments)

    def before_piece(stopper, original=stopping.Stopper.before_piece):
        pause("validation" if stopper.checkpoint else "test")
        if kind == "batches":
            time.sleep(at / 1000.0)
        elif kind == "stuck" and distributed.rank() == faulty_rank and int(stopper._images_seen) == at:
            time.sleep(1e6)
        return original(stopper)

    def control_flags(loop, original=loop.TrainingLoop.control_flags):
        here = distributed.rank() == faulty_rank and int(loop.state.images_seen) == at and not done
        if int(loop.state.images_seen) == 48:
            pause("step")
        if kind == "slow":
            time.sleep(at / 1000.0)
        elif kind == "nan_weight" and here:
            done.append(True)
            weights = next(v for v in loop.state.flow.trainable_variables if v.path.endswith("hidden.kernel"))
            values = weights.numpy()
            values[1, 0, 0, 0, 0] = np.nan  # of step 1
            weights.assign(values)
        elif kind == "hang" and here:
            time.sleep(1e6)
        return original(loop)

    def build_step(config, flow, original=state.build_step, **keywords):
        step = original(config, flow, **keywords)
        differentiate = step._differentiate

        def with_nan(batch):
            loss, gradients = differentiate(batch)
            here = (step.images_seen == at) & (distributed.rank() == faulty_rank)
            return loss, [tf.where(here, np.nan, gradients[0]), *gradients[1:]]

        def of_matrices(batch):
            loss, gradients = differentiate(batch)
            variables = flow.trainable_variables
            return loss, [
                g if "convolution" in v.path else tf.zeros_like(g) for v, g in zip(variables, gradients, strict=True)
            ]

        step._differentiate = {"nan_gradient": with_nan, "matrices": of_matrices}.get(kind, differentiate)
        return step

    loop.TrainingLoop.control_flags, stopping.Stopper.before_piece, run.save_pictures = (
        control_flags,
        before_piece,
        draw,
    )
    checkpoints.Checkpoints.save, training.load_data, state.build_step = save, load_data, build_step
    if kind == "keep":
        checkpoints.NEWEST_KEPT = 1000
    if kind == "differ" and rank_of_environment() == faulty_rank:
        config.seed += 1
    training.train(config, given.workdir)


if __name__ == "__main__":
    Command(act, __doc__, [shared_flags.WORKDIR], takes_config=True, takes_ranks=True)()
