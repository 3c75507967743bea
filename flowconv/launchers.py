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


def several() -> tuple[str, int] | None:
    """Returns the variable that says that this process is one of several without a doubt, and of how many; or None.

    SLURM_NTASKS alone is a sign, and no proof: the script of a job, which is one process, has it, too.
    """
    own = os.environ.get("HOROVOD_SIZE", "")
    if own.isdigit():
        return ("HOROVOD_SIZE", int(own)) if int(own) > 1 else None
    found = started_with()
    return None if found and found[0] == "SLURM_NTASKS" else found
