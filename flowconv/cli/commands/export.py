"""Writes a trained flow as a SavedModel, which TensorFlow loads and runs without this package.

    python scripts/export.py --workdir=runs/photos --output=photos_flow

Signatures, for any number of images: log_prob (images → log_prob, nats), encode (images → latents), decode (latents →
images), sample (count, temperature, seed → images). Images are float32 in [0, 1): (level + noise) / 256.

    model = tf.saved_model.load("photos_flow")
    model.signatures["sample"](count=tf.constant(4), temperature=tf.constant(0.7), seed=tf.constant(0))["images"]
"""

from flowconv.cli import shared_flags
from flowconv.cli.command import Command

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.output("folder to write; empty or not there"),
)


def export(given):
    from flowconv.errors import UserError
    from flowconv.inference import saved_model
    from flowconv.inference.load import free_folder, load_run
    from flowconv.utils.console import say

    if not given.output:
        raise UserError("--output is missing: name the folder to write")
    free_folder("output", given.output)
    saved_model.export(load_run(given.workdir).flow, given.output)
    say(f"{given.output}: log_prob, encode, decode, sample")


main = Command(export, __doc__, FLAGS)
