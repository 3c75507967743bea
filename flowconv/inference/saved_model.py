"""A flow as a SavedModel, which TensorFlow loads and runs without this package."""

import os
import shutil

import tensorflow as tf

from flowconv.bijectors.repeated import inverting
from flowconv.errors import UserError
from flowconv.inference.load import free_folder
from flowconv.models import Flow
from flowconv.paths import without_patterns
from flowconv.utils.progress_bar import progress


def export(flow: Flow, folder: str | os.PathLike) -> None:
    """Writes a SavedModel with four signatures, for any number B of images.

    * log_prob: `images` float32 `[B, H, W, C]` in [0, 1) → `log_prob` `[B]`, nats; −∞ outside of the support.
    * encode: `images` → `latents` `[B, H·W·C]`, all levels one after the other; an error outside of the support.
    * decode: `latents` → `images`.
    * sample: `count` int32, `temperature` float32, `seed` int32, scalars → `images`.

    Args:
      flow: the model.
      folder: is made; must be empty or not there.

    Raises:
      UserError: if it can't be written, or holds something.
    """
    folder = free_folder("output", folder)
    was_there = folder.exists()
    with inverting(flow):
        module = _Module(flow)
        names = ("log_prob", "encode", "decode", "sample")
        signatures = {
            name: getattr(module, name).get_concrete_function()
            for name in progress(names, len(names), "tracing", "functions")
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with without_patterns(folder) as name:
                tf.saved_model.save(module, name, signatures=signatures)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if was_there:
                folder.mkdir()
            if isinstance(error, OSError | tf.errors.OpError):
                raise UserError(f"--output={folder}: can't be written ({error})") from error
            raise


class _Module(tf.Module):
    """What is saved: the variables, and functions of tensors."""

    def __init__(self, flow: Flow):
        super().__init__()
        self.variables_of_the_flow = [variable.value for variable in flow.variables]
        bijector = flow.as_bijector()
        images = tf.TensorSpec([None, *flow.image_shape], flow.compute_dtype, "images")
        latents = tf.TensorSpec([None, flow.dimensions], flow.compute_dtype, "latents")
        scalars = [
            tf.TensorSpec([], tf.int32, "count"),
            tf.TensorSpec([], tf.float32, "temperature"),
            tf.TensorSpec([], tf.int32, "seed"),
        ]

        def sample(count, temperature, seed):
            z = tf.random.stateless_normal([count, flow.dimensions], [seed, 0], dtype=flow.compute_dtype)
            return {"images": bijector.inverse(z * tf.cast(temperature, z.dtype))}

        def encode(images):
            refused = ["encode: expected images in [0, 1); some are outside of the support"]
            with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(flow.outside_support(images)), refused)]):
                return {"latents": bijector.forward(tf.identity(images))}

        options = {"autograph": False}
        self.log_prob = tf.function(lambda images: {"log_prob": flow.log_prob(images)}, [images], **options)
        self.encode = tf.function(encode, [images], **options)
        self.decode = tf.function(lambda latents: {"images": bijector.inverse(latents)}, [latents], **options)
        self.sample = tf.function(sample, scalars, **options)
