"""Writing files so that a broken run leaves neither half of one nor anything beside it."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".tvbi_ref-{}.tmp"
"""What a file is called for the moment before it gets its name, the braces a random text."""


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name only when it is whole.

    It is written beside its destination and renamed at the end; if anything goes wrong before
    that, what was there before is still there. Links are followed, a file that is there keeps its
    mode, a new one has what umask leaves. What is no regular file, a pipe or a device, is written
    into.

    Parameters
    ----------
    path : path-like
        Missing folders are made.

    Raises
    ------
    OSError
        If the folder or the file cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(f"{folder}/new/a.txt") as file:
    ...         _ = file.write(b"whole")
    ...     Path(f"{folder}/new/a.txt").read_bytes()
    b'whole'
    """
    old = _status(path)
    stream = None if old is None else _stream(old)
    opened: AbstractContextManager[BinaryIO]
    if stream is not None:
        print(end="", flush=True)  # what was printed comes first
        opened = os.fdopen(os.dup(stream), "wb")
    elif old is not None and not stat.S_ISREG(old.st_mode):
        opened = open(path, "wb")  # noqa: SIM115
    else:
        opened = _replacement(Path(os.path.realpath(path)), old)
    with opened as file:
        yield file


def _status(path: str | os.PathLike[str]) -> os.stat_result | None:
    """Return what is known of a file, or of what a link leads to; None if there is none."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _stream(status: os.stat_result) -> int | None:
    """Return which of our own output streams a file is (/dev/stdout), None if it is neither."""
    for handle in (1, 2):
        with contextlib.suppress(OSError):  # closed
            if os.path.samestat(status, os.fstat(handle)):
                return handle
    return None


@contextmanager
def _replacement(destination: Path, old: os.stat_result | None) -> Iterator[BinaryIO]:
    """Open a new file that takes the destination's place at the end."""
    if old:
        open(destination, "r+b").close()  # what may not be changed may not be replaced
    destination.parent.mkdir(parents=True, exist_ok=True)
    _clear(destination.parent)
    temporary = destination.with_name(TEMPORARY.format(secrets.token_hex(4)))
    try:
        handle, named = _create(temporary)
        with os.fdopen(handle, "wb") as file:
            with contextlib.suppress(OSError):  # not every file system can
                _lock(handle)
            yield file
            file.flush()
            if old:
                _make_alike(temporary if named else handle, old)
            os.fsync(handle)
            if not named:
                # A folder as an argument, or Python does not follow the link.
                os.link(f"/proc/self/fd/{handle}", temporary, src_dir_fd=handle)
        os.replace(temporary, destination)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _create(temporary: Path) -> tuple[int, bool]:
    """Open a new file and return whether it has its name: without one, a kill leaves nothing."""
    if hasattr(os, "O_TMPFILE") and os.path.exists("/proc/self/fd"):
        with contextlib.suppress(OSError):  # not every file system can
            return os.open(temporary.parent, os.O_TMPFILE | os.O_WRONLY, 0o666), False
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    return os.open(temporary, flags, 0o666), True


def _lock(handle: int) -> None:
    """Hold a file for as long as this process lives, or raise an OSError if another holds it."""
    if os.name == "posix":  # elsewhere whoever has a file open holds it
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _make_alike(file: Path | int, old: os.stat_result) -> None:
    """Give a file the owner, if we may, and the mode of another."""
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):
            os.chown(file, old.st_uid, old.st_gid)
    os.chmod(file, stat.S_IMODE(old.st_mode))


def _clear(folder: Path) -> None:
    """Remove what killed runs have left: files that had their names, or just got them."""
    for left in folder.glob(TEMPORARY.format("*")):
        with contextlib.suppress(OSError):  # its process is alive, or another has removed it
            with open(left, "rb") as file:
                _lock(file.fileno())
            left.unlink()
