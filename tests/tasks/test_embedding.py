"""A map of pictures, those alike and those apart, of rows that are known."""

import json

import numpy as np
import pytest

from kapps.tasks import embedding, findings
from kapps.tasks.findings import Samples, Scatter

RANDOM = np.random.default_rng(0)
CENTRES = np.eye(3, 8) * 10


@pytest.fixture(scope="module")
def rows():
    """Three heaps of 20 rows, a copy of the fifth and a row that points the other way."""
    heaps = np.concatenate([c + RANDOM.normal(size=(20, 8)) for c in CENTRES])
    return np.concatenate([heaps, heaps[4:5] * 1.001, -np.ones((1, 8))])


@pytest.mark.parametrize("method", ["pca", "tsne"])  # umap: tests/recipes/test_report.py
def test_heaps_stay_together(rows, method):
    places = embedding.project(rows[:60], method)
    assert places.min() == 0 and places.max() == pytest.approx(1)
    heaps = places.reshape(3, 20, 2)
    centres = heaps.mean(axis=1)
    apart = min(np.linalg.norm(centres[i] - centres[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert np.linalg.norm(heaps - centres[:, None], axis=-1).mean() < apart / 4


def test_copies_and_outliers_are_named(rows):
    labels = np.r_[np.repeat([0, 1, 2], 20), 1, 2]  # the copy has another label
    files = [f"{i}.png" for i in range(62)]
    found = embedding.of_rows(rows, labels, ["a", "b", "c"], files, "pca")
    scatter, alike, apart = found
    assert isinstance(scatter, Scatter) and len(scatter.points) == 62
    assert isinstance(alike, Samples) and [s.index for s in alike.samples[:2]] == [4, 60]
    assert not alike.samples[0].right and alike.samples[0].caption == "1: a 4.png"
    assert apart.samples[0].index == 61
    again = findings.from_plain(json.loads(json.dumps(findings.to_plain(found))))
    assert again[0].points == list(scatter.points)


def test_neighbours_are_those_of_all_pairs(rows, monkeypatch):
    monkeypatch.setattr(embedding, "BLOCK", 7)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -9)
    _, apart = embedding.neighbours(rows)
    expected = 1 - np.sort(cosines, axis=1)[:, -10:].mean(axis=1)
    np.testing.assert_allclose(apart, expected, atol=1e-5)
