"""Starting: `import kapps` and `kapps list` against `import keras` and kimm."""

from tools.benchmarks._measure import Section, alternate, peers, ratio, seconds, wall

TITLE = "Starting"
OURS = {
    "`import kapps`": ["-c", "import kapps"],
    "`kapps --help`": ["-m", "kapps", "--help"],
    "`kapps list`": ["-m", "kapps", "list"],
}
THEIRS = {
    "`import keras`": ["-c", "import keras"],
    "`import kimm`": ["-c", "import kimm"],
    "`kimm.list_models()`": ["-c", "import kimm; print(kimm.list_models())"],
}
PAIRS = (
    ("`import kapps`", "`import keras`"),
    ("`import kapps`", "`import kimm`"),
    ("`kapps list`", "`kimm.list_models()`"),
    ("`kapps --help`", "`import keras`"),
)


def run() -> Section:
    """Whole processes, Python's own start included."""
    path = peers()
    sides = {name: lambda w=words: wall(w) for name, words in OURS.items()}
    for name, words in THEIRS.items():
        sides[name] = lambda w=words: wall(w, PYTHONPATH=path, KERAS_BACKEND="tensorflow")
    sides["`python -c pass`"] = lambda: wall(["-c", "pass"])
    found = alternate(sides, times=5)
    rows = [
        (a, seconds(found[a]), b, seconds(found[b]), ratio(found[b], found[a])) for a, b in PAIRS
    ]
    bare = found["`python -c pass`"]
    text = (
        "Seconds of a whole process, with Python's own start, which takes "
        f"{seconds(bare)} of them. kimm and Keras run on the TensorFlow backend."
    )
    commands = [f"python {' '.join(words)}" for words in (*OURS.values(), *THEIRS.values())]
    return Section(TITLE, text, ("kapps", "", "peer", "", "ratio"), rows, commands)
