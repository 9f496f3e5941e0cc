"""Files and folders are written whole or not at all."""

import errno
import os
import subprocess
import sys

import pytest

from kapps.errors import FileWriteError
from kapps.files import atomic_folder, atomic_path, atomic_write


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def leftovers(folder):
    return [name for name in names(folder) if name.startswith(".tmp-")]


def test_write_makes_parents_and_leaves_nothing_else(tmp_path):
    with atomic_write(tmp_path / "a" / "b.bin") as file:
        file.write(b"\x00\r\n")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"\x00\r\n"
    assert names(tmp_path / "a") == ["b.bin"]


def test_text_is_utf8_with_plain_line_ends(tmp_path):
    with atomic_write(tmp_path / "t.txt", "w") as file:
        file.write("grün\n")
    assert (tmp_path / "t.txt").read_bytes() == "grün\n".encode()


def test_other_modes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="mode='a'"), atomic_write(tmp_path / "x", "a"):
        pass


def test_old_file_stays_until_the_end_and_after_an_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError), atomic_write(path, "w") as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
        raise KeyError
    assert path.read_text() == "old"
    assert not leftovers(tmp_path)


def test_path_keeps_its_suffix(tmp_path):
    with atomic_path(tmp_path / "best.keras") as temporary:
        assert temporary.suffix == ".keras"
        assert temporary.parent == tmp_path
        temporary.write_text("x")
    assert (tmp_path / "best.keras").read_text() == "x"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("what", [atomic_write, atomic_path, atomic_folder])
def test_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, what, code):
    path = tmp_path / "model.bin"
    with pytest.raises(FileWriteError, match=r"disk is full while writing .*model\.bin") as info:
        with what(path) as target:
            if what is atomic_folder:
                (target / "half").write_text("x")
            raise OSError(code, "no room")
    assert info.value.errno == code
    assert not path.exists()
    assert not leftovers(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_really_full_device(tmp_path):
    """The write fails in the operating system, and again when the file is closed."""
    with pytest.raises(FileWriteError, match="disk is full"), atomic_path(tmp_path / "y") as path:
        path.symlink_to("/dev/full")
        with open(path, "wb") as file:
            file.write(b"x" * 100_000)
    assert not leftovers(tmp_path)


def test_an_error_about_another_file_is_not_blamed_on_this_one(tmp_path):
    with pytest.raises(PermissionError, match="elsewhere"), atomic_write(tmp_path / "a") as file:
        file.write(b"x")
        raise PermissionError(errno.EACCES, "elsewhere")


@pytest.mark.parametrize("what", [atomic_write, atomic_path, atomic_folder])
def test_a_file_in_the_way_of_the_parent(tmp_path, what):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileWriteError, match="cannot write"), what(tmp_path / "file" / "a"):
        pass


def test_folder_appears_at_once_and_replaces(tmp_path):
    path = tmp_path / "bundle"
    for name in ("one", "two"):
        with atomic_folder(path) as folder:
            (folder / name).write_text("x")
            assert not (path / name).exists()
    assert names(path) == ["two"]
    assert names(tmp_path) == ["bundle"]


def test_old_folder_stays_after_an_error(tmp_path):
    path = tmp_path / "bundle"
    with atomic_folder(path) as folder:
        (folder / "old").write_text("x")
    with pytest.raises(KeyError), atomic_folder(path) as folder:
        (folder / "new").write_text("x")
        raise KeyError
    assert names(path) == ["old"]
    assert names(tmp_path) == ["bundle"]


def test_old_folder_comes_back_when_the_rename_fails(tmp_path, monkeypatch):
    path = tmp_path / "bundle"
    with atomic_folder(path) as folder:
        (folder / "old").write_text("x")
    replace, calls = os.replace, []

    def failing(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise PermissionError(errno.EACCES, "in use")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(FileWriteError, match="permission is denied"), atomic_folder(path):
        pass
    assert names(path) == ["old"]
    assert names(tmp_path) == ["bundle"]


def test_folder_over_a_file_is_refused(tmp_path):
    (tmp_path / "bundle").write_text("x")
    with pytest.raises(FileWriteError, match="a file has that name"):
        with atomic_folder(tmp_path / "bundle"):
            pass
    assert (tmp_path / "bundle").read_text() == "x"


def test_killed_writer_leaves_the_old_file(tmp_path, python):
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = (
        "import os, sys; from kapps.files import atomic_write\n"
        "with atomic_write(sys.argv[1], 'w') as f:\n"
        "    f.write('new'); f.flush(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([python, "-c", code, str(path)], timeout=60).returncode != 0
    assert path.read_text() == "old"
