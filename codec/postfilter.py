"""A long-term postfilter: voices repeat themselves, noise does not (docs/decisions/0018).

To each frame of the decoder's sound a share of itself one pitch period before is added, in place of as much of its own
(J.-H. Chen, A. Gersho, Adaptive postfiltering for quality enhancement of coded speech, 1995, without the recursive
part). What repeats stays, what lies between the harmonics gets fainter: a network's and the quantizers' noise.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.config import CodecConfig
from codec.pitch import (
    DECIMATION,
    FADE,
    FAINTEST,
    LEAST_LAG,
    MOST_LAG,
    STRONG,
    SUBPERIOD,
    WEAK,
    WINDOW,
    history,
    lowpass,
    most_shares,
)


class LongTermPostfilter(nn.Module):
    """Without weights that learn."""

    states = 2
    taps: Tensor
    ramp: Tensor
    most_shares: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.hop, self.history = config.hop, history(config)
        self.register_buffer("taps", torch.from_numpy(lowpass(config)), persistent=False)
        self.register_buffer("most_shares", torch.from_numpy(most_shares(config)), persistent=False)
        ramp = ((torch.arange(config.hop) + 1) / FADE).clamp(max=1)
        self.register_buffer("ramp", ramp, persistent=False)

    def initial_state(self, batch: int) -> tuple[Tensor, Tensor]:
        """The last samples; the last lag and share."""
        return self.ramp.new_zeros(batch, 1, self.history), self.ramp.new_zeros(batch, 2, 1)

    def step(self, pcm: Tensor, n_q: int, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """pcm [B, 1, T * hop] of so many quantizers, state -> pcm with less noise between its harmonics, next state. No
        gradient goes through lags and shares."""
        before, last = state
        extended = torch.cat([before, pcm], dim=-1)
        with torch.no_grad():
            lag, strength = self.pitch(extended[:, 0])
            found = torch.cat([last, torch.stack([lag, self.most_shares[n_q - 1] * strength], dim=1)], dim=-1)
        old, new = (self._change(extended[:, 0], part) for part in (found[..., :-1], found[..., 1:]))
        change = old + self.ramp * (new - old)
        return pcm + change.flatten(1)[:, None], (extended[..., -self.history :], found[..., -1:])

    def pitch(self, extended: Tensor) -> tuple[Tensor, Tensor]:
        """Sound with its history [B, history + T * hop] -> for each frame its lag, in samples, and how much of the most
        share what was a lag before shall have, both [B, T]."""
        low = F.conv1d(extended[:, None], self.taps[None, None], stride=DECIMATION)[:, 0]
        seen = low.unfold(-1, WINDOW + MOST_LAG, self.hop // DECIMATION)
        parts = seen.unfold(-1, WINDOW, 1).flip(2)  # [B, T, lag, WINDOW]
        energies = parts.square().sum(dim=-1)
        products = (parts @ parts[:, :, 0, :, None])[..., 0]
        alike = products / torch.sqrt(energies * energies[..., :1] + FAINTEST)
        middle = alike[..., LEAST_LAG:MOST_LAG]
        shorter, longer = alike[..., LEAST_LAG - 1 : MOST_LAG - 1], alike[..., LEAST_LAG + 1 : MOST_LAG + 1]
        peaks = (middle >= shorter) & (middle >= longer) & (middle > SUBPERIOD * middle.amax(dim=-1, keepdim=True))
        best = torch.where(peaks.any(dim=-1), peaks.float().argmax(dim=-1), middle.argmax(dim=-1))
        less, there, more = (x.gather(-1, best[..., None])[..., 0] for x in (shorter, middle, longer))
        offset = (less - more) / (2 * (less - 2 * there + more).clamp(max=-1e-6))  # of the parabola through the three
        within = offset.clamp(-0.5, 0.5).nan_to_num()  # sound that is no number shall be found out by others
        lag = torch.round(DECIMATION * (best + LEAST_LAG + within))
        return lag, ((there - WEAK) / (STRONG - WEAK)).clamp(0, 1)

    def _change(self, extended: Tensor, found: Tensor) -> Tensor:
        """Sound with its history [B, history + T * hop], lag and share [B, 2, T] -> what a frame gains, [B, T, hop]."""
        lag, share = found[:, 0], found[:, 1]
        within = torch.arange(self.hop, device=lag.device)
        starts = self.history + self.hop * torch.arange(lag.shape[1], device=lag.device)
        now = (starts[:, None] + within).flatten()
        before = now - lag.long().repeat_interleave(self.hop, dim=1)
        difference = extended.gather(1, before) - extended[:, now]
        return difference.reshape(len(lag), -1, self.hop) * share[..., None]
