"""The memory that a scheduler leaves to a process."""

import pytest

from flowconv.preflight.cgroups import memory_limit

GROUPS = {
    "version 2": ("0::/job/step\n", "job/step/memory.max"),
    "version 2, around": ("0::/job/step\n", "job/memory.max"),
    "version 2, in a container": ("0::/\n", "memory.max"),
    "version 1": ("4:cpu:/x\n9:memory:/slurm/job\n0::/x\n", "memory/slurm/job/memory.limit_in_bytes"),
    "version 1, around": ("9:memory:/slurm/job\n", "memory/slurm/memory.limit_in_bytes"),
    "version 1, in a container": ("9:memory:/docker/of/host\n", "memory/memory.limit_in_bytes"),
}


@pytest.mark.parametrize("kind", GROUPS)
def test_the_limit_of_a_scheduler_is_found(tmp_path, kind):
    groups, file = GROUPS[kind]
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    path = tmp_path / "sys/fs/cgroup" / file
    path.parent.mkdir(parents=True)
    path.write_text("max\n")
    assert memory_limit(tmp_path) == float("inf")
    path.write_text("12345\n")
    assert memory_limit(tmp_path) == 12345
