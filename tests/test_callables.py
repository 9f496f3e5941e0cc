"""Functions that a setting names."""

import sys

import pytest

from kapps.cli import callables
from kapps.errors import SettingsError


def test_a_function_of_a_file_beside_the_user(tmp_path, monkeypatch):
    (tmp_path / "mine_of_tests.py").write_text("number = 3\ndef double(x):\n    return 2 * x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert callables.load("mine_of_tests:double")(21) == 42
    assert callables.load("os.path:join") is __import__("os").path.join
    for name, message in (
        ("mine_of_tests", "is not of the form module:function"),
        ("mine_of_tests:no such", "is not of the form"),
        ("mine_of_tests:triple", "mine_of_tests.py has no 'triple'"),
        ("mine_of_tests:number", "is a int, not a function"),
        ("no_such_module:x", "no module 'no_such_module' is installed or in the folder"),
        ("no_such.module:x", "no module 'no_such.module' is installed"),
    ):
        with pytest.raises(SettingsError, match=message):
            callables.load(name)
    (tmp_path / "lacks_of_tests.py").write_text("import no_such_module_either\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_either"):
        callables.load("lacks_of_tests:x")
