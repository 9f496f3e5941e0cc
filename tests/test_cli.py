"""The `kapps` command in child processes, as a person runs it."""

import json
import os
import signal
import subprocess
import sys

import pytest

import kapps
from kapps import cli
from kapps.applications import APPLICATIONS


def kapps_command(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "kapps", *words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "120", **environment},
    )


def says_one_line(done, sentence):
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("kapps: error: ") and done.stderr.count("\n") == 1
    assert sentence in done.stderr


def test_help_has_one_line_a_job():
    done = kapps_command("--help")
    assert done.returncode == 0 and done.stderr == ""
    for job, line in cli.JOBS.items():
        assert f"\n  {job:9}  {line}\n" in done.stdout
    assert "examples:" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert kapps_command().stdout == done.stdout


@pytest.mark.parametrize("job", cli.JOBS)
def test_every_job_has_a_module_with_settings_and_run(job):
    done = kapps_command(job, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(f"usage: kapps {job}")
    assert "--backend NAME" in done.stdout


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert kapps_command("--version").stdout == f"kapps {kapps.__version__}\n"
    assert version("kapps") == kapps.__version__


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["trian"], "'trian' is not a job of kapps; did you mean 'train'?"),
        (["zzz"], "the jobs are list, info, draw"),
        (["--backend"], "--backend needs a value"),
        (["--backend", "jaxx", "info", "LeNet5"], "did you mean 'jax'?"),
        (["info", "LeNet5", "--backend", "jaxx"], "did you mean 'jax'?"),
        (["info"], "NAME is missing"),
        (["info", "LeNet6"], "did you mean 'LeNet5'?"),
        (["info", "lenet5"], "did you mean 'LeNet5'?"),
        (
            ["list", "--max-params", "many"],
            "max_params='many' is not valid; expected float or none.",
        ),
        (["list", "--famliy", "lenet"], "did you mean 'family'?"),
        (["list", "--family", "lenets"], "did you mean 'lenet'?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, sentence):
    says_one_line(kapps_command(*words), sentence)


def test_a_backend_that_is_not_known_in_the_environment():
    says_one_line(kapps_command("info", "LeNet5", KERAS_BACKEND="theano"), "'theano'")


@pytest.mark.parametrize(
    "words, expected",
    [
        ([], list(APPLICATIONS)),
        (["LeNet*"], ["LeNet1", "LeNet5"]),
        (["*lite0", "--task", "classification"], ["EfficientNetLite0"]),
        (["--task", "detection", "--family", "fcos"], ["FCOS", "FCOSResNet50FPN"]),
        (["--family", "mobilenet_v3"], ["MobileNetV3Small", "MobileNetV3Large"]),
        (["--max-params", "1e5"], ["Perceptron", "Neocognitron", "LeNet1", "LeNet5"]),
        (["NoSuch*"], []),
    ],
)
def test_list_filters(words, expected):
    done = kapps_command("list", "--json", *words)
    rows = json.loads(done.stdout)
    names = [row["name"] for row in rows]
    assert set(expected) <= set(names) if not words else names == expected
    keys = ["name", "family", "task", "size", "params", "macs", "top1", "metrics"]
    keys += ["flavors", "weights", "references"]
    assert all(list(row) == keys for row in rows)


def test_list_prints_a_table_that_a_pipe_gets_whole():
    done = kapps_command("list")
    assert done.returncode == 0
    assert "..." not in done.stdout and "\u2026" not in done.stdout
    for name in APPLICATIONS:
        assert name in done.stdout
    assert f"{len(APPLICATIONS)} applications" in done.stdout


def test_the_numbers_of_lenet_are_those_of_the_paper():
    row = json.loads(kapps_command("info", "LeNet5", "--json").stdout)
    assert row["params"] == 61706  # LeCun et al., 1998: five layers of weights, full second one
    assert row["size"] == 32
    assert row["weights"] == []


def test_info_tells_weights_with_licence_and_accuracy():
    rows = json.loads(kapps_command("info", "EfficientNetLite0", "--json").stdout)["weights"]
    assert rows
    for row in rows:
        assert row["tag"] and row["licence"] and row["flavor"] and row["preprocessing"]
    text = kapps_command("info", "EfficientNetLite0").stdout
    assert "Apache-2.0" in text and "timm/" in text


def test_a_reader_that_leaves_early_is_no_error():
    words = f"{sys.executable} -m kapps list --json"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{words} | head -c 1"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "[" and done.stderr == ""


WAITS = """
import os, sys, time
os.register_at_fork(after_in_child=lambda: time.sleep(0.5))  # a machine busy with other things
from dataclasses import dataclass
from kapps.cli.settings import main
@dataclass(frozen=True)
class Settings: pass
def run(settings):
    print("waiting", flush=True)
    time.sleep(60)
sys.exit(main(Settings, run, []))
"""


def test_ctrl_c_ends_quietly(tmp_path):
    (tmp_path / "waits.py").write_text(WAITS)
    child = subprocess.Popen(
        [sys.executable, tmp_path / "waits.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout.readline() == "waiting\n"
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to every process of the job
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130 and err == "kapps: interrupted\n"


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_backend_flag_decides_what_keras_runs_on(place, tmp_path):
    code = (
        "import os, sys\n"
        "from kapps import cli\n"
        "from kapps.recipes import info\n"
        "info.run.__globals__['_print'] = lambda facts: print(os.environ['KERAS_BACKEND'])\n"
        "sys.exit(cli.main(sys.argv[1:]))\n"
    )
    flag = ["--backend", "jax"]
    words = [*flag, "info", "LeNet5"] if place == "before" else ["info", "LeNet5", *flag]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "jax\n", "")


def test_without_a_flag_the_first_backend_installed_is_taken(monkeypatch, tmp_path):
    """Keras writes tensorflow into its file by itself, so only an installed one counts there."""
    from kapps.cli import _console

    for installed, configured, expected in (
        ({"jax", "torch"}, "tensorflow", "jax"),
        ({"tensorflow", "jax", "torch"}, "torch", "torch"),
        ({"tensorflow", "torch"}, None, "tensorflow"),
        (set(), "tensorflow", None),
    ):
        monkeypatch.setattr(_console, "_installed", lambda name, i=installed: name in i)
        monkeypatch.delitem(sys.modules, "keras", raising=False)
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        (tmp_path / "keras.json").write_text(json.dumps({"backend": configured}))
        _console.choose_backend()
        assert os.environ.get("KERAS_BACKEND") == expected


def test_help_leaves_what_is_rarely_changed_to_help_all(capsys):
    assert cli.main(["train", "--help"]) == 0
    page = capsys.readouterr().out
    assert "--focal-gamma" not in page
    assert "--help-all" in page
    assert cli.main(["train", "--help-all"]) == 0
    whole = capsys.readouterr().out
    assert "--focal-gamma float" in whole
    assert set(page.split()) - set(whole.split()) == set()
