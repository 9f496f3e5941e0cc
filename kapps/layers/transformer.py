"""The blocks that networks of tokens share; `Blocks` has them beside those of convolutions."""

from functools import partial

from kapps.layers.attention import Attention
from kapps.layers.scaling import drop_path_rates
from kapps.layers.tokens import (
    ClassToken,
    MapToTokens,
    PositionEmbedding,
    TokenPooling,
    TokensToMap,
)


class TokenBlocks:
    """What `Blocks` says of tokens (batch, tokens, channels)."""

    def grid(self, x, patch) -> tuple[int, int]:
        """Patches along the height and the width of a map of known size."""
        height, width = x.shape[1:3] if self.axis == -1 else x.shape[2:4]
        return height // patch, width // patch

    def patch_embed(self, x, filters, patch, use_bias=True, *, name):
        """Cut a map into patches and make a token of each, by the convolution `<name>_conv`.

        Source: An Image is Worth 16x16 Words (Dosovitskiy et al., 2020), equation 1.
        """
        x = self.conv(
            x,
            filters,
            patch,
            strides=patch,
            padding="valid",
            use_bias=use_bias,
            name=f"{name}_conv",
        )
        return self.to_tokens(x, name=f"{name}_tokens")

    def to_tokens(self, x, *, name):
        """The layer `name`: a map as tokens, row by row."""
        return MapToTokens(self.data_format, name=name)(x)

    def to_map(self, x, grid, prefix=0, *, name):
        """The layer `name`: tokens as a map of `grid` (height, width), without the `prefix`."""
        return TokensToMap(*grid, prefix, self.data_format, name=name)(x)

    def class_token(self, x, count=1, *, name):
        """The layer `name`: `count` learnt tokens before the others."""
        return ClassToken(count, name=name)(x)

    def position_embedding(self, x, grid, prefix=0, *, name):
        """The layer `name`: a learnt vector for each place of `grid` and of the `prefix`."""
        return PositionEmbedding(*grid, prefix, name=name)(x)

    def token_pool(self, x, mode, prefix, count=1, *, name):
        """The layer `name`: "token" takes the first `count`, "avg" and "max" go over patches."""
        return TokenPooling(mode, prefix, count, name=name)(x)

    def attention(self, x, num_heads, core=Attention, use_bias=True, *, name):
        """Tokens look at each other: `<name>_qkv`, `name`, `<name>_project`.

        Args:
            core: an `Attention` class, or what is called like one.
            use_bias: whether queries, keys and values have a bias.
        """
        channels = x.shape[-1]
        x = self.dense(x, 3 * channels, use_bias=use_bias, name=f"{name}_qkv")
        x = core(num_heads, name=name)(x)
        return self.dense(x, channels, name=f"{name}_project")

    def mlp(self, x, units, activation=None, *, name):
        """Widen to `units` and back: `<name>_expand`, `<name>_act`, `<name>_project`."""
        channels = x.shape[-1]
        x = self.dense(x, units, name=f"{name}_expand")
        x = self.act(x, activation, name=f"{name}_act")
        return self.dense(x, channels, name=f"{name}_project")

    def encoder(
        self,
        x,
        depth,
        num_heads,
        mlp_units,
        *,
        attention=None,
        mlp=None,
        layer_scale=None,
        drop_path=0.0,
        epsilon=1e-6,
    ):
        """`depth` transformer blocks, in four stages of equal length that differ in nothing.

        Args:
            attention, mlp: the branches of `transformer_block`, where they are not the plain ones.
        """
        attention = attention or partial(self.attention, num_heads=num_heads)
        mlp = mlp or partial(self.mlp, units=mlp_units)
        rates = drop_path_rates(drop_path, depth, last=True)
        for index, rate in enumerate(rates):
            stage, block = divmod(index, -(-depth // 4))
            x = self.transformer_block(
                x, attention, mlp, layer_scale, rate, epsilon,
                name=f"stage{stage + 1}_block{block + 1}",
            )  # fmt: skip
        return x

    def transformer_block(
        self,
        x,
        attention,
        mlp,
        layer_scale=None,
        drop_path=0.0,
        epsilon=1e-6,
        *,
        name,
    ):
        """Normalise, attend, add; normalise, widen and back, add.

        Source: An Image is Worth 16x16 Words (Dosovitskiy et al., 2020), equations 2 and 3; the
        scales are those of Going Deeper with Image Transformers (Touvron et al., 2021).

        Args:
            attention, mlp: `function(x, name=...) -> x`, the two branches.
            layer_scale: first value of their learnt scales; None for none.
        """
        for branch, part in ((attention, "attention"), (mlp, "mlp")):
            part = f"{name}_{part}"
            y = branch(self.layer_norm(x, epsilon, name=f"{part}_norm"), name=part)
            if layer_scale is not None:
                y = self.layer_scale(y, layer_scale, name=f"{part}_scale")
            x = self.residual(x, y, drop_path, name=part)
        return x
