"""The rules of the house, read from the source: who imports whom, and what nobody writes."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "kapps"
FILES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}
BACKENDS = {"tensorflow", "jax", "torch"}

# Area -> the areas it may import. An area is a folder, or a file beside __init__.py.
LIGHT = {"errors", "files", "_imagenet", "_coco"}
ALLOWED = {
    "errors": set(),
    "files": {"errors"},
    "_imagenet": set(),
    "_coco": set(),
    "cli": LIGHT,  # it finds a job by its name when that is chosen
    # The folder that training writes, and export and the other jobs read.
    "runs": LIGHT | {"cli", "layers"},
    "detection": LIGHT,  # functions alone; what of it is a layer is in layers
    "layers": LIGHT | {"detection"},
    "weights": LIGHT,
    "applications": LIGHT | {"layers", "weights", "detection"},
    "data": LIGHT,
    "segmentation": LIGHT | {"data"},  # masks as arrays
    "inspect": LIGHT | {"layers"},
    # Any model. `kapps.export.export` is passed on, by its name, from `models` above it.
    "export": LIGHT | {"layers", "data", "inspect", "detection", "segmentation"},
    # These find an application by its name; that they know no family is a test of its own.
    "models": LIGHT | {"applications", "layers", "export", "runs"},
    # A teacher: any model.
    "tasks": LIGHT
    | {"layers", "data", "applications", "export", "models", "runs", "detection", "segmentation"},
    "reports": LIGHT | {"runs", "tasks", "detection", "segmentation"},
    "training": LIGHT
    | {"cli", "layers", "data", "applications", "runs", "tasks", "reports", "inspect"},
    "recipes": LIGHT
    | {"applications", "layers", "weights", "data", "training", "export", "inspect", "runs"}
    | {"cli", "models", "tasks", "reports", "detection", "segmentation"},
    "__main__": {"cli"},
}
# The package's own front door re-exports; it imports lazily and is not part of the order.
FRONT = {"kapps", "kapps._keras_hook", "kapps._transforms"}
NO_BACKEND = ("applications", "layers", "weights", "inspect", "detection")
NO_FAMILY = ("data", "export", "models", "tasks", "training")
KERNELS = {name for name in FILES if name.startswith("kapps.layers.kernels.")}  # one a backend
FAMILIES = {  # modules of one family each: all in applications that are not the machinery
    name
    for name in FILES
    if name.startswith("kapps.applications.") and not name.rpartition(".")[2].startswith("_")
} - {f"kapps.applications.{name}" for name in ("imagenet_utils", "named", "open_vocabulary")}


def area(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports(module: str) -> set[str]:
    """Modules that a module imports anywhere in it, lazily or not, as full names."""
    found = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} line {node.lineno}: imports are written in full"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in FILES else node.module)
    return found


def own(module: str) -> set[str]:
    """Those of them that are kapps's; `kapps` itself (for its registrations) does not count."""
    return {name for name in imports(module) if name.startswith("kapps.")}


@pytest.mark.parametrize("module", sorted(set(FILES) - FRONT))
def test_an_area_imports_only_what_it_may(module):
    here = area(module)
    assert here in ALLOWED, f"say in ALLOWED what {here!r} may import"
    for other in sorted(own(module)):
        if area(other) != here:
            assert other in FRONT or area(other) in ALLOWED[here], f"{module} imports {other}"


def test_areas_form_no_circle():
    done: set[str] = set()
    rest = dict(ALLOWED)
    while rest:
        free = {name for name, needs in rest.items() if needs - {name} <= done}
        assert free, f"a circle among {sorted(rest)}"
        done |= free
        rest = {name: needs for name, needs in rest.items() if name not in free}


def test_modules_form_no_circle_when_imported():
    """Top-level imports only: one inside a function is how a real circle would be hidden or cut."""
    edges = {}
    for module, tree in TREES.items():
        names = set()
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                names |= {f"{node.module}.{a.name}" for a in node.names} | {node.module}
            elif isinstance(node, ast.Import):
                names |= {a.name for a in node.names}
        edges[module] = (names & set(FILES)) - {module, module.rpartition(".")[0], "kapps"}
    state: dict[str, int] = {}

    def visit(module: str, path: tuple) -> None:
        assert state.get(module) != 1, " -> ".join((*path, module))
        if module not in state:
            state[module] = 1
            for other in edges[module]:
                visit(other, (*path, module))
            state[module] = 2

    for module in edges:
        visit(module, ())


@pytest.mark.parametrize("module", sorted(name for name in FILES if area(name) in NO_FAMILY))
def test_what_works_for_any_network_knows_no_family(module):
    assert not own(module) & FAMILIES


@pytest.mark.parametrize(
    "module", sorted(name for name in set(FILES) - KERNELS if area(name) in NO_BACKEND)
)
def test_models_name_no_backend(module):
    roots = {name.partition(".")[0] for name in imports(module)}
    assert not roots & BACKENDS


@pytest.mark.parametrize("module", sorted(FILES))
def test_no_exception_is_swallowed(module):
    broad = ("Exception", "BaseException")
    for node in ast.walk(TREES[module]):
        if not isinstance(node, ast.ExceptHandler):
            continue
        names = ast.walk(node.type) if node.type is not None else ()
        is_broad = node.type is None or any(
            isinstance(name, ast.Name) and name.id in broad for name in names
        )
        is_empty = all(isinstance(line, ast.Pass | ast.Continue) for line in node.body)
        assert not (is_broad and is_empty), f"line {node.lineno} swallows an exception"


@pytest.mark.parametrize("module", sorted(FILES))
def test_nothing_is_loaded_by_halves_or_passed_unseen(module):
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", "")
            assert name not in ("locals", "eval", "exec"), f"line {node.lineno} calls {name}()"
            keywords = {keyword.arg for keyword in node.keywords}
            assert "skip_mismatch" not in keywords, f"line {node.lineno} uses skip_mismatch"


@pytest.mark.parametrize("module", sorted(FILES))
def test_a_module_says_what_it_is(module):
    assert ast.get_docstring(TREES[module]), f"{module} has no docstring"


def test_no_two_classes_are_saved_under_one_name():
    """Keras looks a class up by package and name, and takes whichever was registered last."""
    found = {}
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and any(
                "register" in ast.dump(d) for d in node.decorator_list
            ):
                found.setdefault(node.name, []).append(module)
    assert len(found) > 50
    assert {name: modules for name, modules in found.items() if len(modules) > 1} == {}


HEAVY = ("keras", "tensorflow", "jax", "torch", "PIL", "h5py", "sklearn", "numpy")


@pytest.mark.parametrize(
    "code",
    [
        "import kapps",
        "import kapps.cli; kapps.cli.main(['--help'])",
        "import kapps.cli; kapps.cli.main(['list'])",
        "import kapps.cli; kapps.cli.main(['list', '--json'])",
        "import kapps.cli; kapps.cli.main(['info', 'MobileNetV2'])",
        "import kapps.cli; kapps.cli.main(['trian'])",
        "import kapps; kapps.list_models('*Lite*')",
    ],
)
def test_what_needs_no_keras_imports_none(code):
    child = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", child], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    "job", sorted(p.stem for p in (PACKAGE / "recipes").glob("*.py") if p.stem[0] != "_")
)
def test_asking_a_job_for_help_imports_no_keras(job):
    code = (
        f"import kapps.cli, sys; kapps.cli.main(['{job}', '--help']); print('keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith(f"usage: kapps {job}")
    assert done.stdout.endswith("False\n")


BACKENDS_AND_KERAS = {"keras", "tensorflow", "jax", "torch"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A bundle of each light kind with the data that its network knows, made in a child process."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "note.jpg").write_text("no picture")
    code = """
import sys, keras, numpy, PIL.Image
from kapps.export import child, export
folder, layers = sys.argv[1], keras.layers
network = keras.Sequential([keras.Input((16, 16, 3)), layers.Rescaling(1 / 255),
    layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(10, "softmax")])
with child.kept():
    for form in ("litert", "onnx"):
        export(network, f"{folder}/{form}", format=form, labels=list("0123456789"))
PIL.Image.fromarray(numpy.zeros((20, 20, 3), "uint8")).save(f"{folder}/black.png")
"""
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("predict {0}/black.png --model {0}/litert", 0),
        ("predict {0}/black.png --model {0}/onnx/model.onnx", 0),
        ("predict {0}/note.jpg", 2),
        ("predict {0}/note.jpg --model {0}/litert", 2),
        ("evaluate {0}/litert --data digits --limit 20", 0),
        ("evaluate {0}/onnx --data digits --limit 20", 0),
        ("evaluate EfficientNetLite0 --data folder:nowhere", 2),
        ("benchmark {0}/litert --rounds 1 --data digits --max-images 20", 0),
    ],
)
def test_what_needs_no_backend_imports_none(exported, words, status):
    code = (
        "import json, sys, kapps.cli; status = kapps.cli.main(sys.argv[1:]);"
        "print(); print(json.dumps([status, sorted(sys.modules)]))"
    )
    argv = words.format(exported).split()
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, text=True, timeout=60, check=True
    )
    got, loaded = json.loads(done.stdout.splitlines()[-1])
    assert got == status, done.stderr
    assert not set(loaded) & BACKENDS_AND_KERAS
