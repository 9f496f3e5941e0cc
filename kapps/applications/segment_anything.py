"""SAM, whole: Segment Anything (Kirillov et al., 2023, arXiv:2304.02643).

The image encoder of `sam.py` says once what is where; points, corners of boxes and earlier masks
become tokens, and a small decoder answers with three masks of a quarter of the input's size, and
how well each fits. `kapps.segment(model, image, points=..., boxes=...)` does it for a photo.

Inputs, by name: `image`; `points` (batch, P, 2), x and y in pixels of the input; `labels`
(batch, P), 1 on the thing, 0 beside it, 2 and 3 the left top and right bottom corner of a box, -1
for nothing; `mask` (batch, height / 4, width / 4), logits of an earlier answer, zeros for none.
"""

import keras
from keras import layers

from kapps.applications._application import Flavor, reference
from kapps.applications._dense import DenseApplication
from kapps.applications.sam import NECK as CHANNELS
from kapps.layers import (
    Blocks,
    FourierPlaces,
    GridPlaces,
    MaskOrNone,
    MaskProducts,
    PixelShares,
    PromptTokens,
    Queries,
    TokenRows,
    conv_transpose,
)

HEADS, INSIDE, MLP, BLOCKS = 8, 128, 2048, 2  # appendix A, "Lightweight mask decoder"
MASKS = 4  # one for prompts that leave no doubt, and three for those that do
STRIDE = 16
# The decoder's as transformers has it; its authors' own code has 1e-5.
EPSILON = 1e-6


def prompts(image_size: tuple[int, int]) -> dict:
    """The inputs beside the image."""
    height, width = (side // 4 for side in image_size)
    return {
        "points": keras.Input((None, 2), name="points"),
        "labels": keras.Input((None,), dtype="int32", name="labels"),
        "mask": keras.Input((height, width), name="mask"),
    }


def mask_tokens(mask, nn: Blocks, size: tuple[int, int]):
    """A mask at the size of the encoder's map, as tokens."""
    channels_last = nn.data_format == "channels_last"
    shape = (*size, 1) if channels_last else (1, *size)
    x = layers.Reshape(shape, name="head_mask_map")(mask)
    for index, filters in enumerate((4, 16), 1):
        x = nn.conv(x, filters, 2, strides=2, padding="valid", name=f"head_mask_{index}_conv")
        x = nn.layer_norm(x, EPSILON, name=f"head_mask_{index}_norm")
        x = nn.act(x, "gelu", name=f"head_mask_{index}_act")
    x = nn.conv(x, CHANNELS, name="head_mask_3_conv")
    return MaskOrNone(name="head_mask")([nn.to_tokens(x, name="head_mask_tokens"), mask])


def add(x, y, name: str):
    return layers.Add(name=name)([x, y])


def two_way_block(x, places, memory, memory_places, nn: Blocks, first: bool, *, name: str):
    """The prompts look at each other and at the image, then the image at the prompts: figure 14.

    Args:
        x, places: (batch, T, channels), tokens and what they were at the beginning.
        memory, memory_places: (batch, height * width, channels), of the image.
        first: whether the tokens are still what they were.

    Returns:
        Both anew: (tokens, memory).
    """

    def looks(query, key, value, inside, part):
        return nn.cross_attention(query, key, value, HEADS, inside, name=f"{name}_{part}")

    if first:
        x = nn.layer_norm(looks(x, x, x, None, "self"), EPSILON, name=f"{name}_self_norm")
    else:
        placed = add(x, places, f"{name}_self_places")
        y = looks(placed, placed, x, None, "self")
        x = nn.norm_after(x, y, epsilon=EPSILON, name=f"{name}_self")
    seen = add(memory, memory_places, f"{name}_image_places")
    y = looks(add(x, places, f"{name}_cross_places"), seen, memory, INSIDE, "cross")
    x = nn.norm_after(x, y, epsilon=EPSILON, name=f"{name}_cross")
    y = nn.mlp(x, MLP, "relu", name=f"{name}_mlp")
    x = nn.norm_after(x, y, epsilon=EPSILON, name=f"{name}_mlp")
    y = looks(seen, add(x, places, f"{name}_back_places"), x, INSIDE, "back")
    return x, nn.norm_after(memory, y, epsilon=EPSILON, name=f"{name}_back")


def perceptron(x, nn: Blocks, outputs: int, *, name: str):
    for layer in (1, 2):
        x = nn.dense(x, CHANNELS, "relu", name=f"{name}_{layer}")
    return nn.dense(x, outputs, name=f"{name}_3")


def decoder(maps, nn: Blocks, *, prompts: dict, image_size: tuple[int, int], multimask: bool):
    """Prompt encoder and mask decoder."""
    (image,) = maps
    grid = nn.grid(image, 1)
    fourier = FourierPlaces(CHANNELS, name="head_places")
    shares = PixelShares(image_size, name="head_shares")
    points = PromptTokens(name="head_prompts")(
        [fourier(shares(prompts["points"])), prompts["labels"]]
    )
    tokens = Queries(1 + MASKS, name="head_tokens")(points)
    places = x = layers.Concatenate(axis=1, name="head_all_tokens")([tokens, points])
    mask = mask_tokens(prompts["mask"], nn, tuple(side // 4 for side in image_size))
    memory = add(nn.to_tokens(image, name="head_image"), mask, "head_image_mask")
    memory_places = fourier(GridPlaces(*grid, name="head_grid")(memory))
    for block in range(1, BLOCKS + 1):
        name = f"head_block{block}"
        x, memory = two_way_block(x, places, memory, memory_places, nn, block == 1, name=name)
    query = add(x, places, "head_last_places")
    seen = add(memory, memory_places, "head_last_image_places")
    y = nn.cross_attention(query, seen, memory, HEADS, INSIDE, name="head_last")
    x = nn.norm_after(x, y, name="head_last")
    return answers(x, memory, nn, grid, multimask)


def answers(x, memory, nn: Blocks, grid: tuple[int, int], multimask: bool) -> dict:
    """From the first token how well masks fit, from the others the masks: figure 14."""
    image = nn.to_map(memory, grid, name="head_map")
    image = conv_transpose(image, nn, CHANNELS // 4, 2, name="head_up_1_conv")
    image = nn.layer_norm(image, EPSILON, name="head_up_1_norm")
    image = nn.act(image, "gelu", name="head_up_1_act")
    image = conv_transpose(image, nn, CHANNELS // 8, 2, name="head_up_2_conv")
    image = nn.act(image, "gelu", name="head_up_2_act")
    pixels = nn.to_tokens(image, name="head_pixels")
    vectors = [
        perceptron(
            TokenRows(index, index + 1, name=f"head_mask_token{index}")(x),
            *(nn, CHANNELS // 8),
            name=f"head_vector{index}",
        )
        for index in range(1, MASKS + 1)
    ]
    vectors = layers.Concatenate(axis=1, name="head_vectors")(vectors)
    masks = MaskProducts(*(4 * side for side in grid), name="head_masks")([vectors, pixels])
    scores = TokenRows(0, 1, name="head_score_token")(x)
    scores = perceptron(scores, nn, MASKS, name="head_score")
    scores = layers.Reshape((MASKS,), dtype="float32", name="head_scores")(scores)
    chosen = (1, MASKS) if multimask else (0, 1)
    return {
        "masks": TokenRows(*chosen, dtype="float32", name="masks")(masks),
        "scores": TokenRows(*chosen, dtype="float32", name="scores")(scores),
    }


def _application(size: str) -> DenseApplication:
    return DenseApplication(
        f"SAM{size}",
        "prompting",
        decoder,
        f"SAMViT{size}16",
        levels=("last",),
        prompts=prompts,
        size=1024,
        min_size=STRIDE,
        channels=3,
        classes=1,
        flavors={"torch": Flavor("torch", padding="symmetric")},
        arguments={"multimask": True},
        resize="border",
        references=(reference(f"transformers/facebook/sam-vit-{size.lower()}", "torch"),),
    )


SAMBase = _application("Base")
SAMLarge = _application("Large")
SAMHuge = _application("Huge")

__all__ = ["SAMBase", "SAMHuge", "SAMLarge"]
