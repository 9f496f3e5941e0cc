"""Names to look for: which are refused, and what becomes of them."""

import sys

import numpy as np
import pytest

from kapps.detection import vocabulary
from kapps.errors import MissingFileError, MissingPackageError, SettingsError
from kapps.layers import Vocabulary


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("cat", r"names='cat': expected a list of texts"),
        ([], "names are empty"),
        (["cat", " "], r"names\[1\]=' ' is empty; drop it"),
        (["cat", "dog", "cat "], r"names\[2\]='cat' is there twice"),
        (["cat", 3], "expected a list of texts"),
    ],
)
def test_names_that_are_none(names, sentence):
    with pytest.raises(ValueError, match=sentence):
        vocabulary.checked(names)


def test_embeddings_come_from_a_function_an_array_or_a_file(tmp_path):
    rows = np.arange(6, dtype="float32").reshape(3, 2)
    by_length = vocabulary.encode(["ab", "c"], "clip", lambda names: [[len(n), 0] for n in names])
    assert by_length == [[2, 0], [1, 0]]
    assert vocabulary.encode(["a", "b", "c"], "clip", rows) is rows
    np.savez(tmp_path / "words.npz", names=["cat", "traffic light", "dog"], embeddings=rows)
    names, look_up = vocabulary.of_words([str(tmp_path / "words.npz")])
    assert names == ["cat", "traffic light", "dog"]
    np.testing.assert_array_equal(look_up(["dog", "cat"]), rows[[2, 0]])
    with pytest.raises(SettingsError, match="has no embedding of 'dogs'; did you mean 'dog'"):
        look_up(["dogs"])
    assert vocabulary.of_words(["cat", "traffic light"]) == (["cat", "traffic light"], None)


def test_files_that_are_no_vocabulary(tmp_path):
    with pytest.raises(MissingFileError, match="there is no vocabulary file"):
        vocabulary.of_words([str(tmp_path / "words.npz")])
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(SettingsError, match="is no vocabulary .*expected what numpy.savez"):
        vocabulary.of_words([str(tmp_path / "other.npz")])
    np.savez(tmp_path / "short.npz", names=["a", "b"], embeddings=np.zeros((1, 2)))
    with pytest.raises(SettingsError, match="has 2 names and 1 embeddings"):
        vocabulary.of_words([str(tmp_path / "short.npz")])


def test_without_the_package_of_the_encoder_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'kapps\[text\]'`, or give"):
        vocabulary.encode(["cat"], "clip")


def test_embeddings_of_another_encoder_are_refused():
    layer = Vocabulary(2, 4)
    with pytest.raises(ValueError, match=r"have the shape \(3, 5\); expected \(3, 4\)"):
        layer.values(["a", "b", "c"], np.zeros((3, 5)))
    with pytest.raises(ValueError, match="not finite"):
        layer.values(["a"], np.full((1, 4), np.nan))
    assert layer(np.zeros((5, 1))).shape == (5, 2, 4) and layer.is_empty
