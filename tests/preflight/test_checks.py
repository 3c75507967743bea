"""Checks before a run."""

from types import SimpleNamespace

import pytest

from flowconv import preflight
from flowconv.config import default_config
from flowconv.workdir import Workdir

LAUNCHERS = [
    {"OMPI_COMM_WORLD_SIZE": "4"},
    {"PMI_SIZE": "4"},
    {"PMIX_SIZE": "4"},
    {"SLURM_NTASKS": "4", "SLURM_PROCID": "3"},
    {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0"},
]


SINGLE = [{}, {"OMPI_COMM_WORLD_SIZE": "1"}, {"SLURM_NTASKS": "4"}, {"OMPI_COMM_WORLD_SIZE": "4", "HOROVOD_RANK": "0"}]


@pytest.mark.parametrize(("variables", "refused"), [(v, True) for v in LAUNCHERS] + [(v, False) for v in SINGLE])
def test_processes_that_horovod_does_not_see_are_refused(tmp_path, monkeypatch, variables, refused):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (row,) = (row for row in preflight.run_checks(default_config(), Workdir(tmp_path)) if row.name == "exchange")
    assert row.failed == refused
    if refused:
        assert "started 4 processes" in row.message and "horovodrun --gloo -np 4" in row.message


def test_a_disk_with_room_for_nothing_is_told(tmp_path, monkeypatch):
    config = default_config()
    config.model.width = 1
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(total=2**31, free=64 * 1024))
    (row,) = (row for row in preflight.run_checks(config, Workdir(tmp_path)) if row.name == "disk")
    assert row.failed and "free some space" in row.message


@pytest.mark.parametrize(("coupling", "way"), [("affine", "invert"), ("mixture", "recompute")])
def test_the_way_back_through_depth_is_shown(tmp_path, coupling, way):
    config = default_config()
    config.model.width, config.model.coupling = 1, coupling
    (row,) = (row for row in preflight.run_checks(config, Workdir(tmp_path)) if row.name == "config")
    assert f"; backward={way}; " in row.message


def test_inverting_is_no_cure_where_it_is_refused(tmp_path):
    config = default_config()
    config.model.width, config.model.coupling, config.train.batch_size = 512, "mixture", 10**9
    (row,) = (row for row in preflight.run_checks(config, Workdir(tmp_path)) if row.name == "memory")
    assert row.failed and " with model.backward=recompute takes " in row.message
    assert row.message.endswith(": take a smaller batch")
