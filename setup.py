"""Makes flowconv importable from anywhere. `make install` is how to set everything up."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).parent
lines = [line.split("#")[0].strip() for line in (here / "requirements.txt").read_text(encoding="utf-8").splitlines()]
pins = {line.split("==")[0]: line for line in lines if line}


class BuildWithConfigs(build_py):
    """A wheel holds the experiments, too, for the command `flowconv` (flowconv/__main__.py)."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "flowconv" / "configs"
            target.mkdir(parents=True, exist_ok=True)
            for file in here.glob("configs/*.py"):
                shutil.copy(file, target)


setup(
    name="flowconv",
    version=re.search('__version__ = "(.*)"', (here / "flowconv/__init__.py").read_text(encoding="utf-8"))[1],
    description="Normalizing flows with invertible n x n convolutions, on TensorFlow 2 and Horovod",
    license="MIT",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["flowconv", "flowconv.*"]),
    cmdclass={"build_py": BuildWithConfigs},
    entry_points={"console_scripts": ["flowconv = flowconv.__main__:main"]},
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
        "test": [pins[name] for name in ("hypothesis", "pytest", "pytest-xdist", "ruff")],
    },
)
