"""Masks as numpy arrays: how good they are, and how they look. No layers, no Keras."""
