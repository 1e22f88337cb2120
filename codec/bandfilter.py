"""A filter with wanted gains in bands, without delay and new in every frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.bands import FADE, Bands


class BandFilter(nn.Module):
    """Of minimum phase: what a gain changes, it changes at once. Without weights that learn."""

    states = 2
    cepstra: Tensor
    ramp: Tensor

    def __init__(self, bands: Bands, taps: int, size: int, hop: int) -> None:
        """`taps` of the filter, built and used by spectra of `size` points."""
        super().__init__()
        self.taps, self.size, self.hop = taps, size, hop
        self.register_buffer("cepstra", torch.from_numpy(bands.cepstrum_weights(taps, size)), persistent=False)
        self.register_buffer("ramp", ((torch.arange(hop) + 1) / FADE).clamp(max=1), persistent=False)

    def initial_state(self, batch: int) -> tuple[Tensor, Tensor]:
        """The last samples; the last filter less the one that changes nothing."""
        return self.ramp.new_zeros(batch, 1, self.taps - 1), self.ramp.new_zeros(batch, 1, self.taps)

    def step(self, pcm: Tensor, gains: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """pcm [B, 1, T * hop], log gains [B, bands, T], state -> pcm with these gains, next state."""
        before, last = state
        filters = torch.cat([last, self.responses(gains)], dim=1)
        extended = torch.cat([before, pcm], dim=-1)
        spectra = torch.fft.rfft(extended[:, 0].unfold(-1, self.hop + self.taps - 1, self.hop), self.size)
        changes = torch.fft.rfft(filters, self.size)
        valid = slice(self.taps - 1, self.taps - 1 + self.hop)
        old, new = (torch.fft.irfft(spectra * part, self.size) for part in (changes[:, :-1], changes[:, 1:]))
        ramp = F.pad(self.ramp, (self.taps - 1, self.size - self.hop - self.taps + 1))
        change = (old + ramp * (new - old))[..., valid]
        return pcm + change.flatten(1)[:, None], (extended[..., 1 - self.taps :], filters[:, -1:])

    def responses(self, gains: Tensor) -> Tensor:
        """Log gains [B, bands, T] -> impulse responses of minimum phase [B, T, taps], less the one of 1."""
        spectra = torch.exp(torch.fft.rfft((self.cepstra @ gains).transpose(1, 2), self.size))
        responses = torch.fft.irfft(spectra, self.size)[..., : self.taps]
        return torch.cat([responses[..., :1] - 1, responses[..., 1:]], dim=-1)
