"""Start the conversion in a process of its own, on TensorFlow, and say why it failed."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from kapps.errors import ExportError


def environment() -> dict[str, str]:
    """The child's environment: TensorFlow on the CPU, quiet, and this very kapps."""
    here = str(Path(__file__).parents[2])
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
    }


def run(job: dict, *, timeout: float = 3600.0) -> dict:
    """Convert in a child process; see `kapps.export._convert.convert` for the job.

    Raises:
        ExportError: the child refused, crashed or took longer than `timeout` seconds; one
            sentence with the end of what it said.
    """
    with tempfile.TemporaryDirectory(prefix="kapps-") as folder:
        result, path = Path(folder, "result.json"), Path(folder, "job.json")
        path.write_text(json.dumps({**job, "result": str(result)}), encoding="utf-8")
        command = [sys.executable, "-m", "kapps.export._convert", str(path)]
        try:
            done = subprocess.run(
                command,
                env=environment(),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            raise ExportError(
                f"the conversion took longer than {timeout:.0f} s and was stopped."
            ) from None
        facts = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}
    if "error" in facts:
        raise ExportError(facts["error"])
    if done.returncode or not facts:
        raise ExportError(_crash(done.returncode, done.stderr))
    return facts


def _crash(status: int, stderr: str) -> str:
    """One sentence from a process that ended without a result."""
    if status < 0:
        import signal

        name = signal.Signals(-status).name
        hint = "; there may not be enough memory" if name == "SIGKILL" else ""
        return f"the conversion process was stopped by {name}{hint}."
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if any("No module named 'tensorflow'" in line for line in lines):
        return "export needs TensorFlow for the conversion; `pip install 'kapps[tensorflow]'`."
    last = lines[-1][-300:] if lines else f"exit status {status}"
    return f"the conversion process failed: {last}"
