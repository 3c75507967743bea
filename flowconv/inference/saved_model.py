"""A flow as a SavedModel, which TensorFlow loads and runs without this package."""

import math
import os

import tensorflow as tf

from flowconv.bijectors.repeated import inverting
from flowconv.errors import UserError
from flowconv.files import new_folder
from flowconv.inference.load import free_folder
from flowconv.models import Flow
from flowconv.ops.saved_gradients import refuse_missing_gradients
from flowconv.paths import without_patterns
from flowconv.utils.progress_bar import progress, working


def export(flow: Flow, folder: str | os.PathLike) -> None:
    """Writes a SavedModel with four signatures, for any number B of images.

    * log_prob: `images` float32 `[B, H, W, C]` in [0, 1) → `log_prob` `[B]`, nats; −∞ outside of the support.
    * encode: `images` → `latents` `[B, H·W·C]`, all levels one after the other; an error outside of the support.
    * decode: `latents` → `images`.
    * sample: `count` int32, `temperature` float32, `seed` int32, scalars → `images`.

    Of a conditional flow each takes `condition` `[B, …]`, too, as `Flow.condition_of` gives it: labels, int32 `[B]`, of
    images given their class. B is the number of images, or of latents, or `count`.

    A loaded model has first derivatives, and refuses others.

    Args:
      flow: the model.
      folder: is made; must be empty or not there.

    Raises:
      UserError: if it can't be written, or holds something.

    Example:
      >>> import tempfile
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import ActNorm
      >>> from flowconv.inference.saved_model import export
      >>> from flowconv.models import Flow, StandardNormal
      >>> from flowconv.surjections.uniform import UniformDequantization
      >>> flow = Flow(UniformDequantization(), ActNorm(), StandardNormal(), (4, 4, 1))
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     export(flow, f"{folder}/flow")
      ...     model = tf.saved_model.load(f"{folder}/flow")
      >>> sorted(model.signatures)
      ['decode', 'encode', 'log_prob', 'sample']
    """
    folder = free_folder("output", folder)
    with inverting(flow):
        module = _Module(flow)
        names = ("log_prob", "encode", "decode", "sample")
        signatures = {
            name: getattr(module, name).get_concrete_function()
            for name in progress(names, len(names), "tracing", "functions")
        }
        try:
            with new_folder(folder), without_patterns(folder) as name, working(f"writing {folder}"):
                tf.saved_model.save(module, name, signatures=signatures)
                refuse_missing_gradients(name)
        except (OSError, tf.errors.OpError) as error:
            raise UserError(f"--output={folder}: can't be written ({error})") from error


class _Module(tf.Module):
    """What is saved: the variables, and functions of tensors."""

    def __init__(self, flow: Flow):
        super().__init__()
        self.variables_of_the_flow = [variable.value for variable in flow.variables]
        images = tf.TensorSpec([None, *flow.image_shape], flow.compute_dtype, "images")
        latents = tf.TensorSpec([None, flow.dimensions], flow.compute_dtype, "latents")
        scalars = [
            tf.TensorSpec([], tf.int32, "count"),
            tf.TensorSpec([], tf.float32, "temperature"),
            tf.TensorSpec([], tf.int32, "seed"),
        ]
        condition = _condition(flow)

        def log_prob(images, condition=None):
            return {"log_prob": flow.log_prob(images, condition)}

        def encode(images, condition=None):
            refused = ["encode: expected images in [0, 1); some are outside of the support"]
            with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(flow.outside_support(images)), refused)]):
                found = flow.encode(tf.identity(images), condition)
            vectors = [
                tf.reshape(z, [-1, math.prod(shape)]) for z, shape in zip(found, flow.latent_shapes, strict=True)
            ]
            return {"latents": tf.concat(vectors, 1)}

        def decode(latents, condition=None):
            parts = tf.split(latents, [math.prod(shape) for shape in flow.latent_shapes], axis=1)
            parts = [tf.reshape(z, [-1, *shape]) for z, shape in zip(parts, flow.latent_shapes, strict=True)]
            return {"images": flow.decode(parts, condition)}

        def sample(count, temperature, seed, condition=None):
            z = flow.base.draw((count, flow.dimensions), [seed, 0], flow.compute_dtype)
            return decode(z * tf.cast(temperature, z.dtype), condition)

        def function(compute, *inputs):
            return tf.function(compute, [*inputs, *condition], autograph=False)

        self.log_prob = function(log_prob, images)
        self.encode = function(encode, images)
        self.decode = function(decode, latents)
        self.sample = function(sample, *scalars)


def _condition(flow: Flow) -> list[tf.TensorSpec]:
    """The input that is the condition; none of an unconditional flow."""
    if not flow.is_conditional:
        return []
    one = flow.condition_of({"image": tf.zeros([1, *flow.image_shape], tf.uint8), "label": tf.zeros([1], tf.int32)})
    return [tf.TensorSpec([None, *one.shape[1:]], one.dtype, "condition")]
