"""TensorFlow Probability, also where tf-keras is missing.

TFP's own layers, networks and optimizers are made of Keras 2, so that importing any of TFP needs tf-keras. That one
asks for `tensorflow` by name, and pip would install it beside tensorflow-cpu. Bijectors and distributions need none of
it.
"""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

KERAS_OF_TFP = "tensorflow_probability.python.internal.tf_keras"
LINE = "this part of TensorFlow Probability needs tf-keras: pip install --no-deps 'tf-keras>=2.18,<2.19'"


class Missing:
    """A class of Keras 2 that is missing: the base of TFP's classes that derive from it.

    Raises:
      ImportError: when an object of such a class is made.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        raise ImportError(LINE, name="tf_keras")


class StandIn(ModuleType):
    """A stand-in for tf-keras and whatever is looked up in it, so that classes can be defined and registered."""

    def __getattr__(self, name: str) -> "StandIn":
        if name.startswith("__") and name != "__internal__":  # what Python asks a module for
            raise AttributeError(name)
        return StandIn(f"{self.__name__}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> "StandIn":
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        """Registers nothing."""

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (Missing,)

    def __instancecheck__(self, instance: Any) -> bool:
        return False


def load() -> ModuleType:
    """Returns TensorFlow Probability: all of it with tf-keras, bijectors, distributions and the like without."""
    if "tensorflow_probability" in sys.modules or importlib.util.find_spec("tf_keras") is not None:
        return importlib.import_module("tensorflow_probability")
    stand_in = StandIn("tf_keras")
    sys.modules |= {"tf_keras": stand_in, KERAS_OF_TFP: stand_in}
    try:
        tfp = importlib.import_module("tensorflow_probability")
        for name in dir(tfp):  # parts that are imported when they are used, and look for tf_keras then
            dir(getattr(tfp, name))
    finally:
        del sys.modules["tf_keras"]  # that nobody else takes it for the real one
    return tfp


tfp = load()
tfb = tfp.bijectors
tfd = tfp.distributions
