"""Names to look for: which are refused, and what becomes of them."""

import sys
from types import SimpleNamespace

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


def test_names_are_phrases_that_bert_reads_alone(monkeypatch):
    """A network that says which token is where, and how many it sees, in place of BERT."""
    torch = pytest.importorskip("torch")
    words = {
        "[PAD]": 0,
        "[CLS]": 1,
        "[SEP]": 2,
        ".": 3,
        "?": 4,
        "cat": 5,
        "remote": 6,
        "control": 7,
    }

    class Tokenizer:
        def convert_tokens_to_ids(self, tokens):
            return [words[token] for token in tokens]

        def __call__(self, texts, add_special_tokens):
            assert not add_special_tokens
            split = [text.replace(".", " .").split() for text in texts]
            return SimpleNamespace(input_ids=[[words[w] for w in text] for text in split])

        def pad(self, rows, return_tensors):
            assert return_tensors == "pt"
            longest = max(map(len, rows["input_ids"]))
            ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows["input_ids"]])
            return {"input_ids": ids, "attention_mask": (ids > 0).long()}

    def network(input_ids, attention_mask):
        places = torch.arange(input_ids.shape[1]).expand_as(input_ids)
        seen = attention_mask.sum(1, keepdim=True).expand_as(input_ids)
        state = torch.stack([input_ids, places, seen], -1).float()
        return SimpleNamespace(last_hidden_state=state)

    dino = SimpleNamespace(text_backbone=network)
    fake = SimpleNamespace(
        AutoTokenizer=SimpleNamespace(from_pretrained=lambda _: Tokenizer()),
        AutoModel=SimpleNamespace(from_pretrained=lambda _: dino),
    )
    monkeypatch.setitem(sys.modules, "transformers", fake)
    monkeypatch.setattr(vocabulary, "BATCH", 3)
    said = vocabulary.encode(["Cat", "remote control"], "grounding-dino-tiny")
    none = [np.nan] * 3
    np.testing.assert_array_equal(
        said,
        [
            [[1, 0, 1], [5, 0, 2], [3, 1, 2], [2, 0, 1], none],
            [[1, 0, 1], [6, 0, 3], [7, 1, 3], [3, 2, 3], [2, 0, 1]],
        ],
    )
    with pytest.raises(ValueError, match=r"name 'cat\. remote': a full stop or \? ends"):
        vocabulary.encode(["cat. remote"], "grounding-dino-tiny")
    with pytest.raises(ValueError, match=r"name 'cat cat cat cat cat '\.\.\. has 300 tokens; at"):
        vocabulary.encode([" ".join(["cat"] * 300)], "grounding-dino-tiny")
