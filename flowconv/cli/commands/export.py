"""Writes a trained flow as a SavedModel, which TensorFlow loads and runs without this package; or its weights alone.

    python scripts/export.py --workdir=runs/photos --output=photos_flow
    python scripts/export.py --workdir=runs/photos --output=photos_half --format=weights --precision=float16

Signatures, for any number of images: log_prob (images → log_prob, nats), encode (images → latents), decode (latents →
images), sample (count, temperature, seed → images). Images are float32 in [0, 1): (level + noise) / 256.

    model = tf.saved_model.load("photos_flow")
    model.signatures["sample"](count=tf.constant(4), temperature=tf.constant(0.7), seed=tf.constant(0))["images"]

--format=weights writes a folder that all programs take as --workdir, and flowconv.load: the run's best weights without
its optimizer, its config and results, and a model card, README.md. In flowconv/pretrained/ it goes with the package.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.MODEL,
    flags.choice("format", "savedmodel", "what is written", ("savedmodel", "weights")),
    flags.choice("precision", "float32", "of weights in the file, with --format=weights", ("float32", "float16")),
    shared_flags.output("folder to write; empty or not there"),
)


def export(given):
    from flowconv.errors import UserError
    from flowconv.inference import saved_model, weights_export
    from flowconv.inference.load import free_folder, load_run
    from flowconv.utils.console import say
    from flowconv.workdir import pretrained

    if not given.output:
        raise UserError("--output is missing: name the folder to write")
    if given.format == "savedmodel" and given.precision != "float32":
        raise UserError(f"--precision={given.precision}: goes with --format=weights")
    free_folder("output", given.output)
    run = load_run(pretrained.chosen(given.workdir, given.model))
    if given.format == "weights":
        weights_export.export(run, given.output, given.precision)
        say(f"{given.output}: best weights, config, results, README.md")
    else:
        saved_model.export(run.flow, given.output)
        say(f"{given.output}: log_prob, encode, decode, sample")


main = Command(export, __doc__, FLAGS)
