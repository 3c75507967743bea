"""The floor of networks with attention: their convolutions and products, and the gradients of these, alone.

A worker: action "library" computes them by `tf.nn.conv2d` and `tf.matmul`, what the library takes for such a network,
and "products" by `flowconv.ops.conv2d.conv2d` and `tf.matmul`. There are no activations, norms, softmaxes or gates.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from benchmarks.floor import Convolve, library_conv2d
from benchmarks.machine import threads
from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions, serve
from flowconv import distributed
from flowconv.ops.batch_parallel import num_slices, slice_sizes
from flowconv.ops.conv2d import conv2d

Floor = Callable[[list[list[tf.Tensor]]], tf.Tensor]


class Product(NamedTuple):
    """A convolution, and the two products of the attention that it makes queries, keys and values for, if there is one.

    Attributes:
      kernel_size: k.
      channels: of the input.
      filters: of the output.
      heads: of the attention; 0: there is none.
    """

    kernel_size: int
    channels: int
    filters: int
    heads: int = 0

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """That of the convolution's kernel."""
        return (self.kernel_size, self.kernel_size, self.channels, self.filters)


def attention(channels: int, width: int, blocks: int, heads: int) -> list[Product]:
    """Returns the products of an `AttentionNetwork` in an affine coupling of images with so many channels."""
    block = [
        Product(3, 2 * width, width),
        Product(1, 2 * width, 2 * width),
        Product(1, width, 3 * width, heads),
        Product(1, width, 2 * width),
    ]
    return [Product(3, channels // 2, width), *blocks * block, Product(3, width, channels)]


def transformer(channels: int, width: int, blocks: int, heads: int) -> list[Product]:
    """Returns the products of a `TransformerNetwork` in an affine coupling of images with so many channels."""
    block = [
        Product(1, width, 3 * width, heads),
        Product(1, width, width),
        Product(1, width, 4 * width),
        Product(1, 4 * width, width),
    ]
    return [Product(1, channels // 2, width), *blocks * block, Product(1, width, channels)]


NETWORKS = {"attention": attention, "transformer": transformer}


def compute(product: Product, convolve: Convolve, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the result of a product of images x, `[B, H, W, channels]`."""
    y = convolve(x, kernel)
    if not product.heads:
        return y
    pixels, channels = x.shape[1] * x.shape[2], product.filters // (3 * product.heads)
    # Whose number is whose doesn't matter here, and to put them in order is not a product.
    queries, keys, values = tf.unstack(tf.reshape(y, [3, x.shape[0], product.heads, pixels, channels]))
    return tf.matmul(tf.matmul(queries, keys, transpose_b=True), values)


def build_floor(size: Size, levels: Sequence[Sequence[Product]], convolve: Convolve) -> Floor:
    """Returns a function of `draw_kernels`' kernels that computes the products of one training step and all gradients.

    As the program does, in parts of the batch, side by side, one for each core. Each gradient leaves one of its numbers
    in the sum that is returned, so that none is left out.
    """
    parts = slice_sizes(size.batch_size, num_slices(size.batch_size))
    inputs = [
        [[tf.random.normal((images, height, width, product.channels)) for product in products] for images in parts]
        for (height, width, _), products in zip(size.level_shapes(), levels, strict=True)
    ]

    @tf.function(autograph=False)
    def run(stacks):
        total = tf.zeros([])
        for products, of_parts, of_level in zip(levels, inputs, stacks, strict=True):

            def body(k, totals, products=products, of_parts=of_parts, of_level=of_level):
                kernels = [tf.gather(stack, k) for stack in of_level]
                return k + 1, [
                    total + tf.add_n([_used(*each, convolve) for each in zip(products, xs, kernels, strict=True)])
                    for total, xs in zip(totals, of_parts, strict=True)
                ]

            _, totals = tf.while_loop(
                lambda k, _: k < size.depth,
                body,
                (0, [tf.zeros([]) for _ in of_parts]),
                parallel_iterations=2,
                maximum_iterations=size.depth,
            )
            total += tf.add_n(totals)
        return total

    return run


def _used(product: Product, x: tf.Tensor, kernel: tf.Tensor, convolve: Convolve) -> tf.Tensor:
    """A number of each gradient of a product, added up."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([x, kernel])
        y = compute(product, convolve, x, kernel)
    return tf.add_n([gradient[(0,) * len(gradient.shape)] for gradient in tape.gradient(y, [x, kernel], y)])


def draw_kernels(size: Size, levels: Sequence[Sequence[Product]]) -> list[list[tf.Tensor]]:
    """Returns each level's kernels of its K networks, `[K, k, k, C, F]`, drawn so that outputs keep their scale."""
    return [
        [
            tf.random.normal((size.depth, *each.kernel_shape), stddev=math.prod(each.kernel_shape[:3]) ** -0.5)
            for each in products
        ]
        for products in levels
    ]


def build(size: Size, network: str, blocks: int, heads: int) -> tuple[Actions, dict]:
    """Returns the two floors of a network; arguments as `worker_protocol.serve` and the networks have them."""
    distributed.initialize()
    levels = [NETWORKS[network](channels, size.width, blocks, heads) for _, _, channels in size.level_shapes()]
    kernels = draw_kernels(size, levels)
    runs = {"library": build_floor(size, levels, library_conv2d), "products": build_floor(size, levels, conv2d)}

    def action(run: Floor) -> Callable[[], float]:
        return lambda: float(run(kernels))

    actions = {name: action(run) for name, run in runs.items()}
    parameters = sum(math.prod(stack.shape) for stacks in kernels for stack in stacks)
    return actions, {"parameters": parameters, "threads": threads()}


if __name__ == "__main__":
    serve(build)
