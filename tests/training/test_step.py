"""One training step, in this process."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv import distributed
from flowconv.bijectors import InvertibleShift
from flowconv.config import default_config
from flowconv.evaluation import ema_weights
from flowconv.models import Flow, StandardNormal, build_flow
from flowconv.ops.affine_map import AffineMap
from flowconv.surjections.uniform import UniformDequantization
from flowconv.training.optimizer import build_optimizer, build_schedule
from flowconv.training.step import TrainingStep, build_step
from tests.batches import batch_of, specs_of
from tests.layers import labelled_flow
from tests.runs import FULL


def tiny(**fields):
    config = default_config()
    values = {
        "model.levels": 1,
        "model.depth": 2,
        "model.width": 8,
        "data.image_size": 8,
        "optimizer.warmup_images": 0,
    }
    config.update_from_flattened_dict(values | fields)
    return config


def build(config, **options):
    flow = build_flow(config)
    optimizer = build_optimizer(config.optimizer, config.train.ema_decay)
    optimizer.build(flow.trainable_variables)
    optimizer.reset()
    options = {"seed": 0, "flip": True, "jit_compile": False} | options
    schedule = build_schedule(config.optimizer, config.train.images)
    step = TrainingStep(flow, optimizer, schedule, tf.Variable(0, dtype=tf.int64), **options)
    return flow, optimizer, step


def images(n=8, size=8):
    return tf.constant(np.random.default_rng(0).integers(0, 256, (n, size, size, 3)), tf.uint8)


def test_learns():
    flow, _, step = build(tiny(**{"optimizer.learning_rate": 1e-2}))
    pixels = images()
    flow.initialize(pixels)
    scores = [float(step(batch_of(pixels, 8 * i))["bits_per_dim"]) for i in range(30)]
    assert scores[-1] < scores[0] - 0.3
    assert int(step.images_seen) == 240


@pytest.mark.parametrize("name", ["adam", "adamax"])
def test_optimizers_move_every_weight(name):
    flow, optimizer, step = build(tiny(**{"optimizer.name": name}))
    for variable in flow.trainable_variables:
        variable.assign(variable.value + 0.05)
    before = [variable.numpy() for variable in flow.trainable_variables]
    step(batch_of(images()))
    assert optimizer.name == name
    for old, variable in zip(before, flow.trainable_variables, strict=True):
        assert not np.array_equal(old, variable.numpy()), variable.path


def test_a_step_that_is_not_finite_changes_nothing():
    flow, optimizer, step = build(tiny())
    pixels = images()
    flow.initialize(pixels)
    step(batch_of(pixels))
    poisoned = flow.trainable_variables[0]
    value = poisoned.numpy()
    poisoned.assign(np.full(value.shape, np.nan))
    before = [variable.numpy() for variable in [*flow.variables, *optimizer.variables]]
    figures = step(batch_of(pixels, 8))
    assert int(figures["skipped"]) == 1 and int(step.images_seen) == 16
    for old, variable in zip(before, [*flow.variables, *optimizer.variables], strict=True):
        if variable is not poisoned and "learning_rate" not in variable.path:
            np.testing.assert_array_equal(old, variable.numpy(), err_msg=variable.path)
    poisoned.assign(value)
    assert int(step(batch_of(pixels, 16))["skipped"]) == 0


def test_the_average_reaches_its_decay():
    """The control of the above: a decay that is below what youth allows is used as it is."""
    flow, optimizer, step = build(tiny(**{"train.ema_decay": 0.05, "optimizer.learning_rate": 1e-2}))
    pixels = images()
    flow.initialize(pixels)
    weights = []
    for i in range(2):
        step(batch_of(pixels, 8 * i))
        weights.append(flow.trainable_variables[0].numpy())
    with ema_weights(flow, optimizer):
        average = flow.trainable_variables[0].numpy()
    np.testing.assert_allclose(average, 0.05 * weights[0] + 0.95 * weights[1], atol=1e-6)


def test_is_traced_while_the_flow_is_initialized():
    """And neither changes the other."""
    alone, _, step = build(tiny())
    alone.initialize(images())
    flow, _, traced = build(tiny())
    with traced.trace_in_background(specs_of(batch_of(images())), control_flags=2):
        flow.initialize(images())
    for number in range(2):
        expected, figures = (s(batch_of(images()), tf.zeros(2)) for s in (step, traced))
        assert float(expected["bits_per_dim"]) == float(figures["bits_per_dim"]), number
    assert traced.__call__.experimental_get_tracing_count() == 1


def test_what_tracing_raises_is_raised():
    _, _, step = build(tiny(), backward_passes=3)
    with pytest.raises(ValueError, match="can't be parted"), step.trace_in_background(specs_of(batch_of(images()))):
        pass


def test_clipping_bounds_the_update():
    """SGD would show it directly; with Adam the slots do: m = (1 − β₁)·clipped gradient after one step."""
    config = tiny(**{"optimizer.clip_norm": 0.01})
    flow, optimizer, step = build(config)
    figures = step(batch_of(images()))
    assert figures["gradient_norm"] > 0.1
    momenta = [v.numpy() for v in optimizer.variables if v.path.endswith("momentum")]
    assert len(momenta) == len(flow.trainable_variables)
    norm = np.sqrt(sum(np.sum(m.astype(np.float64) ** 2) for m in momenta))
    np.testing.assert_allclose(norm, 0.1 * 0.01, rtol=1e-3)


def test_flips_belong_to_positions():
    _, _, step = build(tiny())
    pixels = images(64)
    whole = step.augment(batch_of(pixels))["image"].numpy()
    parts = [step.augment(batch_of(pixels[i : i + 16], i))["image"] for i in range(0, 64, 16)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    flipped = [np.array_equal(a, b[:, ::-1]) for a, b in zip(whole, pixels.numpy(), strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(whole, pixels.numpy(), strict=True)]
    assert all(f != k for f, k in zip(flipped, kept, strict=True)) and 16 < sum(flipped) < 48
    _, _, still = build(tiny(), flip=False)
    np.testing.assert_array_equal(still.augment(batch_of(pixels))["image"], pixels)


@pytest.mark.parametrize("passes", [1, 2])
def test_a_gathered_weight_is_trained(passes):
    """As an embedding of labels is: its gradient has rows for those alone that were used."""

    class Gathered(InvertibleShift):
        def affine(self):
            rows = tf.gather(self.log_alpha_unclipped.value, [0, 0, 1])
            return AffineMap(tf.exp(rows), tf.gather(self.beta.value, [0, 0, 1]))

    config = tiny(**{"optimizer.clip_norm": 0.01})
    flow = Flow(UniformDequantization(), Gathered(), StandardNormal(), (8, 8, 3))
    optimizer = build_optimizer(config.optimizer, config.train.ema_decay)
    optimizer.build(flow.trainable_variables)
    optimizer.reset()
    schedule = build_schedule(config.optimizer, config.train.images)
    options = {"seed": 0, "flip": False, "jit_compile": False, "backward_passes": passes}
    step = TrainingStep(flow, optimizer, schedule, tf.Variable(0, dtype=tf.int64), **options)
    step(batch_of(images()))
    np.testing.assert_array_equal(flow.bijector.beta.numpy() != 0, [True, True, False])


@pytest.mark.parametrize("passes", [1, 3] if FULL else [3])
def test_what_a_flow_makes_of_a_batch_is_its_condition(passes):
    """Labels stay with their images in every pass, and are trained where they occur."""
    flow, config, labels = labelled_flow(), tiny(**{"optimizer.clip_norm": 0.01}), np.arange(12, dtype=np.int32) % 3
    optimizer = build_optimizer(config.optimizer, config.train.ema_decay)
    optimizer.build(flow.trainable_variables)
    optimizer.reset()
    schedule = build_schedule(config.optimizer, config.train.images)
    options = {"seed": 3, "flip": True, "jit_compile": False, "backward_passes": passes}
    step = TrainingStep(flow, optimizer, schedule, tf.Variable(0, dtype=tf.int64), **options)
    batch, other = (batch_of(images(12), 5, label=given) for given in (labels, labels[::-1]))
    flipped = step.augment(batch)["image"]
    expected, found = (flow.bits_per_dim(flipped, 3, 5, condition=given) for given in (labels, labels[::-1]))
    assert np.abs(np.mean(expected) - np.mean(found)) > 1e-3
    log_scale = flow.bijector.layers[1].levels[1].layers[2].log_scale
    before = log_scale.numpy()
    assert float(step.differentiate_in_passes(other)[0]) == pytest.approx(float(np.mean(found)), rel=1e-5)
    with step.trace_in_background(specs_of(batch)):
        pass
    assert float(step(batch)["bits_per_dim"]) == pytest.approx(float(np.mean(expected)), rel=1e-5)
    assert step.__call__.experimental_get_tracing_count() == 1
    np.testing.assert_array_equal(np.any(log_scale.numpy() != before, axis=1), [True, True, True, False])


def test_a_condition_is_there_at_the_initialization():
    """Which it would fail without."""
    flow = labelled_flow()
    step = build_step(tiny(), flow)
    step.initialize(batch_of(images(), label=np.zeros(8, np.int32)))
    with pytest.raises(ValueError, match="needs a batch with labels"):
        step.initialize(batch_of(images()))


def test_compiles_as_a_whole():
    """XLA takes forward, backward and update, and gives the same step."""
    pixels = images()
    figures, weights = [], []
    for jit_compile in (False, True):
        flow, _, step = build(tiny(), jit_compile=jit_compile)
        flow.initialize(pixels)
        figures.append(step(batch_of(pixels)))
        weights.append([variable.numpy() for variable in flow.trainable_variables])
    np.testing.assert_allclose(figures[1]["bits_per_dim"], figures[0]["bits_per_dim"], rtol=1e-5)
    np.testing.assert_allclose(figures[1]["gradient_norm"], figures[0]["gradient_norm"], rtol=1e-3)
    for plain, compiled in zip(*weights, strict=True):
        np.testing.assert_allclose(compiled, plain, atol=2.1e-3)  # Adam: at most the learning rate apart each


def test_average_of_the_weights():
    """It starts with the first weights, and forgets faster than its decay, (1 + t) / (10 + t), while it is young."""
    flow, optimizer, step = build(tiny(**{"train.ema_decay": 0.5, "optimizer.learning_rate": 1e-2}))
    pixels = images()
    flow.initialize(pixels)
    history = []
    for i in range(3):
        step(batch_of(pixels, 8 * i))
        history.append([variable.numpy() for variable in flow.trainable_variables])
    first, second = 2 / 11, 3 / 12
    expected = [second * (first * a + (1 - first) * b) + (1 - second) * c for a, b, c in zip(*history, strict=True)]
    with ema_weights(flow, optimizer):
        for value, variable in zip(expected, flow.trainable_variables, strict=True):
            np.testing.assert_allclose(variable.numpy(), value, atol=1e-6)
    for value, variable in zip(history[-1], flow.trainable_variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_no_average_of_the_weights():
    flow, optimizer, step = build(tiny(**{"train.ema_decay": 0.0}))
    assert not any(variable.path.endswith("_average") for variable in optimizer.variables)
    pixels = images()
    flow.initialize(pixels)
    step(batch_of(pixels, 0))
    trained = [variable.numpy() for variable in flow.trainable_variables]
    with ema_weights(flow, optimizer):
        for value, variable in zip(trained, flow.trainable_variables, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.parametrize(
    ("schedule", "images_seen", "expected"),
    [
        ("constant", 0, 0.0),
        ("constant", 250, 0.5e-3),
        ("constant", 500, 1e-3),
        ("constant", 900, 1e-3),
        ("cosine", 250, 0.5e-3),
        ("cosine", 500, 1e-3),
        ("cosine", 750, 0.5e-3),
        ("cosine", 1000, 0.0),
    ],
)
def test_schedule_counts_images(schedule, images_seen, expected):
    fields = {"optimizer.schedule": schedule, "optimizer.warmup_images": 500, "train.images": 1000}
    config = tiny(**fields)
    rate = build_schedule(config.optimizer, config.train.images)(tf.constant(images_seen, tf.int64))
    np.testing.assert_allclose(rate, expected, atol=1e-9)


def test_learning_rate_reaches_the_optimizer():
    fields = {"optimizer.warmup_images": 80, "optimizer.learning_rate": 1e-3}
    _, optimizer, step = build(tiny(**fields))
    for i in range(1, 5):
        figures = step(batch_of(images()))
        np.testing.assert_allclose(figures["learning_rate"], 1e-3 * 8 * i / 80, rtol=1e-5)
        np.testing.assert_allclose(optimizer.learning_rate.numpy(), figures["learning_rate"])


def test_initialization_draws_what_a_flow_that_is_built_has():
    """Weights, what depends on data, and the optimizer's slots, whatever their memory held."""
    pixels, config = images(), tiny()
    ready = build_flow(config)
    ready.initialize(pixels, config.seed, 24)
    flow = build_flow(config, reset=False)
    step = build_step(config, flow, reset=False)
    slots = [variable for variable in step.optimizer.variables if len(variable.shape) > 0]
    for variable in (*slots, *flow.reset_weights(3)):
        variable.assign(np.full(variable.shape, 7).astype(variable.dtype))
    step.initialize(batch_of(pixels, 24))
    for found, expected in zip(flow.variables, ready.variables, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy(), err_msg=found.path)
    assert slots and not any(np.any(slot.numpy()) for slot in slots)


def test_the_same_config_gives_the_same_step():
    pixels, weights = images(), []
    for _ in range(2):
        tf.random.set_seed(17 + len(weights))  # which nothing draws from
        flow, _, step = build(tiny())
        flow.initialize(pixels)
        step(batch_of(pixels))
        weights.append([variable.numpy() for variable in flow.variables])
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


class Exchanges:
    """A stand-in for Horovod with two ranks that are alike; it remembers what is sent together."""

    Average = None

    def __init__(self):
        self.groups = []

    def size(self):
        return 2

    def grouped_allreduce(self, tensors, op):
        self.groups.append(tensors)
        return [tf.identity(tensor) for tensor in tensors]


def loops_before(tensors):
    """The loops in a graph that must have ended before all these tensors are there."""
    found, new = set(), [tensor.op for tensor in tensors]
    while new:
        operation = new.pop()
        if operation not in found:
            found.add(operation)
            new += [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
    return {operation.name for operation in found if operation.type.endswith("While")}


@pytest.mark.parametrize("backward", ["invert", "recompute", "store"])
def test_gradients_are_sent_while_others_are_computed(backward, monkeypatch):
    """Those of the last loop over depth need no other loop's backward pass; loss and flags go with the last ones."""
    config = tiny(**{"model.levels": 3, "model.backward": backward})
    flow, _, step = build(config)
    sent = Exchanges()
    monkeypatch.setattr(distributed.horovod, "hvd", sent)
    step.__call__.get_concrete_function(specs_of(batch_of(images())), tf.TensorSpec((2,), tf.float32))
    loops = [loops_before(group) for group in sent.groups]
    assert [len(each) for each in loops] == [3 + 1, 3 + 2, 3 + 3]
    assert loops[0] < loops[1] < loops[2]
    *gradients, scalars = [tensor for group in sent.groups for tensor in group]
    shapes = [tuple(variable.shape) for group in flow.variable_groups() for variable in group]
    assert [tuple(gradient.shape) for gradient in gradients] == shapes and scalars.shape == (3,)


@pytest.mark.parametrize("options", [{"backward_passes": 2}, {"jit_compile": True}], ids=str)
def test_gradients_that_come_at_once_are_sent_at_once(options, monkeypatch):
    flow, _, step = build(tiny(), **options)
    sent = Exchanges()
    monkeypatch.setattr(distributed.horovod, "hvd", sent)
    step.__call__.get_concrete_function(specs_of(batch_of(images())))
    assert [len(group) for group in sent.groups] == [len(flow.trainable_variables) + 1]


def test_what_is_sent_in_groups_comes_back_in_its_place(monkeypatch):
    pixels, weights = images(), []
    for horovod in (distributed.horovod.hvd, Exchanges()):
        monkeypatch.setattr(distributed.horovod, "hvd", horovod)
        flow, _, step = build(tiny())
        flow.initialize(pixels)
        step(batch_of(pixels))
        weights.append([variable.numpy() for variable in flow.trainable_variables])
    for alone, of_two in zip(*weights, strict=True):
        np.testing.assert_array_equal(of_two, alone)
