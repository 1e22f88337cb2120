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
from codec.seanet import State

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
    shares: Tensor
    left: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        decays, frames = torch.from_numpy(denoise_decays(config)), torch.arange(CHUNK)
        ages = frames[:, None] - frames
        shares = (1 - decays)[:, None, None] * decays[:, None, None] ** ages.clamp(min=0) * (ages >= 0)
        self.register_buffer("decays", decays, persistent=False)
        # Of a chunk's values in the means after each of its frames, and of the means before it.
        self.register_buffer("shares", shares.float(), persistent=False)
        self.register_buffer("left", (decays[:, None] ** (frames + 1)).float(), persistent=False)

    def initial_state(self, batch: int, bands: int) -> Tensor:
        return self.left.new_zeros(batch, len(DENOISE_MEANS), bands)

    def step(self, loudness: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """loudness [B, T, bands], state [B, means, bands] -> loudness less each mean [B, means, T, bands], next
        state."""
        above = []
        for part in torch.split(loudness, CHUNK, dim=1):
            count, since = part.shape[1], part - DENOISE_START
            # Nothing counts as fainter than the start: after digital silence a mean would be low for half a minute.
            inverses = [torch.exp(-DENOISE_UNIT * since).clamp(max=1.0)] * DENOISE_HARMONIC
            values = torch.stack([*inverses, *[since] * (len(DENOISE_MEANS) - DENOISE_HARMONIC)], dim=1)
            means = self.shares[:, :count, :count] @ values + self.left[:, :count, None] * state[:, :, None]
            state = means[:, :, -1]
            faint = -torch.log(means[:, :DENOISE_HARMONIC] + DENOISE_FAINTEST) / DENOISE_UNIT
            above.append(since[:, None] - torch.cat([faint, means[:, DENOISE_HARMONIC:]], dim=1))
        return torch.cat(above, dim=2), state


class BandMaps(nn.Module):
    """A convolution, then residual ones: y += convolution of ELU of y. The state begins with the means'."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        maps = config.denoise_maps
        self.means = RunningMeans(config)
        self.first = CausalConv2d(1 + len(DENOISE_MEANS), maps)
        self.units = nn.ModuleList(CausalConv2d(maps, maps, d) for d in config.denoise_map_dilations)

    def initial_state(self, batch: int, bands: int) -> State:
        return tuple(part.initial_state(batch, bands) for part in self._parts())

    def seen(self, loudness: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """loudness [B, bands, T], state of the means -> it and what it is above each mean [B, 1 + means, T, bands],
        next state."""
        loudness = loudness.transpose(1, 2)
        above, state = self.means.step(loudness, state)
        return torch.cat([loudness[:, None], above.clamp(*DENOISE_ABOVE)], dim=1), state

    def made(self, seen: Tensor, state: State) -> tuple[Tensor, State]:
        """What is seen, state of the convolutions -> maps after ELU [B, maps, T, bands], next state."""
        y, first = self.first.step(seen, state[0])
        after = [first]
        for unit, kept in zip(cast(Iterable[CausalConv2d], self.units), state[1:], strict=True):
            change, kept = unit.step(F.elu(y), kept)
            y = y + change
            after.append(kept)
        return F.elu(y), tuple(after)

    def _parts(self) -> list[RunningMeans | CausalConv2d]:
        return [self.means, self.first, *cast(Iterable[CausalConv2d], self.units)]
