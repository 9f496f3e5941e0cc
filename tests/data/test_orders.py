"""How often a picture comes in an epoch: balanced sampling and repeated augmentation."""

import numpy as np
import pytest

from kapps.data import Order, View, load
from kapps.data.orders import occurrences, times

from . import pictures


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    pictures.write_class_folders(folder, {"common": 24, "rare": 3, "some": 9}, (48, 40))
    return folder


def opened(photos, **options):
    given = {"size": 16, "training": True, "batch_size": 6, "drop_remainder": True, "seed": 3}
    return load(photos, split="all", **{**given, **options})


@pytest.mark.parametrize(
    ("balance", "shares"),
    [
        (1.0, [12, 12, 12]),  # of 36 pictures
        # equation 1 of arXiv:1910.09217 with q = 1/2, and with q = 1
        (0.5, 36 * np.sqrt([24, 3, 9]) / np.sqrt([24, 3, 9]).sum()),
        (0.0, [24, 3, 9]),
    ],
)
def test_classes_come_in_the_shares_of_the_paper(photos, balance, shares):
    dataset = opened(photos, order=Order(balance), cache="none")
    assert len(np.concatenate([y for _, y in dataset])) == 36
    found = [np.bincount(dataset.labels[dataset._order(i)], minlength=3) for i in range(50)]
    np.testing.assert_allclose(np.mean(found, axis=0), shares, atol=0.5)
    assert np.abs(np.array(found) - shares).max() < 1.0  # no epoch is far from it


def test_within_a_class_pictures_come_alike():
    groups = np.array([0] * 24 + [1] * 3 + [2] * 9)
    rng = np.random.default_rng(0)
    found = np.array([times(groups, 1.0, rng) for _ in range(200)])
    assert (found.sum(axis=1) == 36).all()
    assert set(np.unique(found[:, 24:27])) == {4}  # 12 of 3
    assert set(np.unique(found[:, 27:])) == {1, 2} and set(np.unique(found[:, :24])) == {0, 1}
    np.testing.assert_allclose(found[:, :24].mean(axis=0), 0.5, atol=0.15)
    np.testing.assert_allclose(found[:, 27:].mean(axis=0), 12 / 9, atol=0.15)


def test_a_picture_that_comes_again_is_another_piece(photos):
    dataset = opened(photos, order=Order(balance=1.0), batch_size=36)
    images, labels = next(iter(dataset))
    rare = images[labels == 1]
    assert len(rare) == 12
    assert len(np.unique(rare.reshape(12, -1), axis=0)) == 12
    assert set(occurrences(dataset._order(0))[labels == 1]) == {0, 1, 2, 3}


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_repeated_augmentation(photos, cache):
    """Each picture twice in its batch; the first time as without, the second time cut anew."""
    plain = opened(photos, cache=cache, batch_size=18)
    twice = opened(photos, cache=cache, order=Order(repeats=2), batch_size=36)
    (one, labels), (images, found) = next(iter(plain)), next(iter(twice))
    np.testing.assert_array_equal(found, np.repeat(labels, 2))
    np.testing.assert_array_equal(images[::2], one)
    assert (images[1::2] != one).any(axis=(1, 2, 3)).all()
    colour = np.abs(images[1::2].mean((1, 2), float) - one.mean((1, 2), float)).max()
    assert colour < 40
    # An epoch of half of the pictures; the next one draws others.
    assert len(np.unique(twice._order(0))) == len(np.unique(twice._order(1))) == 18
    assert len(np.unique([twice._order(0), twice._order(1)])) > 18


def test_three_times_where_the_batch_is_no_multiple(photos):
    order = opened(photos, order=Order(repeats=5))._order(0)
    assert len(order) == 36
    np.testing.assert_array_equal(occurrences(order)[:12], [0, 1, 2, 3, 4] * 2 + [0, 1])


@pytest.mark.parametrize("order", [Order(1.0), Order(repeats=3), Order(0.5, 2)], ids=str)
def test_an_epoch_is_the_same_anew_and_in_parts(photos, order):
    """What resuming, `epochs` and several processes need."""
    whole = opened(photos, order=order)
    whole.set_epoch(2)
    again = opened(photos, order=order).epochs(2, 3).as_numpy_iterator()
    parts = [opened(photos, order=order, share=(rank, 2)) for rank in (0, 1)]
    for part in parts:
        part.set_epoch(2)
    for (images, labels), (same, more), *halves in zip(whole, again, *parts, strict=True):
        np.testing.assert_array_equal(images, same)
        np.testing.assert_array_equal(labels, more)
        for i, batch in enumerate((images, labels)):
            np.testing.assert_array_equal(batch, np.concatenate([half[i] for half in halves]))


def test_shards_are_still_read_from_front_to_back():
    """Of three files one after the other, `mixed=16` at a time: each picture as often as drawn."""
    files, groups = np.repeat([0, 1, 2], 12), np.array([0] * 33 + [1] * 3)
    order = Order(1.0).draw(36, np.random.default_rng(0), groups, files)
    np.testing.assert_array_equal(np.bincount(groups[order]), [18, 18])


def test_a_view_of_the_first_ones_piece(photos):
    views = [View(cut_only=True), View(of_first=True, augment="solarize(probability=1)")]
    plain = opened(photos, augment="default")
    both = opened(photos, views=views, augment="default+erase")
    for (images, _), ((first, second), _) in zip(plain, both, strict=True):
        np.testing.assert_array_equal(first, images)
        np.testing.assert_array_equal(second, np.where(images >= 128, 255 - images, images))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"order": Order(1.0), "training": False}, "has no effect with training=False"),
        (
            {"order": Order(1.0), "annotation": "none"},
            "balance=1.0 needs classes .* knows none",
        ),
        ({"views": [View(of_first=True)]}, "of_first is for a later view"),
        ({"views": [View(), View(of_first=True, size=8)]}, "has the first one's size"),
    ],
)
def test_what_cannot_be_is_refused(photos, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        opened(photos, **{"drop_remainder": options.get("training", True), **options})


@pytest.mark.parametrize(("name", "value"), [("balance", 1.5), ("repeats", 0)])
def test_numbers_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"{name}={value} is"):
        Order(**{name: value})
