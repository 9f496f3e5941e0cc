"""Side-by-side measuring: commands in alternation, medians, and rows for the page."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SHARED = ROOT.parent / "shared" / "data"
PEERS = ROOT / "runs" / "peers"  # packages of peers, seen by their own child processes only
RESULT = "RESULT "  # a child prints its number after this word


@dataclass(frozen=True)
class Section:
    """One section of the page.

    Attributes:
        title, text: heading and how it was measured.
        columns: titles; the rows are texts.
        commands: how to run each side alone.
    """

    title: str
    text: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    commands: Sequence[str] = field(default=())


def peers() -> str:
    """The PYTHONPATH with kimm, installed on first use without its dependencies, which we have."""
    if not (PEERS / "kimm").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(PEERS)]
        subprocess.run([*pip, "kimm==0.2.5"], check=True)
    return str(PEERS)


def child(
    words: Sequence[str], python: str = sys.executable, **environment: str
) -> subprocess.CompletedProcess:
    """Run `python` with `words` in a clean process at the root of the repository.

    Raises:
        RuntimeError: it failed; the end of its stderr is in the message.
    """
    done = subprocess.run(
        [python, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )
    if done.returncode:
        raise RuntimeError(f"python {' '.join(words)} failed: {done.stderr[-2000:]}")
    return done


def wall(words: Sequence[str], **environment: str) -> float:
    """Seconds of a whole process, from start to end."""
    began = time.perf_counter()
    child(words, **environment)
    return time.perf_counter() - began


def said(words: Sequence[str], **environment: str) -> float:
    """The number that a child prints on its line `RESULT number`."""
    lines = child(words, **environment).stdout.splitlines()
    return float(next(line for line in lines if line.startswith(RESULT))[len(RESULT) :])


def alternate(
    sides: dict[str, Callable[[], float]], times: int, unmeasured: int = 1
) -> dict[str, float]:
    """Measure each side `times` times in turn, after `unmeasured` turns; returns medians.

    Turns keep what else the machine does from falling on one side only.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(times + unmeasured):
        for name, measure in sides.items():
            value = measure()
            if turn >= unmeasured:
                found[name].append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def seconds(value: float) -> str:
    """1.234 -> "1.23 s", 0.01234 -> "12.3 ms"."""
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


def ratio(theirs: float, ours: float) -> str:
    """How many times better ours is, for numbers where less is better."""
    return f"{theirs / ours:.2f} x"
