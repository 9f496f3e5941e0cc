"""One measurement: commands as a user types them, their numbers, and what they cost."""

import contextlib
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))


class Place:
    """The folder in which commands run; data sets and runs have short names in it.

    Args:
        path: made if it is not there.
        say: told each command before it runs.
        resumes: whether a training that is there already goes on where it was.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        say: Callable[[str], None] = print,
        resumes: bool = False,
    ):
        self.path, self.say, self.resumes = Path(path).resolve(), say, resumes
        self.commands: list[str] = []
        self.notes = ""  # what the last command wrote beside its result
        self.data.mkdir(parents=True, exist_ok=True)

    @property
    def data(self) -> Path:
        """Where data sets lie."""
        return self.path / "data"

    def link(self, name: str, target: Path) -> None:
        """Make `data/NAME` mean a folder elsewhere.

        Raises:
            FileNotFoundError: it is not there.
        """
        if not target.is_dir():
            raise FileNotFoundError(f"{target} is not there")
        link = self.data / name
        link.unlink(missing_ok=True)
        link.symlink_to(target.resolve())

    def kapps(self, *words: str) -> str:
        """Run `kapps WORDS...`; returns what it printed."""
        return self._run("kapps", *words)

    def script(self, module: str, *words: str) -> str:
        """Run `python -m MODULE WORDS...`; returns what it printed."""
        return self._run("python", "-m", module, *words)

    def _run(self, *words: str) -> str:
        self.commands.append(" ".join(words))
        self.say(self.commands[-1])
        rest = ("-m", *words) if words[0] == "kapps" else words[1:]
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            [sys.executable, *rest],
            check=False,
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{self.commands[-1]} failed: {done.stderr[-2000:]}")
        self.notes = done.stderr
        return done.stdout

    def trained(self, job: str, run: str, *words: str) -> dict:
        """Train and leave `RUN`, replacing an older one or, if the place resumes, going on with it.

        Returns:
            {"seconds", "cpu"}: by the clock, and of all cores together, of a run that went on only
            the seconds of its epochs; of `kapps finetune` also
            "parameters" and "trained", how many there are and how many learn in the last phase.
        """
        words = (*words, "tensorboard=false", f"out={run}")
        goes_on = self.resumes and (self.path / run / "settings.yaml").is_file()
        if not goes_on:
            shutil.rmtree(self.path / run, ignore_errors=True)
        (self.path / run).parent.mkdir(parents=True, exist_ok=True)
        with timed() as cost:
            self.kapps(job, *words, *(["resume=true"] if goes_on else []))
        if goes_on:
            self.commands[-1] = " ".join(("kapps", job, *words))
            cost = {"seconds": round(sum(row["seconds"] for row in self.history(run)), 1)}
        said = re.findall(r"([\d,]+) of ([\d,]+) parameters train", self.notes)
        if said:
            cost["trained"], cost["parameters"] = (int(n.replace(",", "")) for n in said[-1])
        return cost

    def history(self, run: str) -> list[dict]:
        """The rows of a run, one an epoch."""
        return json.loads((self.path / run / "metrics.json").read_text("utf-8"))["history"]

    def judged(self, model: str, *words: str) -> dict:
        """What `kapps evaluate MODEL WORDS...` says."""
        return json.loads(self.kapps("evaluate", model, *words, "--json"))

    def accuracy(self, model: str, *words: str) -> float:
        """Share of the pictures that `kapps evaluate MODEL WORDS...` finds right."""
        return self.judged(model, *words)["top1"]

    def judged_with_files(self, run: str, *words: str) -> tuple[dict, dict, dict, int]:
        """What `judged` says of a run, of its float32 and of its int8 file, and bytes of the last.

        The files are left at `RUN-phone`.
        """
        bundle = f"{run}-phone"
        self.kapps("export", run, "--quantize", "float32,int8", "--out", bundle)
        models = run, f"{bundle}/float32", f"{bundle}/int8"
        keras, exact, whole = (self.judged(model, *words) for model in models)
        size = (self.path / bundle / "int8" / "model.tflite").stat().st_size
        return keras, exact, whole, size


@contextlib.contextmanager
def timed():
    """Gives a dict that holds {"seconds", "cpu"} of the processes run inside, once they end."""
    cost, began, cpu = {}, time.perf_counter(), _cpu()
    yield cost
    cost |= {"seconds": round(time.perf_counter() - began, 1), "cpu": round(_cpu() - cpu, 1)}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def environment() -> dict:
    """Day, processor and versions of a measurement."""
    from importlib import metadata

    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("keras", backend))
    return {
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": f"{_processor()}, Python {platform.python_version()}, {versions}",
    }


def _processor() -> str:
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS")
    cores = f"{threads} thread{'s' * (threads != '1')} of" if threads else "on"
    model = platform.machine()
    with contextlib.suppress(OSError):  # not Linux
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((x.split(":")[1].strip() for x in lines if "model name" in x), model)
    return f"{cores} {os.cpu_count()} cores ({model})"
