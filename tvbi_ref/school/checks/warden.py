"""The parent of the process that runs a stranger's file: when that ends, so does what it leaves.

A child that has left its process group (`setsid`, a daemon) cannot be ended with the group. On
Linux a process can ask that the orphans below it become its own children: this one does, and ends
them. `tvbi_ref.school.checks.process` starts it as a file, since it needs nothing of the package.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""From Linux' prctl.h: a signal at the parent's death, and to become the parent of orphans."""


def main(command: Sequence[str]) -> None:
    """Run a command, and end all below it when it has ended or when SIGTERM comes.

    Parameters
    ----------
    command : sequence of str
    """
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        worker = subprocess.Popen(
            command,
            start_new_session=True,  # what it does to its process group is not done to this one
            preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
        )
        os.closerange(0, 2)  # the pipes are the worker's: they end with it
        worker.wait()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_children()


def _end_children() -> None:
    """End the children of this process, then theirs, which become its own, until none is left."""
    with suppress(ChildProcessError):
        while True:
            for child in _children():
                with suppress(PermissionError):  # it has become another user's
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> Iterator[int]:
    """Yield the children of this process, the dead ones that nobody has waited for among them."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it is gone
            if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == os.getpid():
                yield int(entry.name)


if __name__ == "__main__":
    main(sys.argv[1:])
