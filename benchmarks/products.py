"""The products and convolutions of a computation: counted as it runs, and computed again with nothing around them."""

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_callbacks, op_def_registry

OPERATIONS = (
    "BatchMatMulV2",
    "BatchMatMulV3",
    "Conv2D",
    "Conv2DBackpropFilter",
    "Conv2DBackpropInput",
    "DepthwiseConv2dNative",
    "DepthwiseConv2dNativeBackpropFilter",
    "DepthwiseConv2dNativeBackpropInput",
    "Einsum",
    "MatMul",
)
UNROLLED = 8  # of one kind, each of other numbers: a loop costs as much as a small product


class Operand(NamedTuple):
    """A tensor that goes into a product.

    Attributes:
      dtype: its name.
      shape: of its numbers.
      value: if these are a shape of something else, what it says; None: any numbers will do.
    """

    dtype: str
    shape: tuple[int, ...]
    value: tuple[int, ...] | None


class Product(NamedTuple):
    """An operation of TensorFlow, as often as it comes with operands of these shapes.

    Attributes:
      operation: its name, one of `OPERATIONS`.
      operands: in their order.
      attributes: (name, value) of each that `tf.raw_ops` takes.
    """

    operation: str
    operands: tuple[Operand, ...]
    attributes: tuple[tuple[str, Any], ...]


def count_products(act: Callable[[], Any]) -> Counter[Product]:
    """Returns how often act() computes which product.

    It runs once, step by step, as Python does: every loop has its own number of steps, whatever that depends on.
    """
    found: Counter[Product] = Counter()

    def see(operation, inputs, attributes, outputs, op_name=None, graph=None):
        if operation in OPERATIONS:
            found[_product(operation, inputs, attributes)] += 1

    tf.config.run_functions_eagerly(True)
    op_callbacks.add_op_callback(see)
    try:
        act()
    finally:
        op_callbacks.remove_op_callback(see)
        tf.config.run_functions_eagerly(False)
    return found


def compute_again(products: Mapping[Product, int], lanes: int) -> Callable[[], tf.Tensor]:
    """Returns a function that computes all products, as often as they were counted, of random numbers.

    Each leaves one of its numbers in the sum that is returned. Call `leave_graphs_alone` before: what TensorFlow does
    to graphs takes products out of loops, and computes equal ones once.

    Args:
      products: as `count_products` has them.
      lanes: that compute side by side, each a part of every product's number.
    """
    numbers = np.random.default_rng(0)
    kinds = [(product, count, _draw(product, min(count, UNROLLED), numbers)) for product, count in products.items()]
    shares = [
        [(count + (lane - at) % lanes) // lanes for at, (_, count, _) in enumerate(kinds)] for lane in range(lanes)
    ]

    @tf.function(autograph=False)
    def run(drawn: Sequence[Sequence[Sequence[tf.Tensor]]]) -> tf.Tensor:
        return tf.add_n([_lane([kind[0] for kind in kinds], share, drawn) for share in shares])

    return lambda: run([drawn for _, _, drawn in kinds])


def leave_graphs_alone() -> None:
    """Has TensorFlow run the graphs of this process as they are written."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def _product(operation, inputs, attributes):
    """A product as it was called: `attributes` are names and values in turn."""
    named = dict(zip(attributes[::2], attributes[1::2], strict=True))
    taken = inspect.signature(getattr(tf.raw_ops, operation)).parameters
    kept = {name: _plain(value) for name, value in named.items() if name in taken}
    operands = (
        Operand(x.dtype.name, tuple(x.shape), tuple(map(int, x.numpy())) if x.dtype.is_integer else None)
        for x in inputs
    )
    return Product(operation, tuple(operands), tuple(sorted(kept.items())))


def _plain(value):
    """An attribute's value as `tf.raw_ops` takes it."""
    if isinstance(value, bytes):
        return value.decode()
    return tuple(value) if isinstance(value, list) else value


def _draw(product, count, numbers):
    """So many times the operands of a product, all of other numbers, of about the size that keeps the result's."""
    scale = max(1, max(map(np.prod, (each.shape for each in product.operands)))) ** -0.25
    return [
        [
            tf.constant(each.value or scale * numbers.standard_normal(each.shape), each.dtype)
            for each in product.operands
        ]
        for _ in range(count)
    ]


def _lane(products, share, drawn):
    """The sum of a number of each product of one lane, which are computed one after the other."""
    total = tf.zeros([])
    for product, count, operands in zip(products, share, drawn, strict=True):
        rounds, left = divmod(count, len(operands))
        if rounds:
            _, total = tf.while_loop(
                lambda k, _, rounds=rounds: k < rounds,
                lambda k, total, product=product, operands=operands: (k + 1, _each(product, operands, total)),
                (0, total),
                parallel_iterations=1,
            )
        total = _each(product, operands[:left], total)
    return total


def _each(product, operands, total):
    """Adds a number of a product of each of these operands to a total."""
    for each in operands:
        with tf.control_dependencies([total]):  # or one lane would take all cores
            result = compute(product, each)
        total += tf.cast(tf.math.real(result[(0,) * len(result.shape)]), tf.float32)
    return total


def compute(product: Product, operands: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the result of a product."""
    definition = op_def_registry.get(product.operation).input_arg
    named = (
        {definition[0].name: list(operands)}
        if definition[0].number_attr
        else {argument.name: operand for argument, operand in zip(definition, operands, strict=True)}
    )
    attributes = {name: list(value) if isinstance(value, tuple) else value for name, value in product.attributes}
    return getattr(tf.raw_ops, product.operation)(**named, **attributes)
