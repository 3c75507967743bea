"""Glow of TensorFlow Probability: `tfp.bijectors.Glow` with its default networks."""

import functools
import math

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from benchmarks.machine import threads
from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions, serve
from flowconv import distributed

LEARNING_RATE = 1e-4


def build(size: Size) -> tuple[Actions, dict]:
    """Returns the program's actions; arguments as `worker_protocol.serve` has them."""
    distributed.initialize()  # gives TensorFlow as many threads as ours has
    shape = (size.image_size, size.image_size, 3)
    glow = tfp.bijectors.Glow(
        output_shape=shape,
        num_glow_blocks=size.levels,
        num_steps_per_block=size.depth,
        coupling_bijector_fn=functools.partial(tfp.bijectors.GlowDefaultNetwork, num_hidden=size.width),
        exit_bijector_fn=tfp.bijectors.GlowDefaultExitNetwork,
        seed=0,
    )
    dimensions = math.prod(shape)
    flow = glow(tfp.distributions.Sample(tfp.distributions.Normal(0.0, 1.0), dimensions))
    optimizer = tf_keras.optimizers.Adam(LEARNING_RATE)
    pixels = tf.cast(tf.random.uniform((size.batch_size, *shape), 0, 256, tf.int32), tf.uint8)

    def bits_per_dim():
        x = (tf.cast(pixels, tf.float32) + tf.random.uniform(pixels.shape)) / 256.0 - 0.5
        return 8.0 - tf.reduce_mean(flow.log_prob(x)) / (dimensions * math.log(2.0))

    @tf.function(autograph=False)
    def train():
        with tf.GradientTape() as tape:
            loss = bits_per_dim()
        variables = flow.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    encode = tf.function(bits_per_dim, autograph=False)
    latents = (size.batch_size, dimensions)
    sample = tf.function(lambda: tf.reduce_mean(glow.forward(0.7 * tf.random.normal(latents))), autograph=False)
    encode()  # initializes what depends on data
    optimizer.build(flow.trainable_variables)
    actions = {"train": lambda: float(train()), "encode": lambda: float(encode()), "sample": lambda: float(sample())}
    parameters = sum(math.prod(variable.shape) for variable in flow.trainable_variables)
    return actions, {"parameters": parameters, "threads": threads()}


if __name__ == "__main__":
    serve(build)
