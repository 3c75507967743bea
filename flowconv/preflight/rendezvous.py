"""Through which interface the ranks of a job meet, and whether strangers can take part (SECURITY.md)."""

import os

from flowconv import distributed
from flowconv.distributed import elastic
from flowconv.errors import UserError

PATCH = "patches/horovod-0.28.1.patch"
LACKING = f"{PATCH} is not applied"


def check() -> str:
    """Returns where the ranks meet, and who can speak to Horovod's launcher there.

    Raises:
      UserError: in an elastic job whose driver reads pickles from anybody.
    """
    address = os.environ.get("HOROVOD_GLOO_RENDEZVOUS_ADDR")
    if address is None:
        if distributed.is_missing():
            return "none"
        guard = "closed to strangers" if distributed.launcher_is_patched() else f"open to strangers, since {LACKING}"
        return f"not started by horovodrun, which would be {guard}"
    host, _, token = address.partition("/")
    if not token and elastic.is_elastic():
        raise UserError(
            f"horovodrun's elastic driver would run what strangers send it: apply {PATCH} to Horovod, as "
            "`make install` does (SECURITY.md)"
        )
    guard = "the job's own processes alone can use it" if token else f"anybody can use it, since {LACKING}"
    return f"horovodrun at {host} ({os.environ.get('HOROVOD_GLOO_IFACE')}), {guard}"


def announcement() -> str | None:
    """Returns what is said when a job starts: where an elastic one listens all the time, or that strangers can too."""
    address = os.environ.get("HOROVOD_GLOO_RENDEZVOUS_ADDR", "/")
    if "/" not in address:
        return f"warning: {check()} (SECURITY.md)"
    return f"workers join through {check()}" if elastic.is_elastic() else None
