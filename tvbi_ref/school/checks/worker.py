"""The process that runs a stranger's file: it calls functions and reports, and judges nothing.

Started by `tvbi_ref.school.checks.process`. The file's prints go nowhere, and it cannot import this
package: what it is to compute it must compute itself. That is a guard against accidents
and shortcuts, not a prison; run files that you do not trust in a container.
"""

from __future__ import annotations

import builtins
import difflib
import importlib.abc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from tvbi_ref.school.checks.calling import Calls, describe, two_calls
from tvbi_ref.school.checks.source import LEFT_OUT, source_of
from tvbi_ref.school.checks.wire import receive, send

MEMORY = 4 * 2**30
"""Bytes; a function that asks for more gets a MemoryError, where the system can say so."""


class RefusePackage(importlib.abc.MetaPathFinder):
    """An import hook that refuses tvbi_ref.

    Examples
    --------
    >>> RefusePackage().find_spec("tvbi_ref.module_a", None)
    Traceback (most recent call last):
    ImportError: tvbi_ref may not be imported here: the file must compute everything itself...
    """

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """Raise for this package, leave all others to the finders that follow."""
        if fullname.split(".")[0] == "tvbi_ref":
            raise ImportError(
                "tvbi_ref may not be imported here: the file must compute everything itself (its "
                "own checks can stand under `if __name__ == '__main__'`)"
            )


def main(path: str) -> None:
    """Read the file, load it, and answer calls (function's name, arguments) until the pipe closes.

    Parameters
    ----------
    path : str
    """
    requests, answers = _private_streams()
    _limit_memory()
    _hide_package()
    vars(builtins)["get_ipython"] = Shell
    try:
        source = source_of(Path(path))
        code, names = compile(source.text, path, "exec", dont_inherit=True), source.names
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        send(answers, ((), "", describe(error)))
        return
    send(answers, (names, source.note, ""))  # before it can do anything
    module = ModuleType("submission")
    module.__file__ = path
    sys.modules[module.__name__] = module  # where its dataclasses look for it
    functions, problem = vars(module), ""
    try:
        exec(code, functions)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        problem = describe(error)
    send(answers, (problem, _left_out(functions)))
    while True:
        try:
            token, name, arguments = receive(requests)
        except EOFError:
            return
        send(answers, (token, _calls(functions, name, arguments)))


def _left_out(functions: dict[str, Any]) -> str:
    """Say of each cell of a notebook what failed in it first."""
    try:
        first = dict(reversed(functions.get(LEFT_OUT, [])))
        return "\n".join(f"cell {k} is left out: {describe(first[k])}" for k in sorted(first))
    except Exception:  # the file has written something else there
        return ""


class Shell:
    """What `get_ipython()` returns in a script that was a notebook: it does nothing.

    Examples
    --------
    >>> Shell().run_line_magic("matplotlib", "inline")
    """

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: None


def _calls(functions: dict[str, Any], name: str, arguments: tuple[Any, ...]) -> Calls:
    if callable(functions.get(name)):
        return two_calls(functions[name], arguments)
    if name in functions:  # a line further down may have given the name to something else
        return Calls(f"is no function in the end, but of type {type(functions[name]).__name__}")
    near = difflib.get_close_matches(name, filter(_is_text, functions), n=1)
    return Calls("; it has ".join(["is not defined in the file", *near]))


def _is_text(name: Any) -> bool:
    return isinstance(name, str)  # a file may write anything into its globals()


def _private_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Return the pipes to the grader, and leave the file an empty input and a mute output."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    mute = os.open(os.devnull, os.O_RDWR)
    os.dup2(mute, 0)
    os.dup2(mute, 1)
    return requests, answers


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on this system
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _hide_package() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "tvbi_ref"]:
        del sys.modules[name]
    sys.meta_path.insert(0, RefusePackage())


if __name__ == "__main__":
    main(sys.argv[1])
