"""The blocks that networks of tokens share; `Blocks` has them beside those of convolutions."""

from functools import partial

from keras import layers

from kapps.layers.attention import Attention
from kapps.layers.cross_attention import CrossAttention
from kapps.layers.initializers import initializer
from kapps.layers.mean_dense import MeanDense
from kapps.layers.query_value_bias import QueryValueBias
from kapps.layers.scaling import drop_path_rates
from kapps.layers.token_windows import Unwindows, Windows
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

    def windowed(self, x, grid, window, shift, attention, pad_first=False, *, name):
        """`attention(x, name=name)` within the windows of a grid of tokens; see `Windows`."""
        x = Windows(grid, window, shift, pad_first, name=f"{name}_windows")(x)
        x = attention(x, name=name)
        return Unwindows(grid, window, shift, pad_first, name=f"{name}_unwindows")(x)

    def scale(self, x, factor, *, name):
        """The layer `name`: a product with one fixed number."""
        return layers.Rescaling(factor, name=name)(x)

    def mean_dense(self, x, units, parts, activation=None, dtype=None, *, name):
        """The layer `name`: `parts` fully connected layers in one; see `MeanDense`."""
        return MeanDense(
            units,
            parts=parts,
            activation=activation,
            dtype=dtype,
            kernel_initializer=initializer(self.kernel_initializer),
            bias_initializer=initializer("zeros"),
            name=name,
        )(x)

    def attention(self, x, num_heads, core=Attention, use_bias=True, *, name):
        """Tokens look at each other: `<name>_qkv`, `name`, `<name>_project`.

        Args:
            core: an `Attention` class, or what is called like one.
            use_bias: whether queries, keys and values have a bias; "query_value" leaves the keys
                without.
        """
        channels = x.shape[-1]
        x = self.dense(x, 3 * channels, use_bias=use_bias is True, name=f"{name}_qkv")
        if use_bias == "query_value":
            x = QueryValueBias(name=f"{name}_qkv_bias")(x)
        x = core(num_heads, name=name)(x)
        return self.dense(x, channels, name=f"{name}_project")

    def cross_attention(self, query, key, value, num_heads, channels=None, mask=None, *, name):
        """Tokens look at others: `<name>_query`, `_key`, `_value`, `name`, `<name>_project`.

        Args:
            query, key, value: (batch, tokens, ...); places are added to the first two alone, so
                that a token's own place is not in what the others see of it.
            channels: within; those of the query where None.
            mask: what is added to the products, see `CrossAttention`.
        """
        inside = channels or query.shape[-1]
        parts = {"query": query, "key": key, "value": value}
        parts = [self.dense(x, inside, name=f"{name}_{part}") for part, x in parts.items()]
        parts += [] if mask is None else [mask]
        x = CrossAttention(num_heads, name=name)(parts)
        return self.dense(x, query.shape[-1], name=f"{name}_project")

    def norm_after(self, x, y, dropout=0.0, epsilon=1e-5, *, name):
        """Add a branch and normalise: `<name>_dropout`, `<name>_add`, `<name>_norm`.

        Source: Attention Is All You Need (Vaswani et al., 2017), section 3.1.
        """
        y = self.dropout(y, dropout, name=f"{name}_dropout")
        return self.layer_norm(self.residual(x, y, name=name), epsilon, name=f"{name}_norm")

    def gated_mlp(self, x, units, norm_epsilon=None, *, name):
        """A SwiGLU: `<name>_gate` and `<name>_expand` multiply, then back to the channels.

        Source: GLU Variants Improve Transformer (Shazeer, 2020), equation 6. `norm_epsilon` adds
        EVA-02's normalisation of the product.
        """
        channels = x.shape[-1]
        gate = self.dense(x, units, name=f"{name}_gate")
        gate = self.act(gate, "silu", name=f"{name}_gate_act")
        x = self.dense(x, units, name=f"{name}_expand")
        x = layers.Multiply(name=f"{name}_gated")([gate, x])
        if norm_epsilon is not None:
            x = self.layer_norm(x, norm_epsilon, name=f"{name}_inner_norm")
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
        norm_last=False,
        *,
        name,
    ):
        """Normalise, attend, add; normalise, widen and back, add.

        Source: An Image is Worth 16x16 Words (Dosovitskiy et al., 2020), equations 2 and 3; the
        scales are those of Going Deeper with Image Transformers (Touvron et al., 2021).

        Args:
            attention, mlp: `function(x, name=...) -> x`, the two branches.
            layer_scale: first value of their learnt scales; None for none.
            norm_last: whether the branches are normalised at their ends, as in Swin Transformer V2.
        """
        for branch, part in ((attention, "attention"), (mlp, "mlp")):
            part = f"{name}_{part}"
            y = x if norm_last else self.layer_norm(x, epsilon, name=f"{part}_norm")
            y = branch(y, name=part)
            if norm_last:
                y = self.layer_norm(y, epsilon, name=f"{part}_norm")
            if layer_scale is not None:
                y = self.layer_scale(y, layer_scale, name=f"{part}_scale")
            x = self.residual(x, y, drop_path, name=part)
        return x
