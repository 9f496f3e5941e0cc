"""Build time of every model: kapps on JAX against keras.applications on TensorFlow."""

from tools.benchmarks._measure import Section, alternate, ratio, said, seconds

TITLE = "Building every model"
CLOSE, TURNS = 1.5, 5  # a ratio below CLOSE is measured in so many turns


def models() -> list[str]:
    """Applications that Keras has under the same name."""
    import kapps

    names = []
    for name in kapps.list_models():
        references = [r["name"] for r in kapps.applications.facts(name)["references"]]
        if f"keras/{name}" in references:
            names.append(name)
    return names


def measure(name: str) -> tuple[float, float]:
    """Seconds to build one model, each side in a fresh process: (kapps, Keras)."""
    words = ["-m", "tools.benchmarks._build"]
    sides = {
        "kapps": lambda: said([*words, "kapps", name], KERAS_BACKEND="jax"),
        "keras": lambda: said([*words, "keras", name], KERAS_BACKEND="tensorflow"),
    }
    # Not measured: who first touches a gigabyte of memory here waits for the host.
    found = alternate(sides, times=1, unmeasured=1)
    if found["keras"] < CLOSE * found["kapps"]:
        found = alternate(sides, times=TURNS)
    return found["kapps"], found["keras"]


def run() -> Section:
    """The seconds of the call, in a fresh process each time."""
    return section({name: measure(name) for name in models()})


def section(found: dict[str, tuple[float, float]]) -> Section:
    """The measured seconds as a section of the page."""
    rows = [
        (name, seconds(ours), seconds(theirs), ratio(theirs, ours))
        for name, (ours, theirs) in found.items()
    ]
    fast = sum(ours <= theirs for ours, theirs in found.values())
    text = (
        "Seconds of `NAME(weights=None)` in a fresh process. "
        f"{fast} of {len(rows)} build at least as fast on JAX with kapps as on TensorFlow with "
        f"keras.applications. Where the ratio came out below {CLOSE}, it is that of {TURNS} turns."
    )
    commands = [
        "KERAS_BACKEND=jax python -m tools.benchmarks._build kapps MobileNetV2",
        "KERAS_BACKEND=tensorflow python -m tools.benchmarks._build keras MobileNetV2",
    ]
    columns = ("model", "kapps, JAX", "keras.applications, TensorFlow", "ratio")
    return Section(TITLE, text, columns, rows, commands)
