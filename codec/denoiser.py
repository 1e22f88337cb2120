"""Denoising before the encoder: a network says how much of each band is voice, a filter keeps that
(docs/decisions/0020).

Bands and gains as in J.-M. Valin, "A hybrid DSP/deep learning approach to real-time full-band speech enhancement"
(arXiv 1709.08243); the network is of the codec's own residual units, the filter of minimum phase and so without delay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.bandfilter import BandFilter
from codec.bandmaps import BandMaps
from codec.bands import (
    DENOISE_CENTER,
    DENOISE_FFT,
    DENOISE_LEAST_POWER,
    DENOISE_MOST,
    DENOISE_SPECTRUM,
    DENOISE_TAPS,
    DENOISE_UNIT,
    DENOISE_WINDOW,
    denoise_bands,
    denoise_weights,
)
from codec.config import CodecConfig
from codec.conv import CausalConv1d
from codec.seanet import ResidualUnit, State

STARTING_BIAS = -4.0  # of a network that has learned nothing: it takes next to nothing away


class Denoiser(nn.Module):
    """Sound in, sound out, frame by frame. How much is taken away is a number, so that it can ramp. Frames in which it
    is 0 pass as they are, and the network neither runs nor changes its state."""

    window: Tensor
    weights: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.hop = config.hop
        bands, channels = denoise_bands(config), config.denoise_channels
        window, weights = map(torch.from_numpy, denoise_weights(config))
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("weights", weights, persistent=False)
        self.maps = BandMaps(config)
        self.told = nn.Conv2d(config.denoise_maps, config.denoise_maps_told, 1)
        self.said = nn.Conv2d(config.denoise_maps, 1, 1)
        self.first = CausalConv1d(bands.count * (1 + config.denoise_maps_told), channels, config.embedding_kernel)
        self.units = nn.ModuleList(ResidualUnit(channels, config.kernel, d) for d in config.denoise_dilations)
        self.last = CausalConv1d(channels, bands.count, 1)
        nn.init.constant_(self.last.bias, STARTING_BIAS)
        self.filter = BandFilter(bands, DENOISE_TAPS, DENOISE_SPECTRUM, config.hop)

    def initial_state(self, batch: int) -> State:
        """The last samples; the network's; the filter's."""
        silence = self.window.new_zeros(batch, 1, DENOISE_WINDOW - self.hop)
        return (silence, *self.network_state(batch), *self.filter.initial_state(batch))

    def network_state(self, batch: int) -> State:
        """The maps'; the first convolution's; the units'."""
        maps = self.maps.initial_state(batch, self.last.conv.out_channels)
        units = (unit.dilated.initial_state(batch) for unit in cast(Iterable[ResidualUnit], self.units))
        return (*maps, self.first.initial_state(batch), *units)

    def step(self, pcm: Tensor, denoise: Tensor, state: State) -> tuple[Tensor, State]:
        """pcm [B, 1, T * hop], denoise [B, T] from 0 (off) to 1 (on), state -> pcm, next state."""
        heard = denoise > 0
        if denoise.shape[1] > 1 and bool(heard.any()) and not bool(heard.all()):
            return self._one_by_one(pcm, denoise, state)
        before, *network = state[: -BandFilter.states]
        extended = torch.cat([before, pcm], dim=-1)
        gains = pcm.new_zeros(len(pcm), self.last.conv.out_channels, denoise.shape[1])
        if bool(heard.any()):
            gains, after = self.gains(self.loudness(self.powers(extended)), tuple(network))
            network = [
                torch.where(heard[:, 0].view(-1, *[1] * (old.ndim - 1)), new, old)
                for new, old in zip(after, network, strict=True)
            ]
        pcm, filters = self.filter.step(pcm, denoise[:, None] * gains, state[-BandFilter.states :])
        return pcm, (extended[..., self.hop - DENOISE_WINDOW :], *network, *filters)

    def _one_by_one(self, pcm: Tensor, denoise: Tensor, state: State) -> tuple[Tensor, State]:
        pieces = list[Tensor]()
        for frame in range(denoise.shape[1]):
            now = slice(frame * self.hop, (frame + 1) * self.hop)
            piece, state = self.step(pcm[..., now], denoise[:, frame : frame + 1], state)
            pieces.append(piece)
        return torch.cat(pieces, dim=-1), state

    def gains(self, loudness: Tensor, state: State) -> tuple[Tensor, State]:
        """Loudness [B, bands, T], the network's state -> log gains [B, bands, T] that leave the voice, next state."""
        own, *rest = state
        seen, own = self.maps.seen(loudness, own)
        gains, after = self.gains_of(seen, tuple(rest))
        return gains, (own, *after)

    def gains_of(self, seen: Tensor, state: State) -> tuple[Tensor, State]:
        """What the convolutions make of what BandMaps has seen of bands [B, 1 + means, T, bands]."""
        count = 1 + len(self.maps.units)
        maps, kept = self.maps.made(seen, state[:count])
        first, *units = state[count:]
        told = torch.cat([seen[:, :1].to(maps.dtype), self.told(maps)], dim=1)
        x, first = self.first.step(told.transpose(2, 3).flatten(1, 2), first)
        after = list[Tensor]()
        for unit, own in zip(cast(Iterable[ResidualUnit], self.units), units, strict=True):
            x, own = unit.step(x, own)
            after.append(own)
        said = self.last(F.elu(x)) + self.said(maps)[:, 0].transpose(1, 2)
        return -DENOISE_MOST * torch.sigmoid(said.to(seen.dtype)), (*kept, first, *after)

    def loudness(self, powers: Tensor) -> Tensor:
        """Powers in bands [B, T, bands] -> their logarithms, mostly between -1 and 1, [B, bands, T]."""
        logs = torch.log(powers + DENOISE_LEAST_POWER)
        return ((logs - DENOISE_CENTER) / DENOISE_UNIT).transpose(1, 2)

    def spectra(self, extended: Tensor) -> Tensor:
        """Sound with DENOISE_WINDOW - hop samples before it [B, 1, n] -> complex spectra of what is looked at
        [B, T, bins]."""
        windows = extended[:, 0].unfold(-1, DENOISE_WINDOW, self.hop) * self.window
        spectra: Tensor = torch.fft.rfft(windows, DENOISE_FFT)
        return spectra

    def powers(self, extended: Tensor) -> Tensor:
        """The same sound -> powers in bands [B, T, bands]."""
        return self.in_bands(self.spectra(extended))

    def in_bands(self, spectra: Tensor) -> Tensor:
        powers: Tensor = (spectra.real.square() + spectra.imag.square()) @ self.weights.T
        return powers
