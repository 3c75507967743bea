"""Adds configs/ to the wheel, as flowconv/configs; pyproject.toml has everything else."""

from setuptools import find_packages, setup

packages = [*find_packages(include=["flowconv", "flowconv.*"]), "flowconv.configs"]
setup(packages=packages, package_dir={"flowconv.configs": "configs"})
