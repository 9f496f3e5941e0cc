"""The blocks that convolutional families share, under one set of conventions.

References differ in how they pad, normalise and order channels; papers do not say. `Blocks` holds
those conventions, and a family writes its network with it: `nn.conv_norm_act(x, 32, 3, strides=2,
name="stem")` adds the layers `stem_conv`, `stem_norm` and `stem_act`.
"""

from dataclasses import dataclass
from functools import partial

from keras import layers

from kapps.layers.activations import activation as named
from kapps.layers.channel_padding import ChannelPadding
from kapps.layers.convolution import Conv2D, DepthwiseConv2D, StandardizedConv2D
from kapps.layers.initializers import Constant, initializer
from kapps.layers.layer_scale import LayerScale
from kapps.layers.normalization import BatchNormalization, GroupNormalization, LayerNormalization
from kapps.layers.pooling import AveragePooling2D, MaxPooling2D
from kapps.layers.transformer import TokenBlocks

CHANNELS_LAST = "channels_last"


@dataclass(frozen=True)
class Blocks(TokenBlocks):
    """Conventions of one network; the words of networks of tokens are in `TokenBlocks`.

    Attributes:
        data_format: "channels_last" or "channels_first".
        padding: "same" (TensorFlow: a strided layer pads more at the end) or
            "symmetric" (torch: `kernel_size // 2` zeros on every side).
        norm_epsilon, norm_momentum: of batch normalisation; Keras's meaning of momentum.
        norm_scale: whether batch normalisation has a gamma.
        norm_groups: groups of group normalisation, which then takes the place of batch
            normalisation; None for that.
        activation: used where a block names none; a Keras activation's name.
        negative_slope: of the activation "leaky_relu".
        use_bias: whether convolutions that are followed by a normalisation have a bias.
        kernel_initializer: a name in `kapps.layers.initializers.NAMED`.
        kernel_epsilon: of `StandardizedConv2D`, which all convolutions but depthwise ones then are;
            None for plain ones.
    """

    data_format: str = CHANNELS_LAST
    padding: str = "same"
    norm_epsilon: float = 1e-3
    norm_momentum: float = 0.99
    norm_scale: bool = True
    norm_groups: int | None = None
    activation: str = "relu"
    negative_slope: float = 0.2
    use_bias: bool = False
    kernel_initializer: str = "glorot_uniform"
    kernel_epsilon: float | None = None

    @property
    def axis(self) -> int:
        """The channel axis of an image tensor."""
        return -1 if self.data_format == CHANNELS_LAST else 1

    def channels(self, x) -> int:
        """The number of channels of `x`, known even where height and width are not."""
        return x.shape[self.axis]

    def pad(self, x, padding, name: str):
        """Zeros around the image: one number for all sides, or ((top, bottom), (left, right))."""
        return layers.ZeroPadding2D(padding, data_format=self.data_format, name=f"{name}_pad")(x)

    def _padded(self, x, kernel_size, strides, padding, dilation, name):
        """`x`, padded where Keras has no word for it, and the padding that Keras shall apply."""
        padding = padding or self.padding
        if padding != "symmetric":
            return x, padding
        if strides == 1:  # an odd kernel that does not stride: "same" is symmetric, and cheaper
            return x, "same"
        size = dilation * (kernel_size - 1) // 2
        return (self.pad(x, size, name) if size else x), "valid"

    def conv(
        self,
        x,
        filters,
        kernel_size=1,
        strides=1,
        groups=1,
        dilation=1,
        padding=None,
        use_bias=True,
        bias=0.0,
        *,
        name,
    ):
        """The layer `name`, a convolution alone, whose bias starts as `bias`.

        `padding` overrides the network's.
        """
        x, padding = self._padded(x, kernel_size, strides, padding, dilation, name)
        standardized = self.kernel_epsilon is not None
        layer = partial(StandardizedConv2D, epsilon=self.kernel_epsilon) if standardized else Conv2D
        return layer(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            dilation_rate=dilation,
            groups=groups,
            use_bias=use_bias,
            data_format=self.data_format,
            kernel_initializer=initializer(self.kernel_initializer),
            bias_initializer=Constant(bias) if bias else initializer("zeros"),
            name=name,
        )(x)

    def depthwise_conv(
        self,
        x,
        kernel_size=3,
        strides=1,
        depth_multiplier=1,
        dilation=1,
        padding=None,
        use_bias=False,
        *,
        name,
    ):
        """The layer `name`, a filter for each channel."""
        x, padding = self._padded(x, kernel_size, strides, padding, dilation, name)
        return DepthwiseConv2D(
            kernel_size,
            strides=strides,
            padding=padding,
            depth_multiplier=depth_multiplier,
            dilation_rate=dilation,
            use_bias=use_bias,
            data_format=self.data_format,
            depthwise_initializer=initializer(self.kernel_initializer),
            bias_initializer=initializer("zeros"),
            name=name,
        )(x)

    def norm(self, x, *, name):
        """The layer `name`, batch normalisation or the network's own in its place."""
        if self.norm_groups:
            return self.group_norm(x, self.norm_groups, name=name)
        return BatchNormalization(
            axis=self.axis,
            epsilon=self.norm_epsilon,
            momentum=self.norm_momentum,
            scale=self.norm_scale,
            beta_initializer=initializer("zeros"),
            gamma_initializer=initializer("ones"),
            moving_mean_initializer=initializer("zeros"),
            moving_variance_initializer=initializer("ones"),
            name=name,
        )(x)

    def group_norm(self, x, groups, *, name):
        """The layer `name`, normalisation over the positions and channels of each group."""
        return GroupNormalization(
            groups,
            self.axis,
            self.norm_epsilon,
            beta_initializer=initializer("zeros"),
            gamma_initializer=initializer("ones"),
            name=name,
        )(x)

    def layer_norm(self, x, epsilon=1e-6, *, name):
        """The layer `name`, normalisation over the channels of each position."""
        turned = len(x.shape) == 4 and self.data_format != CHANNELS_LAST
        if turned:  # on torch, Keras normalises the last axis alone
            x = layers.Permute((2, 3, 1), name=f"{name}_to_last")(x)
        x = LayerNormalization(
            epsilon=epsilon,
            beta_initializer=initializer("zeros"),
            gamma_initializer=initializer("ones"),
            name=name,
        )(x)
        return layers.Permute((3, 1, 2), name=f"{name}_to_first")(x) if turned else x

    def act(self, x, activation=None, *, name):
        """The layer `name`, an activation: the network's where none is given."""
        activation = activation or self.activation
        if activation == "leaky_relu":
            return layers.LeakyReLU(self.negative_slope, name=name)(x)
        return layers.Activation(named(activation), name=name)(x)

    def conv_norm_act(
        self,
        x,
        filters,
        kernel_size=1,
        strides=1,
        groups=1,
        dilation=1,
        padding=None,
        activation=None,
        *,
        name,
    ):
        """Convolution, normalisation, activation; `activation=False` leaves the last one out."""
        x = self.conv(
            x,
            filters,
            kernel_size,
            strides,
            groups,
            dilation,
            padding,
            self.use_bias,
            name=f"{name}_conv",
        )
        x = self.norm(x, name=f"{name}_norm")
        return x if activation is False else self.act(x, activation, name=f"{name}_act")

    def depthwise_norm_act(
        self,
        x,
        kernel_size=3,
        strides=1,
        depth_multiplier=1,
        padding=None,
        activation=None,
        *,
        name,
    ):
        """Depthwise convolution, normalisation, activation; `activation=False` leaves it out."""
        x = self.depthwise_conv(
            x,
            kernel_size,
            strides,
            depth_multiplier,
            1,
            padding,
            self.use_bias,
            name=f"{name}_conv",
        )
        x = self.norm(x, name=f"{name}_norm")
        return x if activation is False else self.act(x, activation, name=f"{name}_act")

    def max_pool(self, x, pool_size, strides, padding=None, *, name):
        """The layer `name`. "symmetric" pads with zeros, which is right only after a ReLU."""
        x, padding = self._padded(x, pool_size, strides, padding, 1, name)
        return MaxPooling2D(pool_size, strides, padding, self.data_format, name=name)(x)

    def avg_pool(self, x, pool_size, strides, padding="valid", *, name):
        """The layer `name`. Where "same" pads, the padding is not counted."""
        pool = AveragePooling2D if padding == "same" and strides > 1 else layers.AveragePooling2D
        return pool(pool_size, strides, padding, self.data_format, name=name)(x)

    def global_avg_pool(self, x, keepdims=False, *, name):
        """The layer `name`: the mean of each channel."""
        return layers.GlobalAveragePooling2D(self.data_format, keepdims=keepdims, name=name)(x)

    def global_max_pool(self, x, *, name):
        """The layer `name`: the maximum of each channel."""
        return layers.GlobalMaxPooling2D(self.data_format, name=name)(x)

    def pad_channels(self, x, filters, *, name):
        """The layer `name`: channels of zeros behind those of `x`, `filters` in all."""
        return ChannelPadding(filters, self.data_format, name=name)(x)

    def concat(self, tensors, *, name):
        """The layer `name`: channels side by side."""
        return layers.Concatenate(axis=self.axis, name=name)(tensors)

    def dense(self, x, units, activation=None, use_bias=True, dtype=None, *, name):
        """The layer `name`, fully connected; `dtype` overrides the policy of Keras."""
        return layers.Dense(
            units,
            activation=activation,
            use_bias=use_bias,
            dtype=dtype,
            kernel_initializer=initializer(self.kernel_initializer),
            bias_initializer=initializer("zeros"),
            name=name,
        )(x)

    def layer_scale(self, x, init_value, *, name):
        """The layer `name`: a learnt weight for each channel of a residual branch."""
        return LayerScale(init_value, self.axis if len(x.shape) == 4 else -1, name=name)(x)

    def dropout(self, x, rate, *, name):
        """The layer `name`, or `x` itself where the rate is zero."""
        return layers.Dropout(rate, name=name)(x) if rate else x

    def residual(self, shortcut, x, drop_path=0.0, *, name):
        """`shortcut + x`, where training drops the whole branch of a sample at rate `drop_path`.

        Source: Deep Networks with Stochastic Depth (Huang et al., 2016), scaled at training time.
        """
        if drop_path:
            whole = (None, *(1,) * (len(x.shape) - 1))
            x = layers.Dropout(drop_path, noise_shape=whole, name=f"{name}_drop")(x)
        return layers.Add(name=f"{name}_add")([shortcut, x])

    def squeeze_excite(self, x, filters, activation="relu", gate="sigmoid", *, name):
        """Scale each channel by a number in [0, 1] computed from the means of all channels.

        Source: Squeeze-and-Excitation Networks (Hu et al., 2018), figure 2. `filters` is the width
        of the bottleneck. Both products are 1x1 convolutions with a bias, as phones like them.
        """
        channels = self.channels(x)
        s = self.global_avg_pool(x, keepdims=True, name=f"{name}_squeeze")
        s = self.conv(s, filters, name=f"{name}_reduce_conv")
        s = self.act(s, activation, name=f"{name}_reduce_act")
        s = self.conv(s, channels, name=f"{name}_expand_conv")
        s = self.act(s, gate, name=f"{name}_gate")
        return layers.Multiply(name=f"{name}_scale")([x, s])

    def flatten(self, x, *, name):
        """The layer `name`: height, width, channels in one axis, in that order in either format.

        The order does not depend on the data format, so neither do the weights that follow.
        """
        if self.data_format != CHANNELS_LAST:
            x = layers.Permute((2, 3, 1), name=f"{name}_permute")(x)
        return layers.Flatten(data_format=CHANNELS_LAST, name=name)(x)
