"""Files that would end a batch of grading, or spoil the marks of others: 40 kinds.

`python tests/school/checks/hostile.py` grades all of them in one batch; the tests take some.
"""

import json
import sys
import tempfile
from pathlib import Path

import nbformat

RIGHT = """
def update_support(prior_log_odds, evidence):
    return prior_log_odds + evidence
"""
LONG_SUM = "x = " + "+".join(["1"] * 20_000) + "\n" + RIGHT


def in_function(body):
    return f"import os, signal, sys, time\ndef update_support(a, b):\n    {body}\n"


SPOILERS = {
    "removes_its_folder": "import os, shutil\nshutil.rmtree(os.getcwd())\n" + RIGHT,
    "removes_it_and_dies": """
import os, shutil
def update_support(a, b):
    shutil.rmtree(os.getcwd())
    os._exit(0)
def cavity(h, l, m):
    return h + l + m.sum(axis=0)
""",
    "locks_its_folder": "import os\nos.chmod(os.getcwd(), 0)\n" + RIGHT,
    "is_a_long_sum": LONG_SUM,
    "is_a_long_sum_in_a_notebook": LONG_SUM,
    "is_a_run_of_minus_signs": "x = " + "-" * 100_000 + "1\n" + RIGHT,
    "is_deep": "(" * 5000 + ")" * 5000,
    "has_a_null": "x = 1\0\n" + RIGHT,
    "ends_its_group": "import os, signal\nos.kill(0, signal.SIGKILL)\n" + RIGHT,
    "ends_its_group_when_called": in_function("os.kill(0, signal.SIGKILL)"),
    "returns_what_is_no_number": """
import numpy as np
def update_support(a, b):
    return np.broadcast_to(0.0, (10**9, 10**9))
def cavity(h, l, m):
    return np.array(["x"]), np.zeros(2, [("a", object)])
""",
    "paints": in_function("raise ValueError('\\x1b[2K\\x9b1A  pass')"),
    "paints_as_a_syntax": "x = '\x1b[2K'; def\n" + RIGHT,
    "painted\x1b[2K\x07": "nothing = 1\n",
    "=1+1": RIGHT.replace("+", "-"),
    "lets_nothing_be_written": """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
"""
    + RIGHT,
}
"""By name those of the tests."""

MORE = {
    "ends_its_parent": "import os\nos.kill(os.getppid(), 9)\n" + RIGHT,
    "is_a_segmentation_fault": in_function("import ctypes; ctypes.string_at(0)"),
    "aborts": in_function("os.abort()"),
    "becomes_another_program": in_function("os.execv('/bin/true', ['true'])"),
    "recurses": in_function("return update_support(a, b)"),
    "recurses_without_a_limit": in_function(
        "sys.setrecursionlimit(10**9); return update_support(a, b)"
    ),
    "prints_a_lot": in_function("print('x' * 10**7); os.write(2, b'y' * 10**7); return a - b"),
    "says_a_lot": in_function("raise ValueError('z' * 10**7)"),
    "has_no_builtins": "import builtins\nvars(builtins).clear()\n" + RIGHT,
    "has_no_numpy": "import sys\nsys.modules.clear()\n" + RIGHT,
    "is_interrupted": "raise KeyboardInterrupt\n" + RIGHT,
    "contains_itself": in_function("x = []; x.append(x); return x"),
    "is_another_encoding": b"\xff\xfe" + RIGHT.encode("utf-16-le"),
    "is_no_text": bytes(range(256)),
    "is_a_deep_notebook": b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "is_a_notebook_of_nothing": b'{"cells": [null, {"cell_type": "code", "source": 3}]}',
    "is_empty": "",
    "loops": "while True:\n    pass\n",
    "is_a_large_power": "x = 9**9**9\n" + RIGHT,
    "hears_no_signal": in_function(
        "[signal.signal(s, signal.SIG_IGN) for s in (1, 2, 3, 13, 15)]; time.sleep(600)"
    ),
    "stops_itself": in_function("os.kill(os.getpid(), signal.SIGSTOP)"),
    "stops_its_parent": in_function("os.kill(os.getppid(), signal.SIGSTOP); time.sleep(600)"),
    "holds_the_line_by_a_daemon": in_function(
        "os.fork() or os.setsid() or os.fork() or time.sleep(600); os._exit(0)"
    ),
    "forks_many": in_function(
        "[os.fork() or (os.setsid(), time.sleep(600)) for _ in range(40)]; time.sleep(600)"
    ),
}
"""By name the others, the last ones of which wait for the time limit."""


def write(folder, kinds):
    """Write a file a kind, a notebook if its name says so, and return their paths."""
    paths = []
    for name, source in kinds.items():
        path = Path(folder, f"{name}.ipynb" if "notebook" in name else f"{name}.py")
        if isinstance(source, bytes):
            path.write_bytes(source)
        elif "notebook" in name:
            cells = [nbformat.v4.new_code_cell(source)]
            nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        else:
            path.write_text(source, encoding="utf-8")
        paths.append(path)
    return paths


def main():
    """Grade all kinds and then a right file, and say of each what its grade was."""
    from tvbi_ref.cli import main as command

    with tempfile.TemporaryDirectory() as folder:
        files = write(folder, SPOILERS | MORE | {"good": RIGHT})
        book = Path(folder, "book.json")
        command(["check", *map(str, files), "--json", str(book), "--time-limit", "5"])
        grades = json.loads(book.read_text())
    print(f"{len(grades)} of {len(files)} graded; the last one is right: {grades[-1]['passed']}")
    return len(grades) != len(files)


if __name__ == "__main__":
    sys.exit(main())
