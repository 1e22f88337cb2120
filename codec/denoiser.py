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

STARTING_BIAS = -3.0  # of a network that has learned nothing: it takes next to nothing away


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
        self.first = CausalConv1d(bands.count, channels, config.embedding_kernel)
        self.units = nn.ModuleList(ResidualUnit(channels, config.kernel, d) for d in config.denoise_dilations)
        self.last = CausalConv1d(channels, bands.count, 1)
        nn.init.constant_(self.last.bias, STARTING_BIAS)
        self.filter = BandFilter(bands, DENOISE_TAPS, DENOISE_SPECTRUM, config.hop)

    def initial_state(self, batch: int) -> State:
        """The last samples; the network's; the filter's."""
        silence = self.window.new_zeros(batch, 1, DENOISE_WINDOW - self.hop)
        return (silence, *self.network_state(batch), *self.filter.initial_state(batch))

    def network_state(self, batch: int) -> State:
        units = (unit.dilated.initial_state(batch) for unit in cast(Iterable[ResidualUnit], self.units))
        return (self.first.initial_state(batch), *units)

    def step(self, pcm: Tensor, denoise: Tensor, state: State) -> tuple[Tensor, State]:
        """pcm [B, 1, T * hop], denoise [B, T] from 0 (off) to 1 (on), state -> pcm, next state."""
        heard = denoise > 0
        if denoise.shape[1] > 1 and bool(heard.any()) and not bool(heard.all()):
            return self._one_by_one(pcm, denoise, state)
        before, *network = state[: -BandFilter.states]
        extended = torch.cat([before, pcm], dim=-1)
        gains = pcm.new_zeros(len(pcm), self.last.conv.out_channels, denoise.shape[1])
        if bool(heard.any()):
            gains, after = self.gains(self.loudness(extended), tuple(network))
            network = [torch.where(heard[:, :1, None], *pair) for pair in zip(after, network, strict=True)]
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
        first, *units = state
        x, first = self.first.step(loudness, first)
        after = list[Tensor]()
        for unit, kept in zip(cast(Iterable[ResidualUnit], self.units), units, strict=True):
            x, kept = unit.step(x, kept)
            after.append(kept)
        return -DENOISE_MOST * torch.sigmoid(self.last(F.elu(x))), (first, *after)

    def loudness(self, extended: Tensor) -> Tensor:
        """Sound with DENOISE_WINDOW - hop samples before it -> logarithms of powers in bands, mostly between -1 and 1,
        [B, bands, T]."""
        logs = torch.log(self.powers(extended) + DENOISE_LEAST_POWER)
        return ((logs - DENOISE_CENTER) / DENOISE_UNIT).transpose(1, 2)

    def powers(self, extended: Tensor) -> Tensor:
        """The same sound -> powers in bands [B, T, bands]."""
        windows = extended[:, 0].unfold(-1, DENOISE_WINDOW, self.hop) * self.window
        spectra = torch.fft.rfft(windows, DENOISE_FFT)
        powers: Tensor = (spectra.real.square() + spectra.imag.square()) @ self.weights.T
        return powers
