"""Encoder and decoder stacks (arXiv 2107.03312, section III-A and III-B), built from causal convolutions.

State is a flat tuple of tensors in the order in which the layers run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.config import CodecConfig
from codec.conv import CausalConv1d, CausalConvTranspose1d
from codec.highband import HIGH_PARTS, USUAL_SHARES
from codec.levels import Equalizer, LevelAnalysis, compressed, log_powers, parted, whole
from codec.postfilter import LongTermPostfilter

State = tuple[Tensor, ...]


class ResidualUnit(nn.Module):
    """ELU, dilated convolution to half the width, ELU, 1x1 convolution back, plus the input."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.dilated = CausalConv1d(channels, channels // 2, kernel, dilation=dilation)
        self.pointwise = CausalConv1d(channels // 2, channels, 1)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, C, T], state [B, C, context] -> y [B, C, T], next state."""
        y, state = self.dilated.step(F.elu(x), state)
        return x + self.pointwise(F.elu(y)), state


class Stack(nn.Module):
    """What encoder and decoder share: their stateful layers, in running order.

    `compute_type` is what the blocks compute in; the convolutions that touch sound or embeddings stay in float32.
    `level` is what the convolutions see sound multiplied by.
    """

    compute_type = torch.float32
    level = 1.0

    def stateful(self) -> list[CausalConv1d | CausalConvTranspose1d]:
        layers = (m for m in self.modules() if isinstance(m, CausalConv1d | CausalConvTranspose1d))
        return [m for m in layers if isinstance(m, CausalConvTranspose1d) or m.context]

    def initial_state(self, batch: int) -> State:
        return tuple(layer.initial_state(batch) for layer in self.stateful())


class EncoderBlock(nn.Module):
    def __init__(self, config: CodecConfig, channels: int, stride: int) -> None:
        super().__init__()
        self.units = nn.ModuleList(ResidualUnit(channels, config.kernel, d) for d in config.dilations)
        self.down = CausalConv1d(channels, 2 * channels, 2 * stride, stride=stride)

    def step(self, x: Tensor, states: Iterator[Tensor], after: list[Tensor]) -> Tensor:
        for unit in cast(Iterable[ResidualUnit], self.units):
            x, state = unit.step(x, next(states))
            after.append(state)
        x, state = self.down.step(F.elu(x), next(states))
        after.append(state)
        return x


class DecoderBlock(nn.Module):
    def __init__(self, config: CodecConfig, channels: int, stride: int) -> None:
        super().__init__()
        self.up = CausalConvTranspose1d(2 * channels, channels, stride)
        self.units = nn.ModuleList(ResidualUnit(channels, config.kernel, d) for d in config.dilations)

    def step(self, x: Tensor, states: Iterator[Tensor], after: list[Tensor]) -> Tensor:
        x, state = self.up.step(F.elu(x), next(states))
        after.append(state)
        for unit in cast(Iterable[ResidualUnit], self.units):
            x, state = unit.step(x, next(states))
            after.append(state)
        return x


class LevelCorrection(nn.Module):
    """A causal convolution, ELU and a pointwise one: from levels as they came to what their logarithms lack."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.hidden = CausalConv1d(config.bands, config.level_hidden, config.kernel)
        self.pointwise = CausalConv1d(config.level_hidden, config.bands, 1)

    def step(self, levels: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """levels [B, bands, T], state [B, bands, context] -> [B, bands, T], next state."""
        y, state = self.hidden.step(levels, state)
        return self.pointwise(F.elu(y)), state


class Encoder(Stack):
    """Sound to embeddings. Levels are measured beside the network, and how the highest of them is spread: the last part
    of the state is the powers of its parts in the last frame, which no step reads."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        widths = [config.channels << i for i in range(len(config.strides) + 1)]
        self.first = CausalConv1d(1, widths[0], config.kernel)
        self.blocks = nn.ModuleList(
            EncoderBlock(config, width, stride) for width, stride in zip(widths, config.strides, strict=False)
        )
        self.last = CausalConv1d(widths[-1], config.dimension, config.embedding_kernel)
        self.analysis = LevelAnalysis(config)

    @property
    def states(self) -> int:
        return len(self.stateful()) + 2

    def initial_state(self, batch: int) -> State:
        silence = self.analysis.initial_state(batch)
        return (*super().initial_state(batch), silence, silence.new_zeros(batch, HIGH_PARTS))

    def step(self, pcm: Tensor, state: State) -> tuple[Tensor, State]:
        """pcm [B, 1, T * hop], state -> embeddings [B, D, T], next state."""
        states, after = iter(state), list[Tensor]()
        x, first = self.first.step(self.level * pcm, next(states))
        after.append(first)
        x = x.to(self.compute_type)
        for block in cast(Iterable[EncoderBlock], self.blocks):
            x = block.step(x, states, after)
        learned, last = self.last.step(F.elu(x.float()), next(states))
        powers, analysis = self.analysis.step(pcm, next(states))
        z = torch.cat([learned, compressed(whole(powers))], dim=1)
        return z, (*after, last, analysis, powers[:, -HIGH_PARTS:, -1])


class Decoder(Stack):
    """Embeddings to sound; the encoder's mirror image, a long-term postfilter, and an equalizer that gives the sound
    its levels.

    Levels come over the line as coarse as the bitrate makes them; what came before and beside them corrects their
    logarithms.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        widths = [config.channels << i for i in reversed(range(len(config.strides) + 1))]
        self.bands = config.bands
        self.first = CausalConv1d(config.dimension, widths[0], config.kernel)
        self.blocks = nn.ModuleList(
            DecoderBlock(config, width, stride)
            for width, stride in zip(widths[1:], reversed(config.strides), strict=True)
        )
        self.last = CausalConv1d(widths[-1], 1, config.kernel)
        self.correction = LevelCorrection(config)
        self.postfilter = LongTermPostfilter(config)
        self.equalizer = Equalizer(config)

    def initial_state(self, batch: int) -> State:
        filters = (*self.postfilter.initial_state(batch), *self.equalizer.initial_state(batch))
        return (*super().initial_state(batch), *filters)

    def step(self, z: Tensor, n_q: int, state: State, shares: Tensor | None = None) -> tuple[Tensor, State]:
        """z [B, D, T] of so many quantizers, state, the shares of the highest band's parts [B or 1, HIGH_PARTS, 1], or
        as they usually are -> pcm [B, 1, T * hop], next state."""
        states = iter(state)
        pcm, wanted, after = self.unfiltered(z, states)
        pcm, filtered = self.postfilter.step(pcm, n_q, (next(states), next(states)))
        shares = z.new_tensor(USUAL_SHARES)[None, :, None] if shares is None else shares
        wanted = parted(self.equalizer.emphasised(wanted, n_q), shares)
        pcm, kept = self.equalizer.step(pcm, wanted, tuple(states))
        return pcm, (*after, *filtered, *kept)

    def unfiltered(self, z: Tensor, states: Iterator[Tensor]) -> tuple[Tensor, Tensor, State]:
        """z [B, D, T], states of which those of the filters are left -> pcm [B, 1, T * hop] as the network makes it,
        the log powers [B, bands, T] that it shall have, next states."""
        after = list[Tensor]()
        learned, levels = z[:, : -self.bands], z[:, -self.bands :]
        x, first = self.first.step(learned, next(states))
        after.append(first)
        x = x.to(self.compute_type)
        for block in cast(Iterable[DecoderBlock], self.blocks):
            x = block.step(x, states, after)
        pcm, last = self.last.step(F.elu(x.float()), next(states))
        correction, kept = self.correction.step(levels, next(states))
        return pcm / self.level, log_powers(levels) + correction, (*after, last, kept)
