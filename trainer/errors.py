"""Why work ends early, as the protocol's failure reasons. Knows exceptions and exit codes, not models or files."""

from __future__ import annotations

import errno

from trainer.protocol import FailureReason

EXIT_FAILED = 1
EXIT_STOPPED = 75  # EX_TEMPFAIL: run again to resume from the checkpoint


class UserError(Exception):
    """The recipe or the data cannot work; the message says how to fix it."""


class NonFiniteLoss(Exception):
    """The loss became NaN or infinite."""


class Stopped(Exception):
    """The process was asked to stop (SIGTERM); its progress is on disk."""


def reason_of(error: BaseException) -> FailureReason:
    """Return the failure reason of an exception."""
    if isinstance(error, UserError):
        return "user_error"
    if isinstance(error, NonFiniteLoss):
        return "nonfinite_loss"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk_full"
    # torch raises OutOfMemoryError on CUDA, but a plain RuntimeError with this text on the CPU.
    words = str(error).lower()
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return "oom" if named or "can't allocate memory" in words or "out of memory" in words else "crash"


def first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
