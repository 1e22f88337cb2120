"""What the denoiser knows of each band before it looks at all of them together: how the band stands beside what it was
before, and maps made of that by convolutions over bands and frames. The weights are the same for every band, so that a
noise is learned once, whatever its colour (docs/decisions/0023)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.bands import (
    DENOISE_ABOVE,
    DENOISE_FAINTEST,
    DENOISE_HARMONIC,
    DENOISE_MEANS,
    DENOISE_START,
    DENOISE_UNIT,
    denoise_decays,
)
from codec.config import CodecConfig

State = tuple[Tensor, ...]
CHUNK = 256  # frames whose means are computed together


class CausalConv2d(nn.Module):
    """A convolution over frames and bands, three of each: over frames causal, `dilation` apart, over bands as far to
    either side. Zero padding only."""

    def __init__(self, in_maps: int, out_maps: int, dilation: int = 1) -> None:
        super().__init__()
        self.dilation, self.context = dilation, 2 * dilation
        self.conv = nn.Conv2d(in_maps, out_maps, 3, bias=False)
        self.bias = nn.Parameter(torch.zeros(out_maps))

    def initial_state(self, batch: int, bands: int) -> Tensor:
        """-> silence, [B, maps, context, bands]."""
        return self.conv.weight.new_zeros(batch, self.conv.in_channels, self.context, bands)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, maps, T, bands], state [B, maps, context, bands] -> y [B, maps', T, bands], next state."""
        x = torch.cat([state.to(x.dtype), x], dim=2)
        weight, bias = self.conv.weight.to(x.dtype), self.bias.to(x.dtype)
        y = F.conv2d(x, weight, bias, padding=(0, 1), dilation=(self.dilation, 1))
        return y, x[:, :, x.shape[2] - self.context :]


class RunningMeans(nn.Module):
    """How loud each band has been: harmonic means of powers, near the faintest of late, and means of loudness, each
    over a time of its own."""

    decays: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.register_buffer("decays", torch.from_numpy(denoise_decays(config)), persistent=False)

    def initial_state(self, batch: int, bands: int) -> Tensor:
        return self.decays.new_zeros(batch, len(DENOISE_MEANS), bands, dtype=torch.float32)

    def step(self, loudness: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """loudness [B, T, bands], state [B, means, bands] -> loudness less each mean [B, means, T, bands], next
        state."""
        above = []
        for part in torch.split(loudness, CHUNK, dim=1):
            since = part - DENOISE_START
            values = torch.stack([torch.exp(-DENOISE_UNIT * since), since], dim=1)
            values = values.repeat_interleave(len(DENOISE_MEANS) // 2, dim=1)
            weights, rest = self._weights(part.shape[1])
            means = weights.to(part) @ values + rest.to(part)[:, :, None] * state[:, :, None].to(part)
            state = means[:, :, -1]
            faint = -torch.log(means[:, :DENOISE_HARMONIC] + DENOISE_FAINTEST) / DENOISE_UNIT
            above.append(since[:, None] - torch.cat([faint, means[:, DENOISE_HARMONIC:]], dim=1))
        return torch.cat(above, dim=2), state

    def _weights(self, count: int) -> tuple[Tensor, Tensor]:
        """Of the values of `count` frames in the mean of each [means, T, T], and of the state before [means, T]."""
        frames = torch.arange(count, device=self.decays.device)
        ages, decays = frames[:, None] - frames, self.decays[:, None, None]
        return (1 - decays) * decays ** ages.clamp(min=0) * (ages >= 0), self.decays[:, None] ** (frames + 1)


class BandMaps(nn.Module):
    """A convolution, then residual ones: y += convolution of ELU of y."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        maps = config.denoise_maps
        self.means = RunningMeans(config)
        self.first = CausalConv2d(1 + len(DENOISE_MEANS), maps)
        self.units = nn.ModuleList(CausalConv2d(maps, maps, d) for d in config.denoise_map_dilations)

    def initial_state(self, batch: int, bands: int) -> State:
        return tuple(part.initial_state(batch, bands) for part in self._parts())

    def step(self, loudness: Tensor, state: State) -> tuple[Tensor, State]:
        """loudness [B, bands, T], state -> maps after ELU [B, maps, T, bands], next state."""
        own, first, *units = state
        seen, own = self.seen(loudness, own)
        y, rest = self.made(seen, (first, *units))
        return y, (own, *rest)

    def seen(self, loudness: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """loudness [B, bands, T], state of the means -> it and what it is above each mean [B, 1 + means, T, bands],
        next state."""
        loudness = loudness.transpose(1, 2)
        above, state = self.means.step(loudness, state)
        return torch.cat([loudness[:, None], above.clamp(*DENOISE_ABOVE)], dim=1), state

    def made(self, seen: Tensor, state: State) -> tuple[Tensor, State]:
        """The convolutions alone."""
        y, first = self.first.step(seen, state[0])
        after = [first]
        for unit, kept in zip(cast(Iterable[CausalConv2d], self.units), state[1:], strict=True):
            change, kept = unit.step(F.elu(y), kept)
            y = y + change
            after.append(kept)
        return F.elu(y), tuple(after)

    def _parts(self) -> list[RunningMeans | CausalConv2d]:
        return [self.means, self.first, *cast(Iterable[CausalConv2d], self.units)]
