"""Settings: what is taken, what is refused, and in which words."""

import dataclasses
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

import pytest
import yaml

from kapps.cli import settings
from kapps.cli.settings import from_dict, from_yaml, parse, setting, to_dict, to_yaml
from kapps.errors import KappsError, SettingsError


@dataclass(frozen=True)
class Job:
    model: str = setting(help="what to run", positional=True)
    images: tuple[str, ...] = setting((), "the pictures", positional=True)
    learning_rate: float = setting(1e-3, "step size", group="optimiser")
    epochs: int | None = setting(10, "passes over the images")
    ema: bool = setting(True, "keep a moving average")
    json: bool = setting(False, "print JSON")
    mode: str = setting("fast", "how", choices=("fast", "exact", "none"))
    modes: tuple[str, ...] = setting(("fast",), "several", choices=("fast", "exact"))
    size: tuple[int, int] | None = setting(None, "height and width", metavar="H,W")
    level: Literal[1, 2] = setting(1, "one of two")
    weights: str | None = setting("imagenet", "tag, path or none")


@pytest.mark.parametrize(
    "words, expected",
    [
        (["m"], {}),
        (["--model", "m"], {}),
        (["--model=m"], {}),
        (["model=m"], {}),
        (["m", "a.jpg", "b.jpg"], {"images": ("a.jpg", "b.jpg")}),
        (["m", "a.jpg", "--json", "b.jpg"], {"images": ("a.jpg", "b.jpg"), "json": True}),
        (["m", "--", "--odd.jpg", "a=b"], {"images": ("--odd.jpg", "a=b")}),
        (["m", "./a=b.jpg"], {"images": ("./a=b.jpg",)}),
        (["m", "a, b.jpg"], {"images": ("a, b.jpg",)}),
        (["m", "--learning-rate", "1e-4"], {"learning_rate": 1e-4}),
        (["m", "learning_rate=2"], {"learning_rate": 2.0}),
        (["m", "learning-rate=2"], {"learning_rate": 2.0}),
        (["m", "--learning-rate", "-1"], {"learning_rate": -1.0}),
        (["m", "--epochs", "3", "--epochs=4"], {"epochs": 4}),
        (["m", "epochs=none"], {"epochs": None}),
        (["m", "--no-ema"], {"ema": False}),
        (["m", "--ema=no"], {"ema": False}),
        (["m", "ema=off", "json=True"], {"ema": False, "json": True}),
        (["m", "--size", "3,4"], {"size": (3, 4)}),
        (["m", "--modes", "fast,exact"], {"modes": ("fast", "exact")}),
        (["m", "modes=[exact, fast]"], {"modes": ("exact", "fast")}),
        (["m", "modes=[]"], {"modes": ()}),
        (["m", "size=[3,4]"], {"size": (3, 4)}),
        (["m", "--images", "[a"], {"images": ("[a",)}),
        (["m", "--images", "[a,b"], {"images": ("[a", "b")}),
        (["m", "--images", "a=[1, 2],b=(3,4)"], {"images": ("a=[1, 2]", "b=(3,4)")}),
        (["m", "--images", "[a=[1,2], b={c: 3, d: 4}]"], {"images": ("a=[1,2]", "b={c: 3, d: 4}")}),
        (["m", "--images", "a=[1],b=[2]"], {"images": ("a=[1]", "b=[2]")}),
        (["m", "--images", "[a],[b]"], {"images": ("[a]", "[b]")}),
        (["m", "--images", "a='1,2',Bob's,Eve's"], {"images": ("a='1,2'", "Bob's", "Eve's")}),
        (["m", "--images", "a=[1,2]", "--images", "b"], {"images": ("a=[1,2]", "b")}),
        (["m", "--modes", "fast", "--modes", "exact"], {"modes": ("fast", "exact")}),
        (["m", "mode=none"], {"mode": "none"}),
        (["m", "weights=None"], {"weights": None}),
        (["m", "weights="], {"weights": ""}),
        (["m", "--weights", "a=b"], {"weights": "a=b"}),
        (["m", "--level", "2"], {"level": 2}),
    ],
)
def test_words_become_settings(words, expected):
    assert parse(Job, words) == Job("m", **expected)


@pytest.mark.parametrize(
    "words, sentence",
    [
        ([], "MODEL is missing: what to run."),
        (["m", "--epoch", "3"], "'--epoch' is not a setting; did you mean 'epochs'?"),
        (["m", "epoch=3"], "'epoch' is not a setting; did you mean 'epochs'?"),
        (["m", "--zzz", "3"], "'--zzz' is not a setting; the settings are model, images,"),
        (["m", "-e", "3"], "'-e' is not a flag"),
        (["m", "--epochs"], "--epochs needs a value."),
        (["m", "--epochs", "3.0"], "epochs='3.0' is not valid; expected int or none."),
        (["m", "--epochs", "1e3"], "epochs='1e3' is not valid; expected int or none."),
        (["m", "--epochs", ""], "epochs='' is not valid; expected int or none."),
        (["m", "--learning-rate", "fast"], "expected float."),
        (["m", "--learning-rate", "nan"], "expected float."),
        (["m", "--learning-rate", "inf"], "expected float."),
        (["m", "--ema=maybe"], "ema='maybe' is not valid; expected bool."),
        (["m", "--no-ema=yes"], "--no-ema takes no value."),
        (["m", "--no-epochs"], "'--no-epochs' is not a setting"),
        (["m", "--size", "3"], "size='3' is not valid; expected list of int or none."),
        (["m", "--size", "3,x"], "expected list of int or none."),
        (["m", "--mode", "fats"], "expected one of fast, exact, none; did you mean 'fast'?"),
        (["m", "--modes", "fast,slow"], "modes='slow' is not a choice"),
        (["m", "--level", "3"], "level=3 is not a choice; expected one of 1, 2."),
        (["m", "--config", "nowhere.yaml"], "config file 'nowhere.yaml' is not there"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(words, sentence):
    with pytest.raises(SettingsError) as caught:
        parse(Job, words)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, KappsError) and isinstance(caught.value, ValueError)


def test_too_many_bare_words():
    @dataclass(frozen=True)
    class One:
        name: str = setting(help="a name", positional=True)

    with pytest.raises(SettingsError, match="'b' is not expected here"):
        parse(One, ["a", "b"])


def test_flags_win_over_yaml_which_wins_over_defaults(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("model: m\nlearning_rate: 1e-4\nepochs: 5\nimages: [a.jpg]\n")
    got = parse(Job, ["--config", str(path), "--epochs", "7"])
    assert got == Job("m", images=("a.jpg",), learning_rate=1e-4, epochs=7)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("model: m\nepochs: 3.0", "epochs=3.0 is not valid; expected int or none."),
        ("model: m\nepochs: '3'", "epochs='3' is not valid"),
        ("model: m\nepochs: true", "epochs=True is not valid"),
        ("model: m\nema: 1", "ema=1 is not valid; expected bool."),
        ("model: m\nema: 'yes'", "ema='yes' is not valid; expected bool."),
        ("model: 3", "model=3 is not valid; expected str (put it in quotes)."),
        ("model: no", "model=False is not valid; expected str (put it in quotes)."),
        ("model:", "model=None is not valid; expected str"),
        ("model: m\nlearning_rate: true", "learning_rate=True is not valid; expected float."),
        ("model: m\nlearning_rate: .nan", "expected float."),
        ("model: m\nimages: a.jpg", "images='a.jpg' is not valid; expected list of str."),
        ("model: m\nsize: [1, 2, 3]", "size=[1, 2, 3] is not valid"),
        ("model: m\nsize: [1, 2.5]", "size=[1, 2.5] is not valid"),
        ("model: m\nepochs: [1]", "epochs=[1] is not valid"),
        ("model: m\nepoch: 1", "'epoch' is not a setting; did you mean 'epochs'?"),
        ("model: m\n3: 1", "3 is not a setting"),
        ("model: m\nmodel: n", "sets 'model' twice"),
        ("[1, 2]", "must hold lines of `name: value`"),
        ("just words", "must hold lines of `name: value`"),
        ("a: [1", "is not valid YAML"),
        ("", "MODEL is missing"),
    ],
)
def test_yaml_is_read_strictly(tmp_path, text, sentence):
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        from_yaml(Job, path)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_yaml_that_is_no_text(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(SettingsError, match="is not valid YAML"):
        from_yaml(Job, path)


def test_yaml_cannot_make_python_objects(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("model: !!python/object/apply:os.system ['echo no']\n")
    with pytest.raises(SettingsError, match="is not valid YAML"):
        from_yaml(Job, path)


def test_what_is_written_reads_the_same(tmp_path):
    job = Job("m", images=("ä.jpg", "b c.jpg"), learning_rate=1e-7, epochs=None, size=(3, 4))
    path = to_yaml(job, tmp_path / "settings.yaml")
    assert from_yaml(Job, path) == job
    assert list(yaml.safe_load(path.read_text("utf-8"))) == [
        f.name for f in dataclasses.fields(Job)
    ]
    assert from_dict(Job, json.loads(json.dumps(to_dict(job)))) == job


def test_an_int_is_a_float_but_not_the_reverse():
    assert from_dict(Job, {"model": "m", "learning_rate": 1}).learning_rate == 1.0
    with pytest.raises(SettingsError):
        from_dict(Job, {"model": "m", "epochs": 1.5})


HOWS = ("not", "kapps", "value", "interrupt", "bug", "found", "found nothing")


@dataclass(frozen=True)
class Fails:
    how: str = setting("not", "what to raise", choices=HOWS)
    module: str = setting("", "module to import")


def run_fails(job):
    """Raise what the settings say."""
    if job.module:
        __import__(job.module)
    if job.how == "kapps":
        raise KappsError("one\nthing is wrong")
    if job.how == "value":
        raise ValueError("bad value")
    if job.how == "interrupt":
        raise KeyboardInterrupt
    if job.how == "bug":
        raise ZeroDivisionError
    if job.how in ("found", "found nothing"):
        return {"errors": 3 if job.how == "found" else 0}
    return print("done")


@pytest.mark.parametrize(
    "how, status, says",
    [
        ("not", 0, ""),
        ("kapps", 2, "kapps: error: one thing is wrong\n"),
        ("value", 2, "kapps: error: bad value (KAPPS_DEBUG=1 shows where)\n"),
        ("interrupt", 130, "kapps: interrupted\n"),
        ("found", 1, ""),
        ("found nothing", 0, ""),
        ("nothing", 2, "kapps: error: how='nothing' is not a choice"),
    ],
)
def test_main_reports_in_one_line(how, status, says, capsys):
    assert settings.main(Fails, run_fails, [f"how={how}"]) == status
    err = capsys.readouterr().err
    assert err.startswith(says) and err.count("\n") == (1 if says else 0)


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        settings.main(Fails, run_fails, ["how=bug"])


def test_a_missing_package_names_its_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_cv", None)
    assert settings.main(Fails, run_fails, ["module=keras_cv"]) == 2
    assert "pip install 'kapps[recipes]'" in capsys.readouterr().err


def test_help_shows_groups_defaults_and_choices(capsys):
    assert settings.main(Job, run_fails, ["--help"], prog="kapps job") == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: kapps job MODEL [IMAGES]")
    assert "optimiser:\n  --learning-rate float" in text
    assert "step size (default: 0.001)" in text
    assert "[fast, exact, none] (default: fast)" in text
    assert "--[no-]ema" in text and "--size H,W" in text
    assert max(map(len, text.splitlines())) <= 100


def test_backend_must_be_known_and_installed(capsys, monkeypatch):
    import importlib.util

    assert settings.main(Fails, run_fails, ["--backend", "jaxx"]) == 2
    assert "did you mean 'jax'?" in capsys.readouterr().err
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert settings.main(Fails, run_fails, ["--backend", "torch"]) == 2
    assert "pip install 'kapps[torch]'" in capsys.readouterr().err


NOISY = """
import os, sys
from dataclasses import dataclass
from kapps.cli.settings import main, setting
@dataclass(frozen=True)
class Settings:
    x: int = setting(1, "x")
def run(settings):
    os.write(2, b"I0000 00:00:1795306230.576133    5741 port.cc:153] oneDNN custom operations\\n")
    os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called\\nI mean it\\n")
    os.write(2, b"a word without an end")
    print("from python", file=sys.stderr)
sys.exit(main(Settings, run))
"""


@pytest.mark.parametrize("debug", [False, True])
def test_the_chatter_of_libraries_is_dropped_and_nothing_else(debug, tmp_path, monkeypatch):
    monkeypatch.delenv("KAPPS_DEBUG", raising=False)
    if debug:
        monkeypatch.setenv("KAPPS_DEBUG", "1")
    (tmp_path / "noisy.py").write_text(NOISY)
    done = subprocess.run(
        [sys.executable, tmp_path / "noisy.py"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    for words in ("I mean it\n", "a word without an end", "from python\n"):
        assert words in done.stderr
    assert ("oneDNN" in done.stderr) is debug
    assert ("absl::InitializeLog" in done.stderr) is debug
