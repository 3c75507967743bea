"""The GPU of each worker; a stand-in, where there is none."""

import pytest
import tensorflow as tf

from flowconv.distributed import devices


@pytest.fixture
def told(monkeypatch):
    """The settings that TensorFlow is given for its two GPUs."""
    told = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["first", "second"])
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda device, kind: told.append(device))
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda device, grows: told.append(grows))
    return told


def test_each_worker_of_a_machine_has_its_own(told):
    devices.configure(1, 2)
    assert told == ["second", True]


@pytest.mark.parametrize("function", ["set_visible_devices", "experimental.set_memory_growth"])
def test_in_a_program_that_has_computed_the_devices_stay(function, told, monkeypatch):
    """Of several workers, who would share one, that is an error."""

    def refuse(*_):
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(f"tensorflow.config.{function}", refuse)
    devices.configure(0, 1)
    with pytest.raises(RuntimeError, match="cannot be modified"):
        devices.configure(1, 2)
