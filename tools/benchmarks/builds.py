"""Build time of every model: kapps on JAX against keras.applications on TensorFlow."""

from tools.benchmarks._measure import Section, alternate, ratio, said, seconds

TITLE = "Building every model"


def models() -> list[str]:
    """Applications that Keras has under the same name."""
    import kapps

    names = []
    for name in kapps.list_models():
        references = [r["name"] for r in kapps.applications.facts(name)["references"]]
        if f"keras/{name}" in references:
            names.append(name)
    return names


def run() -> Section:
    """The seconds of the call, in a fresh process each time; one turn after an unmeasured one."""
    rows, slower = [], 0
    for name in models():
        words = ["-m", "tools.benchmarks._build"]
        found = alternate(
            {
                "kapps": lambda w=words, n=name: said([*w, "kapps", n], KERAS_BACKEND="jax"),
                "keras": lambda w=words, n=name: said([*w, "keras", n], KERAS_BACKEND="tensorflow"),
            },
            times=1,
        )
        ours, theirs = found["kapps"], found["keras"]
        slower += ours > theirs
        rows.append((name, seconds(ours), seconds(theirs), ratio(theirs, ours)))
    text = (
        "Seconds of `NAME(weights=None)` in a fresh process. "
        f"{len(rows) - slower} of "
        f"{len(rows)} build at least as fast on JAX with kapps as on TensorFlow with "
        "keras.applications."
    )
    commands = [
        "KERAS_BACKEND=jax python -m tools.benchmarks._build kapps MobileNetV2",
        "KERAS_BACKEND=tensorflow python -m tools.benchmarks._build keras MobileNetV2",
    ]
    columns = ("model", "kapps, JAX", "keras.applications, TensorFlow", "ratio")
    return Section(TITLE, text, columns, rows, commands)
