"""Time a training step and an inference of networks side by side, each in a process of its own."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import kapps
from kapps.errors import MissingPackageError, RunError

KINDS = ("inference", "training")


class Side:
    """A child process that steps when it is asked.

    Args:
        library: "kapps", "keras" (its applications) or "timm".
        name: of the network there.
        size: height and width of its images in pixels.
        batch_size: images a step.
        arguments: of an application.
        module: what the process runs, as `kapps.training._steps` does.
        **environment: of the process, such as KERAS_BACKEND.
    """

    def __init__(
        self,
        library: str,
        name: str,
        size: int,
        batch_size: int,
        arguments: Mapping | None = None,
        module: str = "kapps.training._steps",
        **environment: str,
    ):
        self.name = name if library == "kapps" else f"{library}/{name}"
        self.times: dict[str, list[float]] = {kind: [] for kind in KINDS}
        job = {"library": library, "name": name, "size": size, "batch_size": batch_size}
        own = str(Path(kapps.__file__).parent.parent)
        values = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
        values["PYTHONPATH"] = os.pathsep.join(filter(None, (values.get("PYTHONPATH"), own)))
        self._ready = False
        self._log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (see end)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(job | {"arguments": dict(arguments or {})})],
            env=values, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip

    def wait(self) -> None:
        """Until the network is built and warm.

        Raises:
            MissingPackageError: timm, or something that it needs, is not installed.
            RunError: it cannot be built or run.
        """
        answer = self._answer()
        if "missing" in answer:
            raise MissingPackageError(
                f"{self.name} needs timm on torch and {answer['missing']} is not installed in this "
                f"environment; pip install timm torch."
            )
        self._ready = True

    def step(self, kind: str) -> None:
        """One turn; its seconds a step go to `times`."""
        with contextlib.suppress(BrokenPipeError):  # the missing answer says what happened
            self._process.stdin.write(f"{kind}\n")
            self._process.stdin.flush()
        self.times[kind].append(self._answer()["seconds"])

    def end(self) -> None:
        """End the process; it stops when its stdin ends."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if not self._ready:  # still building what nobody waits for
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _answer(self) -> dict:
        for line in self._process.stdout:
            if line.startswith("ANSWER "):
                return json.loads(line.removeprefix("ANSWER "))
        self._process.wait()
        self._log.seek(0)
        lines = [text.strip() for text in self._log if text.strip()]
        last = lines[-1][-300:] if lines else f"exit status {self._process.returncode}"
        raise RunError(f"{self.name} could not be timed: {last}")


def alternate(sides: list[Side], rounds: int) -> None:
    """Let each side step `rounds` times of each kind, in turns; then end all.

    Turns keep what else the machine does from falling on one side only.

    Raises:
        As `Side.wait`.
    """
    try:
        for side in reversed(sides):  # of the peer we know least
            side.wait()
        for turn in range(rounds):
            for kind in KINDS:
                for side in sides if turn % 2 == 0 else reversed(sides):
                    side.step(kind)
    finally:
        for side in sides:
            side.end()
