# flowconv on CPUs, and on NVIDIA GPUs.
#   docker build -t flowconv --target cpu .
#   docker build -t flowconv:gpu --target gpu .
#   docker run flowconv                                                   what train.py takes
#   docker run --shm-size=1g -v "$PWD/runs:/app/runs" flowconv horovodrun --gloo -np 2 python train.py --workdir=runs/photos
#   docker run --gpus=all --shm-size=1g --network=host -v "$PWD/runs:/app/runs" flowconv:gpu \
#       horovodrun --gloo -np 4 python train.py --config=configs/cifar10.py --workdir=runs/cifar10
ARG BASE=debian:bookworm-20250428-slim
ARG GPU_BASE=nvidia/cuda:12.5.1-devel-ubuntu22.04

FROM $BASE AS cpu-system
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        g++ libopenmpi-dev make openmpi-bin openssh-client openssh-server patch python3 python3-venv tini \
    && rm -rf /var/lib/apt/lists/*

# This image has nvcc, and NCCL with its header.
FROM $GPU_BASE AS gpu-system
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        g++ libopenmpi-dev make openmpi-bin openssh-client openssh-server patch \
        python3.11 python3.11-dev python3.11-venv tini \
    && rm -rf /var/lib/apt/lists/*
ENV DEVICE=gpu HOROVOD_CUDA_HOME=/usr/local/cuda

# What .venv is made of, before the rest: a changed source file builds nothing again.
FROM cpu-system AS cpu-installed
WORKDIR /app
COPY requirements.txt requirements-gpu.txt pyproject.toml setup.py ./
COPY scripts/install.sh scripts/
COPY patches patches/
COPY flowconv/__init__.py flowconv/
RUN mkdir configs && PIP_NO_CACHE_DIR=1 XDG_CACHE_HOME=/tmp/cache scripts/install.sh \
    && rm -rf /tmp/cache *.egg-info \
    && TF_CPP_MIN_LOG_LEVEL=2 .venv/bin/horovodrun --check-build

FROM gpu-system AS gpu-installed
WORKDIR /app
COPY requirements.txt requirements-gpu.txt pyproject.toml setup.py ./
COPY scripts/install.sh scripts/
COPY patches patches/
COPY flowconv/__init__.py flowconv/
RUN mkdir configs && PIP_NO_CACHE_DIR=1 XDG_CACHE_HOME=/tmp/cache scripts/install.sh \
    && rm -rf /tmp/cache *.egg-info \
    && TF_CPP_MIN_LOG_LEVEL=2 .venv/bin/horovodrun --check-build

FROM gpu-installed AS gpu
COPY . .
RUN useradd --create-home --uid 1000 flowconv && mkdir -p runs && chown flowconv: . runs
USER flowconv
ENV PATH=/app/.venv/bin:$PATH OMPI_MCA_btl_vader_single_copy_mechanism=none TF_CPP_MIN_LOG_LEVEL=2
ENTRYPOINT ["tini", "--"]
CMD ["python", "train.py", "--help"]

# The last one is what `docker build .` makes.
FROM cpu-installed AS cpu
COPY . .
RUN useradd --create-home --uid 1000 flowconv && mkdir -p runs && chown flowconv: . runs
USER flowconv
# Open MPI inside a container: no ptrace for its single-copy transport.
ENV PATH=/app/.venv/bin:$PATH OMPI_MCA_btl_vader_single_copy_mechanism=none TF_CPP_MIN_LOG_LEVEL=2
ENTRYPOINT ["tini", "--"]
CMD ["python", "train.py", "--help"]
