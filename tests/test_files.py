"""Writing files: whole or not at all, nothing beside them, and nothing replaced but files."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from tvbi_ref._files import TEMPORARY, atomic_write

posix = pytest.mark.skipif(os.name != "posix", reason="of POSIX systems")


def write(path, content=b"new"):
    with atomic_write(path) as file:
        file.write(content)


@pytest.fixture(params=["nameless", "named"])
def kind(request, monkeypatch):
    """Try both kinds of temporary files, that of Linux and that of all systems."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return request.param


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_what_umask_leaves(umask, kind, tmp_path):
    before = os.umask(umask)
    try:
        write(tmp_path / "a")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == 0o666 & ~umask
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@posix
@pytest.mark.parametrize("old", [0o600, 0o640, 0o664, 0o755])
def test_a_file_keeps_its_mode(old, kind, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(old)
    write(path)
    assert (path.read_bytes(), mode(path)) == (b"new", old)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_root_does_not_take_a_file_from_its_owner(kind, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    os.chown(path, 1234, 5678)
    write(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 5678)


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write all")
def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="a"):
        write(path)
    assert path.read_bytes() == b"old"


@posix
@pytest.mark.parametrize("target", ["there", "missing", "folder/missing"])
def test_a_link_is_followed_and_stays(target, kind, tmp_path):
    (tmp_path / "there").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(target)
    write(link)
    assert link.is_symlink()
    assert (tmp_path / target).read_bytes() == b"new"


@posix
def test_a_link_to_itself_is_an_error(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="loop"):
        write(tmp_path / "loop")


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write(tmp_path / "folder")
    assert (tmp_path / "folder").is_dir()


@posix
def test_a_pipe_is_written_into(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write(tmp_path / "pipe")
    reader.join()
    assert read == [b"new"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="of Linux")
def test_a_full_device_is_an_error_and_stays_a_device():
    with pytest.raises(OSError, match="No space left"):
        write("/dev/full")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


SAY = """
from tvbi_ref._files import atomic_write
print("before")
with atomic_write("/dev/stdout") as file:
    file.write(b"written\\n")
print("after")
"""


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="of POSIX systems")
@pytest.mark.parametrize("into", ["pipe", "file"])
def test_the_standard_output_goes_on_where_it_is(into, tmp_path):
    with open(tmp_path / "out", "wb") as file:
        stdout = subprocess.PIPE if into == "pipe" else file
        done = subprocess.run([sys.executable, "-c", SAY], stdout=stdout, check=True)
    said = done.stdout if into == "pipe" else (tmp_path / "out").read_bytes()
    assert said.split() == [b"before", b"written", b"after"]


# Nothing is left


def break_off(path, error):
    with atomic_write(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(error, kind, tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(type(error)):
        break_off(tmp_path / "a", error)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"old")]


KILLED = """
import sys
from tvbi_ref._files import atomic_write
for n in range(10**9):
    with atomic_write(sys.argv[1]) as file:
        file.write(bytes([n % 256]) * 100_000)
    print(flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="of Linux")
def test_a_kill_leaves_a_whole_file_and_nothing_else(tmp_path):
    """Small; benchmarks/damage.py has a hundred kills."""
    writer = [sys.executable, "-c", KILLED, str(tmp_path / "a")]
    for k in range(3):
        with subprocess.Popen(writer, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(0.002 * k)
            process.send_signal(signal.SIGKILL)
        write(tmp_path / "b")  # clears what was killed between its last two steps
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]
        content = (tmp_path / "a").read_bytes()
        assert len(content) == 100_000
        assert len(set(content)) == 1


def test_what_a_kill_has_left_is_cleared_and_a_file_being_written_is_not(kind, tmp_path):
    """Where files have names from the start, or between the last two steps."""
    (tmp_path / TEMPORARY.format("left")).touch()
    with atomic_write(tmp_path / "a") as file:
        write(tmp_path / "b")
        file.write(b"new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_two_that_write_at_once_leave_one_whole_file(kind, tmp_path):
    with atomic_write(tmp_path / "a") as one, atomic_write(tmp_path / "a") as two:
        one.write(b"one")
        two.write(b"two")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"one")]


def test_where_a_file_system_has_no_nameless_files_they_have_names(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "O_TMPFILE", 1 << 40, raising=False)  # what no system knows
    real = os.open

    def refuse(path, flags, *mode):
        if flags & (1 << 40):
            raise OSError(95, "Operation not supported")
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)
    write(tmp_path / "a")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"new")]
