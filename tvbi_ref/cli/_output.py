"""A terminal, a pipe or a file that cannot take what is printed: the command goes on without it."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import Any


class Output:
    """A stream of text that never raises: what its encoding lacks is escaped, what fails is lost.

    Parameters
    ----------
    stream : file or None
        None is what Python has for one that was closed before it started.

    Attributes
    ----------
    error : OSError or None
        Why something was lost, unless the reader has just gone away, as `head` does.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = io.StringIO() if stream is None else stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write, and return how many characters came."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        shown = text.encode(encoding, "backslashreplace").decode(encoding)
        with self._losing():
            self.stream.write(shown)
        return len(text)

    def flush(self) -> None:
        """Flush."""
        with self._losing():
            self.stream.flush()

    @contextlib.contextmanager
    def _losing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.error = error
            # Or Python would try once more with what is left in the buffer, at its very end.
            with contextlib.suppress(OSError), open(os.devnull, "w") as nothing:
                os.dup2(nothing.fileno(), self.stream.fileno())
