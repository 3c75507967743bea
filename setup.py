"""Makes flowconv importable from anywhere. `make install` is how to set everything up."""

from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
lines = [line.split("#")[0].strip() for line in (here / "requirements.txt").read_text().splitlines()]
pins = {line.split("==")[0]: line for line in lines if line}

setup(
    name="flowconv",
    version="0.1.0",
    description="Normalizing flows with invertible n x n convolutions, on TensorFlow 2 and Horovod",
    license="MIT",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["flowconv", "flowconv.*"]),
    install_requires=[
        pins[name]
        for name in (
            "absl-py",
            "importlib-resources",
            "keras",
            "matplotlib",
            "ml-collections",
            "numpy",
            "pillow",
            "psutil",
            "scikit-image",
            "setuptools",
            "tensorboard",
            "tensorflow-datasets",
            "tensorflow-metadata",
            "tensorflow-probability",
            "tqdm",
        )
    ],
    # TensorFlow is the user's choice. tf-keras asks for `tensorflow` by name: beside tensorflow-cpu pip would install
    # both, so the lock takes it with --no-deps and the cpu extra leaves it to be added the same way. Horovod builds
    # against an installed TensorFlow and can therefore be no dependency at all.
    extras_require={
        "cpu": [pins["tensorflow-cpu"]],
        "gpu": [pins["tensorflow-cpu"].replace("-cpu", "[and-cuda]"), pins["tf-keras"]],
    },
)
