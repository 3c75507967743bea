# flowconv on CPUs.
#   docker build -t flowconv .
#   docker run flowconv                                                   what train.py takes
#   docker run --shm-size=1g -v "$PWD/runs:/app/runs" flowconv horovodrun -np 2 python train.py --workdir=runs/photos
ARG BASE=debian:bookworm-slim
FROM $BASE

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        g++ libopenmpi-dev make openmpi-bin openssh-client python3 python3-venv tini \
    && rm -rf /var/lib/apt/lists/*

# What .venv is made of, before the rest: a changed source file builds nothing again.
WORKDIR /app
COPY requirements.txt requirements-gpu.txt setup.py ./
COPY scripts/install.sh scripts/
COPY flowconv/__init__.py flowconv/
RUN PIP_NO_CACHE_DIR=1 XDG_CACHE_HOME=/tmp/cache scripts/install.sh \
    && rm -rf /tmp/cache *.egg-info

COPY . .
RUN useradd --create-home flowconv && mkdir -p runs && chown flowconv: . runs
USER flowconv

# Open MPI inside a container: no ptrace for its single-copy transport.
ENV PATH=/app/.venv/bin:$PATH \
    OMPI_MCA_btl_vader_single_copy_mechanism=none \
    TF_CPP_MIN_LOG_LEVEL=2
ENTRYPOINT ["tini", "--"]
CMD ["python", "train.py", "--help"]
