"""Launchers that start several processes, by what they leave in the environment."""

import os

LAUNCHERS = {  # variables that tell the number of processes; the second one is there in each of them alone
    "OMPI_COMM_WORLD_SIZE": None,
    "PMI_SIZE": None,
    "PMIX_SIZE": None,
    "MV2_COMM_WORLD_SIZE": None,
    "SLURM_STEP_NUM_TASKS": "SLURM_PROCID",
    "SLURM_NTASKS": "SLURM_PROCID",
}


def started_with() -> tuple[str, int] | None:
    """Returns the variable that says that this process is one of several, and of how many; None if none does."""
    for name, rank in LAUNCHERS.items():
        number = os.environ.get(name, "")
        if number.isdigit() and int(number) > 1 and (rank is None or rank in os.environ):
            return name, int(number)
    return None
