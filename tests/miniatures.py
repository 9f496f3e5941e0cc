"""Networks with fewer blocks and channels than the published ones, made of the same layers.

What holds for each kind of layer, or for how an application is put together, is as true of two
blocks as of twenty-four. `make test` builds, saves and converts these; `make test-all` the whole
networks.
"""

from dataclasses import replace

SMALLER = {  # family: what of its configuration is less
    "bit": {"depths": (2, 1, 1, 1)},
    "clip_resnet": {"depths": (2, 1, 1, 1), "width": 16},
    "convnext": {"depths": (1, 1, 1, 1)},
    "convnext_v2": {"depths": (1, 1, 1, 1)},
    "densenet": {"depths": (2, 2, 2, 2)},
    "resnet_cifar": {"depth": 14},
    "resnet_v2": {"depths": (2, 1, 1, 1)},
    "efficientnet": {"alpha": 0.5, "depth": 0.5},
    "efficientnet_lite": {"alpha": 0.5, "depth": 0.5},
    "efficientnet_v2": {"alpha": 0.5, "depth": 0.5},
    "nasnet": {"penultimate_filters": 288, "num_blocks": 1},
    "repvgg": {"depths": (1, 2, 1, 1), "widths": (0.25, 0.5)},
    "swin": {"channels": 32, "depths": (2, 2, 2, 2), "heads": (1, 2, 4, 8)},
    "vit": {"depth": 4},
    "deit": {"depth": 4},
    "dinov3": {"channels": 192, "depth": 4, "num_heads": 3},
    "siglip": {"channels": 192, "depth": 4, "num_heads": 3},
    "sam": {"channels": 192, "depth": 8, "num_heads": 3},  # in a quarter: a window, then all
    "beit": {"channels": 192, "depth": 4, "num_heads": 3},
}


def miniature(app):
    """The application with less of what SMALLER says, or itself.

    Raises:
        KeyError: the family has no such setting.
    """
    less = SMALLER.get(app.family)
    if less is None:
        return app
    if unknown := set(less) - set(app.config):
        raise KeyError(f"{app.name} has no {', '.join(sorted(unknown))} in its configuration")
    return replace(app, config={**app.config, **less})
