#!/usr/bin/env bash
# Sets up .venv: the pinned packages, Horovod built against the TensorFlow among them and patched (SECURITY.md), flowconv
# in editable mode.
# `make install` calls it. Once done it only checks that nothing changed; stopped half way, it starts again.
#
#   PYTHON=/path/to/python3.12   which Python; without it .venv's own, then python3.11, python3.12, python3
#   DEVICE=cpu|gpu               which TensorFlow; without it .venv's own, then gpu where nvidia-smi sees one
#   HOROVOD_...                  Horovod's own build switches, such as HOROVOD_WITHOUT_MPI=1 or HOROVOD_NCCL_HOME
#   FORCE=1                      all of it again although nothing here changed (MPI or CUDA came since)
set -euo pipefail
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$(dirname "${BASH_SOURCE[0]}")/.."

horovod=0.28.1
patch=$PWD/patches/horovod-$horovod.patch
venv=$PWD/.venv
log=$venv/install.log

say() { printf 'install: %s\n' "$*"; }
die() {
    say "$*" >&2
    exit 1
}
has() { command -v "$1" >/dev/null; }
run() { # WHAT COMMAND...: the command with its output in the log; where it fails, the log's end and the way out
    local what=$1
    shift
    "$@" >>"$log" 2>&1 </dev/null && return
    grep -v '^WARNING: Location' "$log" | tail -n 20 >&2
    die "$what failed; the whole log is $log"
}

# --- What to install with, and for -------------------------------------------------------------------------------

base_python() { # PYTHON: the path and version of the interpreter, for a virtual environment's of the one beneath it
    "$1" -c 'import os, sys; print(os.path.realpath(sys._base_executable), "%d.%d" % sys.version_info[:2])' 2>/dev/null
}

find_python() { # sets python and version
    local candidate found=
    for candidate in "${PYTHON:-$(sed -n 's/^executable = //p' "$venv/pyvenv.cfg" 2>/dev/null)}" \
        python3.11 python3.12 python3; do
        if found=$(base_python "$candidate") && [[ $found == *' '3.1[12] ]]; then
            python=${found% *} version=${found##* }
            return
        fi
        [[ -z ${PYTHON:-} ]] || die "PYTHON=$PYTHON is ${found:+Python ${found##* }, }not Python 3.11 or 3.12"
    done
    die "no Python 3.11 or 3.12 here: apt-get install python3.11 python3.11-venv"
}

find_device() { # sets device
    device=${DEVICE:-$(cat "$venv/device" 2>/dev/null || true)}
    [[ -n $device ]] || if nvidia-smi -L >/dev/null 2>&1; then device=gpu; else device=cpu; fi
    [[ $device == [cg]pu ]] || die "DEVICE=$device is neither cpu nor gpu"
}

find_nccl() { # prints its header's path
    local place
    for place in "${HOROVOD_NCCL_INCLUDE:-}" "${HOROVOD_NCCL_HOME:-}/include" \
        "${HOROVOD_CUDA_HOME:-/usr/local/cuda}/include" /usr/include; do
        [[ ! -f $place/nccl.h ]] || echo "$place/nccl.h"
    done | head -n 1 | grep .
}

find_python
find_device
sources=(scripts/install.sh requirements.txt requirements-gpu.txt pyproject.toml setup.py "$patch")
stamp="$venv $python $version $device $(cat "${sources[@]}" | sha256sum)"
if [[ -z ${FORCE:-} && $(head -n 1 "$venv/complete" 2>/dev/null) == "$stamp" && -x $venv/bin/python ]]; then
    say "$(tail -n 1 "$venv/complete")"
    exit
fi

missing=()
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=("python$version-venv")
has "${CXX:-g++}" || missing+=(g++)
has make || missing+=(make)
has patch || missing+=(patch)
((!${#missing[@]})) || die "something is missing here: apt-get install ${missing[*]}"

libraries=(Gloo)
if [[ -z ${HOROVOD_WITHOUT_MPI:-} ]] && has mpicxx && has mpirun; then libraries+=(MPI); fi
if [[ $device == gpu && -z ${HOROVOD_WITHOUT_NCCL:-} ]]; then
    if has nvcc && find_nccl >/dev/null; then libraries+=(NCCL); else
        say "no nvcc or no nccl.h here: Horovod goes without NCCL, gradients through the CPU (libnccl-dev has nccl.h)"
    fi
fi
with() { [[ " ${libraries[*]} " == *" $1 "* ]]; }

# --- The packages ------------------------------------------------------------------------------------------------

# The caller's own Python and pip settings, and the flags of a make that called, are not for what is built below.
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_CONSTRAINT PIP_REQUIRE_VIRTUALENV
export PIP_USER=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_PROGRESS_BAR=off
MAKEFLAGS=-j$(nproc)
export MAKEFLAGS PATH=$venv/bin:$PATH

say "making .venv with Python $version ($python), for the $device"
rm -f "$venv/complete"
made=$("$python" -m venv --clear "$venv" 2>&1) || die "cannot make $venv: ${made##*$'\n'}"
echo "$device" >"$venv/device"

lock=$venv/requirements.txt
if [[ $device == gpu ]]; then
    { grep -v '^tensorflow-cpu==' requirements.txt && cat requirements-gpu.txt; } >"$lock"
else
    cp requirements.txt "$lock"
fi

# No build isolation: what has no wheel (promise, Horovod) is built by the pinned setuptools too. Compiling what is
# never imported takes longer than the rest of the installation: the check imports the rest, and Python keeps it compiled
# even where it is told not to, as in many containers; without, every process takes 8 s longer to import TensorFlow.
exactly=(pip install --no-deps --no-compile --no-build-isolation --use-pep517)
say "installing $(grep -c '^[a-z].*==' "$lock") packages"
grep -E '^(setuptools|wheel|packaging)==' "$lock" >"$venv/build.txt"
run "installing setuptools" pip install --no-deps --no-compile -r "$venv/build.txt"
run "installing the packages" "${exactly[@]}" -r "$lock"
run "installing flowconv" "${exactly[@]}" --no-index -e .

# --- Horovod -----------------------------------------------------------------------------------------------------

export HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1
if with MPI; then export HOROVOD_WITH_MPI=1; else export HOROVOD_WITHOUT_MPI=1; fi
if with NCCL; then export HOROVOD_GPU_OPERATIONS=${HOROVOD_GPU_OPERATIONS:-NCCL}; fi
export CXXFLAGS="-include cstdint ${CXXFLAGS:-}" # Gloo forgot the header; since GCC 13 no other brings it along

ingredients() { # all that a build of Horovod depends on
    python -c 'import platform, sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"), *platform.libc_ver())'
    grep -E '^(tensorflow|tensorflow-cpu|setuptools|cmake)==' "$lock"
    "${CXX:-g++}" --version
    if with MPI; then mpirun --version && { mpicxx -show || true; }; fi
    if with NCCL; then nvcc --version && sha256sum "$(find_nccl)"; fi
    env | grep -E '^(HOROVOD_|CC=|CXX=|CFLAGS=|CXXFLAGS=|LDFLAGS=)' | sort
}

check() { # imports everything, and asks Horovod for what it is to have, our patch too; prints what there is
    TF_CPP_MIN_LOG_LEVEL=3 python - "$device" "${libraries[@]}" <<'EOF'
import platform
import sys

import horovod
import horovod.runner.launch
import horovod.tensorflow as hvd
import keras
import matplotlib.pyplot
import tensorboard.summary
import tensorflow as tf
import tensorflow_datasets
from horovod.runner.common.util.secret import PATCHED_BY_FLOWCONV
from tensorflow_probability import bijectors, distributions

device, *wanted = sys.argv[1:]
built = {"Gloo": hvd.gloo_built(), "MPI": hvd.mpi_built(), "NCCL": hvd.nccl_built()}
missing = [name for name in wanted if not built[name]]
if missing:
    sys.exit(f"Horovod was built without {missing}")
print(f"ready: Python {platform.python_version()}, TensorFlow {tf.__version__} for the {device},", end=" ")
print(f"Horovod {horovod.__version__} with", ", ".join(name for name in built if built[name]))
EOF
}

try_wheel() { # WHEEL: installs Horovod from it, patches it, and notes what there is if it works
    "${exactly[@]}" --no-index --force-reinstall "$1" \
        && patch --batch --fuzz=0 -p1 -d "$(python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" <"$patch" \
        && check >"$venv/ready"
}

# A second clone takes the wheel that the first one built, if every ingredient is the same.
kept=${XDG_CACHE_HOME:-${HOME:-$venv}/.cache}/flowconv/horovod-$horovod-$(ingredients 2>>"$log" | sha256sum | cut -c 1-16)
wheel=$(compgen -G "$kept/*.whl" | head -n 1 || true)
if [[ -n $wheel ]] && try_wheel "$wheel" >>"$log" 2>&1 </dev/null; then
    say "took Horovod $horovod as built before, from $kept"
else
    say "building Horovod $horovod for ${libraries[*]} (some minutes)"
    run "building Horovod" pip wheel --no-deps --no-build-isolation --use-pep517 --no-cache-dir --no-binary horovod \
        --wheel-dir "$venv/wheel" "horovod==$horovod"
    wheel=$(compgen -G "$venv/wheel/*.whl")
    run "checking Horovod" try_wheel "$wheel"
    # Whole or not at all; and a cache that cannot be written is no reason to stop.
    { mkdir -p "$kept" && mv "$wheel" "$kept/.$$" && mv "$kept/.$$" "$kept/${wheel##*/}"; } 2>>"$log" || true
    rm -rf "$venv/wheel"
fi

{ echo "$stamp" && cat "$venv/ready"; } >"$venv/complete.new"
mv "$venv/complete.new" "$venv/complete"
say "$(tail -n 1 "$venv/complete")"
