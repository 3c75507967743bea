"""The floor: the coupling networks' convolutions and their gradients, without a flow around them.

A worker: action "conv2d" computes them by `tf.nn.conv2d`, what the library takes for a convolution, and "products" by
`flowconv.ops.conv2d.conv2d`, which is faster on CPUs.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from benchmarks.machine import threads
from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions, serve
from flowconv import distributed
from flowconv.ops.batch_parallel import num_slices, slice_sizes, split_batch
from flowconv.ops.conv2d import conv2d

Convolve = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def library_conv2d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the convolution of x `[B, H, W, C]` with `[k, k, C, F]`, of the same H and W."""
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def draw_kernels(size: Size) -> list[list[tf.Tensor]]:
    """Returns each level's three kernels of its K networks, `[K, k, k, C, F]`, drawn so that outputs keep their scale.

    3×3 from half of the channels and the mark of the border, 1×1, and 3×3 to a scale and a shift for the other half.
    """
    stacks = []
    for _, _, channels in size.level_shapes():
        shapes = [(3, 3, channels // 2 + 1, size.width), (1, 1, size.width, size.width), (3, 3, size.width, channels)]
        stacks.append([tf.random.normal((size.depth, *shape), stddev=math.prod(shape[:3]) ** -0.5) for shape in shapes])
    return stacks


def network_gradients(convolve: Convolve, x: tf.Tensor, kernels: list[tf.Tensor], dy: Callable[[tf.Tensor], tf.Tensor]):
    """Returns y of a network's three convolutions, and the gradients of x and of each kernel for dy(y)."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([x, *kernels])
        y = x
        for kernel in kernels:
            y = convolve(y, kernel)
    return y, tape.gradient(y, [x, *kernels], dy(y))


def build_floor(size: Size, convolve: Convolve) -> Callable[..., tf.Tensor]:
    """Returns a function of `draw_kernels`' kernels that computes the convolutions of one training step.

    As the program does, in parts of the batch, side by side, one for each core.

    The networks of a level follow one another, each seeing the output of the one before, with kernels of its own; all
    their gradients are computed, each leaves one of its numbers in the sum that is returned, so that none is left out.
    """
    inputs = [
        tf.random.normal((size.batch_size, height, width, channels // 2 + 1))
        for height, width, channels in size.level_shapes()
    ]

    @tf.function(autograph=False)
    def run(*levels):
        total = tf.zeros([])
        for x, stacks in zip(inputs, levels, strict=True):

            def body(k, parts, totals, stacks=stacks):
                kernels = [tf.gather(stack, k) for stack in stacks]
                results = [network_gradients(convolve, x, kernels, dy=tf.identity) for x in parts]
                parts = [y[..., : x.shape[-1]] for (y, _), x in zip(results, parts, strict=True)]
                used = [tf.add_n([g[(0,) * len(g.shape)] for g in gradients]) for _, gradients in results]
                return k + 1, parts, [a + b for a, b in zip(totals, used, strict=True)]

            parts = split_batch(x, slice_sizes(len(x), num_slices(len(x))))
            _, _, totals = tf.while_loop(
                lambda k, *_: k < size.depth,
                body,
                (0, parts, [tf.zeros([]) for _ in parts]),
                parallel_iterations=2,
                maximum_iterations=size.depth,
            )
            total += tf.add_n(totals)
        return total

    return run


def build(size: Size) -> tuple[Actions, dict]:
    """Returns the two floors; arguments as `worker_protocol.serve` has them."""
    distributed.initialize()
    levels = draw_kernels(size)
    runs = {"conv2d": build_floor(size, library_conv2d), "products": build_floor(size, conv2d)}

    def action(run):
        return lambda: float(run(*levels))

    actions = {name: action(run) for name, run in runs.items()}
    parameters = sum(math.prod(stack.shape) for stacks in levels for stack in stacks)
    return actions, {"parameters": parameters, "threads": threads()}


if __name__ == "__main__":
    serve(build)
