"""Getting a builder's records onto this machine: downloading, or cutting and reading images."""

import contextlib
import io
import sys

import requests
import tensorflow_datasets as tfds

from flowconv.data.dataset import Dataset
from flowconv.errors import UserError

PROBE_SECONDS = 5.0


def check_obtainable(dataset: Dataset) -> None:
    """Raises UserError, within seconds and leaving nothing behind, if the data are not there nor can be had."""
    if dataset.is_prepared or dataset.is_ours():
        return
    builder = dataset.builder
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        manual = builder.data_dir_root / "downloads" / "manual"
        if not manual.exists() or not any(manual.iterdir()):
            raise UserError(_missing(dataset, f"to be downloaded by hand into {manual}, see {builder.info.homepage}"))
        return
    urls = [url for url in builder.url_infos or () if url.startswith("http")]
    if not urls:
        return
    # tfds itself tries for minutes, with a warning for each attempt, before it gives up.
    try:
        with requests.get(urls[0], stream=True, timeout=PROBE_SECONDS) as response:
            if not response.ok:
                raise UserError(_missing(dataset, f"{urls[0]} answers {response.status_code}"))
    except requests.RequestException as error:
        raise UserError(_missing(dataset, f"{urls[0]} can't be reached")) from error


def prepare(dataset: Dataset) -> None:
    """Downloads and prepares the data set's records unless they are there; several processes may do so at once.

    Raises UserError if that can't be done.
    """
    check_obtainable(dataset)
    if not dataset.is_prepared:
        tfds.display_progress_bar(sys.stderr.isatty() and not dataset.is_ours())
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # tfds announces itself there
                dataset.builder.download_and_prepare()
        except UserError:
            raise
        except Exception as error:  # tfds passes on whatever its builders raise
            if not dataset.is_prepared:  # nobody else has been faster
                raise UserError(_failure(dataset, error)) from error


def _missing(dataset: Dataset, reason: str) -> str:
    name = dataset.full_name
    # Not by `tfds build`: the command of tensorflow_datasets needs Apache Beam for whatever it does.
    command = f"""python -c "import tensorflow_datasets as tfds; tfds.load('{name}', data_dir='DIR')\""""
    usual = f"run `{command}` where that works, and give --config.data.dir=DIR"
    return f"--config.data.name={name}: not in {dataset.builder.data_path}, and {reason}; {dataset.advice or usual}"


def _failure(dataset: Dataset, error: Exception) -> str:
    flag = "cache_dir" if dataset.is_ours() else "dir"
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"--config.data.{flag}: {dataset.full_name} can't be prepared in {dataset.builder.data_path}: {reason}"
