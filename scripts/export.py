"""Writes a trained flow as a SavedModel, which TensorFlow loads and runs without this package.

    python scripts/export.py --workdir=runs/photos --output=photos_flow

Signatures, for any number of images: log_prob (images → log_prob, nats), encode (images → latents), decode (latents →
images), sample (count, temperature, seed → images). Images are float32 in [0, 1): (level + noise) / 256.

    model = tf.saved_model.load("photos_flow")
    model.signatures["sample"](count=tf.constant(4), temperature=tf.constant(0.7), seed=tf.constant(0))["images"]
"""

try:
    from flowconv import command_line, flags
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

WORKDIR = flags.workdir()
OUTPUT = flags.path("output", None, "folder to write; empty or not there")


def main():
    from flowconv.applications.export import export
    from flowconv.applications.loading import free_folder, load_run
    from flowconv.errors import UserError
    from flowconv.words import printable

    if not OUTPUT.value:
        raise UserError("--output is missing: name the folder to write")
    free_folder("output", OUTPUT.value)
    export(load_run(WORKDIR.value).flow, OUTPUT.value)
    print(f"{printable(OUTPUT.value)}: log_prob, encode, decode, sample")


if __name__ == "__main__":
    command_line.run(main, __doc__)
