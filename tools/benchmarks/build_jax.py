"""Cold build of MobileNetV2 on JAX: kapps against keras.applications."""

from tools.benchmarks._measure import Section, alternate, ratio, said, seconds

TITLE = "Cold build of MobileNetV2 on JAX"
OURS = ["-m", "tools.benchmarks._build", "kapps", "MobileNetV2"]
THEIRS = ["-m", "tools.benchmarks._build", "keras", "MobileNetV2"]


def run() -> Section:
    """The seconds of the call, in a fresh process each time."""
    found = alternate(
        {
            "kapps": lambda: said(OURS, KERAS_BACKEND="jax"),
            "keras": lambda: said(THEIRS, KERAS_BACKEND="jax"),
        },
        times=5,
    )
    rows = [
        (
            "`MobileNetV2(weights=None)`",
            seconds(found["kapps"]),
            seconds(found["keras"]),
            ratio(found["keras"], found["kapps"]),
        )
    ]
    text = (
        "Seconds of the call alone in a fresh process, Keras and JAX already imported. Keras "
        "compiles one JAX program for each shape of weights; kapps draws them on the host."
    )
    commands = [f"KERAS_BACKEND=jax python {' '.join(words)}" for words in (OURS, THEIRS)]
    return Section(TITLE, text, ("", "kapps", "keras.applications", "ratio"), rows, commands)
