"""Where ``tvbi-ref`` and ``python -m tvbi_ref`` begin, before what takes time to import."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what batch systems send."""


def main() -> int:
    """Run the command line, which both of `STOPS` end in the same way.

    Examples
    --------
    >>> main()  # doctest: +SKIP
    """
    stops = [stop for stop in STOPS if signal.getsignal(stop) is not signal.SIG_IGN]
    for stop in stops:
        signal.signal(stop, _leave)
    from tvbi_ref.cli import main as command_line

    for stop in stops:
        signal.signal(stop, signal.default_int_handler)
    return command_line()


def _leave(stop: int, frame: FrameType | None) -> None:
    """End the process at once: nothing has been begun, and an import would show a traceback."""
    os.write(2, b"tvbi-ref: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
