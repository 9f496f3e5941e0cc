"""Time models side by side: each in a process of its own, taking turns."""

import contextlib
import dataclasses
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kapps.errors import ExportError
from kapps.export.child import environment

ROUND_SECONDS = 0.15  # long enough for the clock, short enough to alternate often


@dataclasses.dataclass
class Timing:
    """One model's measurements.

    Attributes:
        rounds: ms an image, one number a round.
        memory: peak of the process in bytes; added: of it, what came with the model. None where
            the system does not tell.
        facts: what the child said about the model.
    """

    rounds: list[float]
    memory: int | None
    added: int | None
    facts: dict

    @property
    def ms(self) -> float:
        """Median ms an image."""
        return statistics.median(self.rounds)


def kind_of(model: str) -> str:
    """How a target is run: "litert", "exported" (SavedModel, ONNX) or "keras"."""
    path = Path(model)
    if path.suffix == ".tflite" or (path / "model.tflite").is_file():
        return "litert"
    exported = path.suffix == ".onnx" or any(
        (path / file).is_file() for file in ("saved_model.pb", "report.json")
    )
    return "exported" if exported else "keras"


def alternate(
    models: list[str],
    *,
    rounds: int,
    threads: int,
    weights: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> list[Timing]:
    """Time each model `rounds` times in turn, so that a slow moment meets all of them.

    Args:
        models: bundles, .tflite or .onnx files, SavedModels, runs, .keras files or applications.
        rounds: turns of each, about 0.15 s long.
        threads: of one inference.
        weights: tag or file, of the first model, an application; None for its own.
        arguments: of the first model, an application.

    Raises:
        ExportError: a model could not be loaded or run.
    """
    workers: list[_Worker] = []
    try:
        given = [{"weights": weights, "arguments": dict(arguments or {})}]
        for model, own in itertools.zip_longest(models, given, fillvalue={}):
            workers.append(_Worker(model, threads, own))
        for worker in workers:
            worker.start()
        counts = [worker.calibrate() for worker in workers]
        times: list[list[float]] = [[] for _ in workers]
        for turn in range(rounds):
            order = range(len(workers)) if turn % 2 == 0 else reversed(range(len(workers)))
            for i in order:
                times[i].append(workers[i].round(counts[i]))
        return [worker.result(rounds) for worker, rounds in zip(workers, times, strict=True)]
    finally:
        for worker in workers:
            worker.close()


class _Worker:
    """The process of one model."""

    def __init__(self, model: str, threads: int, own: dict):
        self.model, self.peak = model, None
        self._folder = tempfile.TemporaryDirectory(prefix="kapps-")
        job = Path(self._folder.name, "job.json")
        kind = kind_of(model)
        job.write_text(json.dumps({"model": model, "kind": kind, "threads": threads, **own}))
        values = environment()
        if kind == "keras":  # on the backend of this process, as the user runs it
            values = {**os.environ, "PYTHONPATH": values["PYTHONPATH"]}
            values["TF_CPP_MIN_LOG_LEVEL"] = "3"
        if threads:
            for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
                values[name] = str(threads)
        log = Path(self._folder.name, "log.txt")
        self._log = log.open("w+", errors="replace")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kapps.models._bench", str(job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=values,
        )
        self.facts: dict = {}

    def start(self) -> None:
        """Wait until the model is loaded."""
        self.facts = self._answer()

    def calibrate(self) -> int:
        """How many inferences make a round."""
        ms = self._ask(1)["ms"]
        return max(1, round(1000 * ROUND_SECONDS / max(ms, 1e-3)))

    def round(self, count: int) -> float:
        """ms an image, over `count` inferences."""
        answer = self._ask(count)
        self.peak = answer["peak"]
        return answer["ms"] / self.facts["batch"]

    def result(self, times: list[float]) -> Timing:
        before = self.facts["before"]
        added = None if before is None or self.peak is None else self.peak - before
        return Timing(times, self.peak, added, self.facts)

    def close(self) -> None:
        """End the process; it stops when its stdin ends."""
        with contextlib.suppress(BrokenPipeError):  # of a line that a dead child never read
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()
        self._folder.cleanup()

    def _ask(self, count: int) -> dict:
        with contextlib.suppress(BrokenPipeError):  # the missing answer says what happened
            self._process.stdin.write(f"{count}\n")
            self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._log.seek(0)
            lines = [text.strip() for text in self._log if text.strip()]
            last = lines[-1][-300:] if lines else f"exit status {self._process.returncode}"
            raise ExportError(f"{self.model} could not be timed: {last}")
        answer = json.loads(line)
        if "error" in answer:
            raise ExportError(answer["error"])
        return answer
