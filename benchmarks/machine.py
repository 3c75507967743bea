"""Description of the machine."""

import os
import platform
from importlib import metadata
from pathlib import Path

FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16")  # that decide how fast products are
PACKAGES = ("tensorflow-cpu", "tensorflow", "keras", "tensorflow-probability", "tf-keras", "horovod", "numpy")


def describe() -> dict:
    """Returns processor, cores, flags that matter, memory (bytes) and versions; peers add their own."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor("model name") or platform.processor(),
        "cores": os.cpu_count(),
        "threads": threads(),
        "flags": [flag for flag in FLAGS if flag in processor_flags()],
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load": os.getloadavg()[0],  # of the last minute; near 0 on a machine that is left alone
        "system": platform.platform(),
        "versions": versions,
    }


def line(machine: dict) -> str:
    """Returns one line of what `describe` returned, with a warning where the machine has other work."""
    flags = " ".join(machine["flags"]) or "no AVX2"
    gigabytes = machine["memory_bytes"] / 1e9
    busy = f"; others use it: load {machine['load']:.1f}" if machine["load"] > 0.5 else ""
    return f"{machine['processor']}, {machine['threads']} threads, {gigabytes:.0f} GB, {flags}{busy}"


def threads() -> int:
    """Returns the number of threads that each worker computes with: the cores this process may use."""
    return len(os.sched_getaffinity(0))


def processor_flags() -> set[str]:
    """Returns the instruction sets that the processor says it has."""
    return set(_processor("flags").split())


def multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for products of bfloat16; without them these are slower than float32."""
    return bool({"amx_bf16", "avx512_bf16"} & processor_flags())


def _processor(field: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == field), "")
