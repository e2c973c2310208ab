"""A stranger's file in a process of its own, seen from outside; `worker` is its inside."""

from __future__ import annotations

import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from tvbi_ref.school.checks.calling import Calls, one_line
from tvbi_ref.school.checks.wire import receive, send

WARDEN = (
    (sys.executable, "-I", "-S", str(Path(__file__).with_name("warden.py")))
    if sys.platform == "linux"
    else ()  # children that leave the process group live on there
)
PATIENCE = 10.0
"""Seconds that the warden has for ending what the file has started."""


class NoAnswerError(Exception):
    """The process has died, runs over its time, or answers nonsense."""


def as_calls(answer: Any) -> Calls:
    """Return what the process sent, if it has the form: the process is the file's, too.

    Examples
    --------
    >>> as_calls(("is not here", (), (), (), (), ())).error
    'is not here'
    """
    match answer:
        case (str(error), names, tuple(left), first, second, faults) if all(
            _all_of(str, texts) for texts in (names, faults)
        ) and all(_all_of(np.ndarray, arrays) for arrays in (first, second, *left)):
            return Calls(one_line(error), _lines(names), left, first, second, faults=_lines(faults))
    raise NoAnswerError("sent something that is no answer")


def _all_of(kind: type, entries: Any) -> bool:
    return isinstance(entries, tuple) and all(isinstance(entry, kind) for entry in entries)


def _lines(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(one_line, texts))


class Loaded:
    """A process that has the file loaded, and the line to it.

    A function that never returns, or takes the process with it, costs its own mark only: the
    next one gets a new process.

    Parameters
    ----------
    file : Path
    limit : float
        Seconds for loading it.

    Attributes
    ----------
    names : tuple of str
        What the file defines; nothing if it cannot be read.
    note : str
        Which cells of a notebook are left out.
    problem : str
        Why it cannot be called, "" if it can.
    """

    def __init__(self, file: Path, limit: float) -> None:
        self.file, self.limit, self._content = file, limit, file.read_bytes()
        self.names, self.note, self.problem = (), "", ""
        try:
            self._start()
        except NoAnswerError as error:
            self.problem = f"while it was loaded it {error}"

    def _start(self) -> None:
        # A new folder every time: the file may have removed the last one, or itself.
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        copy = Path(self._folder.name, self.file.name)
        copy.write_bytes(self._content)
        self._process = subprocess.Popen(
            [*WARDEN, sys.executable, "-m", "tvbi_ref.school.checks.worker", str(copy)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder.name,
            start_new_session=True,  # a process group, which ends as one
        )
        self._answers: queue.Queue[Any] = queue.Queue()
        # A thread waits for the answers, because a pipe cannot be read with a time limit on
        # every system.
        listener = threading.Thread(
            target=_listen, args=(self._process.stdout, self._answers), daemon=True
        )
        listener.start()
        deadline = time.monotonic() + self.limit
        self.names, note, problem = self._wait(deadline)  # it may end before it has run
        if not problem:
            match self._wait(deadline):
                case (str(problem), str(more)):
                    note = f"{note}\n{more}"
                case _:
                    problem = "sent something that is no answer"
        self.problem = one_line(problem)
        self.note = "\n".join(filter(None, map(one_line, note.splitlines())))

    def revive(self) -> None:
        """Start again if the process has been ended."""
        if self._process.poll() is not None:
            self.close()
            self._start()

    def ask(self, request: tuple[Any, ...], deadline: float) -> Any:
        """Return the answer to a request.

        Raises
        ------
        NoAnswerError
            If there is none before the deadline; the process is ended then.
        """
        assert self._process.stdin is not None
        token = secrets.token_hex(8)
        with suppress(OSError):  # if it has died, waiting for its answer says so
            send(self._process.stdin, (token, *request))
        match self._wait(deadline):
            case (str(echo), answer) if echo == token:
                return answer
        self.close()  # the file writes to the line itself
        raise NoAnswerError("sent something that is no answer")

    def _wait(self, deadline: float) -> Any:
        try:
            answer = self._answers.get(timeout=max(deadline - time.monotonic(), 0.0))
        except queue.Empty:
            self.close()
            raise NoAnswerError(f"took longer than {self.limit:g} s") from None
        if answer is None:
            self.close()
            raise NoAnswerError("ended the process without an answer")
        return answer

    def close(self) -> None:
        """End the process, with the children that the file has started."""
        if WARDEN:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):  # the file has stopped it
                self._process.wait(PATIENCE)
        elif hasattr(os, "killpg"):
            with suppress(OSError):  # there is none left
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()


def _listen(stream: IO[bytes], answers: queue.Queue[Any]) -> None:
    """Put every message into the queue, and None when the stream ends."""
    with stream:
        while True:
            try:
                answers.put(receive(stream))
            except (EOFError, ValueError, MemoryError):
                answers.put(None)
                return
