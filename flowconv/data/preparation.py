"""Getting a builder's records onto this machine: downloading, or cutting and reading images."""

import contextlib
import io
import sys

import requests
import tensorflow_datasets as tfds

from flowconv.data.builders import OWN, full_name, is_prepared
from flowconv.errors import UserError

PROBE_SECONDS = 5.0


def check_obtainable(builder: tfds.core.DatasetBuilder) -> None:
    """Raises UserError, within seconds and leaving nothing behind, if the data are not there nor can be had."""
    if is_prepared(builder) or builder.name in OWN:
        return
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        manual = builder.data_dir_root / "downloads" / "manual"
        if not manual.exists() or not any(manual.iterdir()):
            raise UserError(_missing(builder, f"to be downloaded by hand into {manual}, see {builder.info.homepage}"))
        return
    urls = [url for url in builder.url_infos or () if url.startswith("http")]
    if not urls:
        return
    # tfds itself tries for minutes, with a warning for each attempt, before it gives up.
    try:
        with requests.get(urls[0], stream=True, timeout=PROBE_SECONDS) as response:
            response.raise_for_status()
    except requests.HTTPError as error:
        raise UserError(_missing(builder, f"{urls[0]} answers {error.response.status_code}")) from error
    except requests.RequestException as error:
        raise UserError(_missing(builder, f"{urls[0]} can't be reached")) from error


def prepare(builder: tfds.core.DatasetBuilder) -> None:
    """Downloads and prepares the builder's records unless they are there; several processes may do so at once.

    Raises UserError if that can't be done.
    """
    check_obtainable(builder)
    if not is_prepared(builder):
        tfds.display_progress_bar(sys.stderr.isatty() and builder.name not in OWN)
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # tfds announces itself there
                builder.download_and_prepare()
        except UserError:
            raise
        except Exception as error:  # tfds passes on whatever its builders raise
            if not is_prepared(builder):  # nobody else has been faster
                raise UserError(_failure(builder, error)) from error


def _missing(builder: tfds.core.DatasetBuilder, reason: str) -> str:
    name = full_name(builder)
    if builder.name == "downsampled_imagenet":
        advice = "its host distributes it no more: copy prepared data from elsewhere and give their --config.data.dir"
    else:
        advice = f"run `tfds build {name}` where that works and give its data directory as --config.data.dir"
    return f"--config.data.name={name}: not in {builder.data_path}, and {reason}; {advice}"


def _failure(builder: tfds.core.DatasetBuilder, error: Exception) -> str:
    flag = "cache_dir" if builder.name in OWN else "dir"
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"--config.data.{flag}: {full_name(builder)} can't be prepared in {builder.data_path}: {reason}"
