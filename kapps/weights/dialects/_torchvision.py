"""Names that several of torchvision's families share."""


def inverted_residual(block: str, ours: str, expands: bool = True) -> tuple[tuple[str, str], ...]:
    """Rows for the numbered parts of a block: expand, depthwise, perhaps squeeze, project.

    Args:
        block: regular expression of the block's name. ours: template of our name for it.
        expands: whether its first part is the expansion.
    """
    first = rf"{block}\.0"
    depthwise, project = (
        (rf"{block}\.1", rf"{block}\.[23]") if expands else (first, rf"{block}\.[12]")
    )
    return (
        *(_convolution(first, f"{ours}_expand") if expands else ()),
        *_convolution(depthwise, f"{ours}_depthwise"),
        (rf"{block}\.\d\.fc1", f"{ours}_se_reduce_conv"),
        (rf"{block}\.\d\.fc2", f"{ours}_se_expand_conv"),
        *_convolution(project, f"{ours}_project"),
    )


def _convolution(name: str, ours: str) -> tuple[tuple[str, str], ...]:
    return (rf"{name}\.0", f"{ours}_conv"), (rf"{name}\.1", f"{ours}_norm")


STEM = _convolution(r"features\.0", "stem")


def head(numbers: str) -> tuple[tuple[str, str], ...]:
    """Rows for the last convolution, whose number is one of those of the regular expression."""
    return _convolution(rf"features\.(?:{numbers})", "head")


def pyramid(lowest: int) -> tuple[tuple[str, str], ...]:
    """Rows for a feature pyramid whose first map has the level `lowest`."""
    return (
        (r"backbone\.fpn\.inner_blocks\.(\d)(?:\.0)?", f"neck_lateral{{0:+{lowest}}}_conv"),
        (r"backbone\.fpn\.layer_blocks\.(\d)(?:\.0)?", f"neck_output{{0:+{lowest}}}_conv"),
        (r"backbone\.fpn\.inner_blocks\.(\d)\.1", f"neck_lateral{{0:+{lowest}}}_norm"),
        (r"backbone\.fpn\.layer_blocks\.(\d)\.1", f"neck_output{{0:+{lowest}}}_norm"),
        (r"backbone\.fpn\.extra_blocks\.p(\d)", "neck_output{0}_conv"),
    )
