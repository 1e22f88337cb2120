"""Levels in bands, measured in what goes in and restored in what comes out (docs/decisions/0017).

An embedding of a few dozen numbers holds the waveform of the lowest octaves and little else: what a decoder makes above
them has the right colour at best. So the powers in bands above `band_from_hz` are a part of the embedding of their own,
measured, not learned; and an equalizer brings the decoder's sound to what came over the line, band by band.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codec.bandfilter import BandFilter
from codec.bands import (
    INAUDIBLE,
    LEAST_POWER,
    LOUDNESS_EXPONENT,
    MOST_GAIN,
    PASSES,
    SPECTRUM,
    TAPS,
    WINDOW,
    analysis_weights,
    emphases,
    emphasis_weights,
    equalizer_bands,
)
from codec.config import CodecConfig
from codec.highband import HIGH_PARTS


class LevelAnalysis(nn.Module):
    """Powers in bands. Without weights that learn."""

    window: Tensor
    weights: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.hop = config.hop
        window, weights = map(torch.from_numpy, analysis_weights(config))
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("weights", weights, persistent=False)

    def initial_state(self, batch: int) -> Tensor:
        return self.window.new_zeros(batch, 1, WINDOW - self.hop)

    def step(self, pcm: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """pcm [B, 1, T * hop], state [B, 1, WINDOW - hop] -> powers in the equalizer's bands [B, bands + 3, T], next
        state."""
        pcm = torch.cat([state, pcm], dim=-1)
        spectra = torch.fft.rfft(pcm[:, 0].unfold(-1, WINDOW, self.hop) * self.window)
        powers = spectra.real.square() + spectra.imag.square()
        return (powers @ self.weights.T).transpose(1, 2), pcm[..., self.hop - WINDOW :]


def whole(powers: Tensor) -> Tensor:
    """Powers in the equalizer's bands [B, bands + 3, T] -> in those whose levels go over the line [B, bands, T]."""
    low, high = powers.tensor_split([-HIGH_PARTS], dim=1)
    return torch.cat([low, high.sum(dim=1, keepdim=True)], dim=1)


def parted(logs: Tensor, shares: Tensor) -> Tensor:
    """The other way: log powers, none below the inaudible [B, bands, T], and what of the last one its parts are
    [B or 1, HIGH_PARTS, 1] -> [B, bands + 3, T], which are none below it either."""
    high = (torch.exp(logs[:, -1:]) - INAUDIBLE).clamp(min=0)
    return torch.cat([logs[:, :-1], torch.log(high * shares + INAUDIBLE)], dim=1)


def high_shares(powers: Tensor) -> Tensor:
    """Powers in the equalizer's bands [B, bands + 3, T] -> what its parts are of the last one in the mean over time
    [B, HIGH_PARTS, 1]."""
    means = powers[:, -HIGH_PARTS:].mean(dim=2, keepdim=True) + LEAST_POWER
    return means / means.sum(dim=1, keepdim=True)


def compressed(powers: Tensor) -> Tensor:
    """Powers as they go over the line."""
    return (powers + LEAST_POWER) ** LOUDNESS_EXPONENT


def log_powers(levels: Tensor) -> Tensor:
    """What went over the line -> natural logarithms of powers, none below the inaudible."""
    return torch.log(levels.clamp(min=0) ** (1 / LOUDNESS_EXPONENT) + INAUDIBLE)


class Equalizer(nn.Module):
    """Brings a sound to wanted powers in bands, without delay: twice, for what a filter makes of a sound whose frames
    before it were filtered, too, is known only afterwards. Without weights that learn."""

    pass_states = 3
    emphasis: Tensor
    emphases: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.analysis = LevelAnalysis(config)
        self.filter = BandFilter(equalizer_bands(config), TAPS, SPECTRUM, config.hop)
        self.register_buffer("emphasis", torch.from_numpy(emphasis_weights(config)), persistent=False)
        self.register_buffer("emphases", torch.from_numpy(emphases(config)), persistent=False)

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        """Those of its passes, one after the other."""
        return self.pass_state(batch) * PASSES

    def pass_state(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """The analysis's; the filter's."""
        return self.analysis.initial_state(batch), *self.filter.initial_state(batch)

    def step(self, pcm: Tensor, wanted: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """pcm [B, 1, T * hop], log powers [B, bands + 3, T], state -> pcm as wanted, next state."""
        after, total = list[Tensor](), torch.zeros_like(wanted)
        for begin in range(0, len(state), self.pass_states):
            analysis, *kept = state[begin : begin + self.pass_states]
            gains, analysis = self.gains(pcm, wanted, analysis, total)
            pcm, filtered = self.filter.step(pcm, gains, tuple(kept))
            total = total + gains
            after += [analysis, *filtered]
        return pcm, tuple(after)

    def emphasised(self, levels: Tensor, n_q: int) -> Tensor:
        """Log powers [B, bands, T], the number of quantizers -> with formants that stand out. Training goes without:
        its aim is the original."""
        return levels + self.emphases[n_q - 1] * (self.emphasis @ levels)

    def gains(
        self, pcm: Tensor, wanted: Tensor, state: Tensor, before: Tensor | float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """pcm [B, 1, T * hop], log powers [B, bands + 3, T], the analysis's state, gains of the passes before -> log
        gains, as many, with those at most MOST_GAIN; its next state."""
        powers, state = self.analysis.step(pcm, state)
        gains = (wanted - torch.log(powers + INAUDIBLE)) / 2
        return (gains + before).clamp(-MOST_GAIN, MOST_GAIN) - before, state
