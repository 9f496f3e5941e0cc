"""Signs of trouble in gradients and units."""

from kapps.inspect import signs


def test_one_gradient_out_of_line_explodes():
    text = signs.exploding(2.0, 900.0, {"conv/kernel": 0.1})
    assert "450 times the usual" in text and "clip_norm=4" in text
    assert signs.exploding(2.0, 150.0, {"conv/kernel": 0.1}) is None


def test_gradients_longer_than_the_weights_explode():
    assert "initializer=recipe" in signs.exploding(1e3, 2e3, {"a": 500.0, "b": 400.0, "c": 0.1})
    assert signs.exploding(1e3, 2e3, {"a": 500.0, "b": 0.4, "c": 0.1}) is None


def test_a_first_layer_without_gradient_is_told():
    text = signs.vanishing({"first": 1e-7, "middle": 1e-4, "last": 0.01})
    assert "first gets 1/100,000 of what last gets" in text
    assert signs.vanishing({"first": 1e-5, "last": 0.01}) is None
    assert signs.vanishing({"last": 0.01}) is None


def test_half_a_layer_that_is_dead_is_told():
    text = signs.dying({"one": 0.5, "two": 0.1, "three": 0.75}, 256)
    assert "75% of three (and in 1 more layers)" in text and "256 pictures" in text
    assert signs.dying({"one": 0.4}, 256) is None
