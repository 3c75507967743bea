#!/usr/bin/env bash
# A run on SLURM: one machine with four GPUs by default, and again from its checkpoint whenever it is taken away.
#
#   sbatch scripts/slurm.sh --config=configs/imagenet64.py --workdir=/shared/runs/imagenet64
#   sbatch --nodes=2 --gpus-per-node=8 --ntasks-per-node=8 scripts/slurm.sh --config=…    (Horovod built with MPI)
#
# The workdir must lie where all machines see it. SLURM sends SIGTERM two minutes before the time is up, and at once when
# it takes the machine for another job: the run writes its checkpoint, and the job is put into the queue again.
#SBATCH --job-name=flowconv
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=flowconv-%j.log
set -uo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
export PATH=$PWD/.venv/bin:$PATH TF_CPP_MIN_LOG_LEVEL=2

interrupted=
again() { # the signal goes on to all ranks, which finish their step and write a checkpoint
    interrupted=yes
    kill -TERM "$job"
}
trap again TERM

ranks=${SLURM_NTASKS:-4}
if [[ ${SLURM_NNODES:-1} -gt 1 ]]; then
    srun --kill-on-bad-exit=1 --mpi=pmix python train.py "$@" &
else
    horovodrun -np "$ranks" --gloo python train.py "$@" &
fi
job=$!
wait "$job"
status=$?
if [[ $interrupted ]]; then
    wait "$job" # the first wait ended with the signal
    scontrol requeue "$SLURM_JOB_ID"
    exit 0
fi
exit "$status"
