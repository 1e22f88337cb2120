"""Denoise conditioning: feature-wise linear modulation (arXiv 2107.03312, section III-F)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DenoiseFilm(nn.Module):
    """Scales and shifts every channel by how much denoising is asked for, frame by frame.

    The coefficients are linear in the paper's one-hot mode, so a mode between 0 and 1 is a ramp.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(2, channels))
        self.beta = nn.Parameter(torch.zeros(2, channels))

    def forward(self, x: Tensor, denoise: Tensor) -> Tensor:
        """x [B, C, T], denoise [B, T] from 0 (off) to 1 (on) -> [B, C, T]."""
        mode = denoise.to(x.dtype)[:, None, :]
        gamma, beta = self.gamma.to(x.dtype)[..., None], self.beta.to(x.dtype)[..., None]
        return (gamma[0] + mode * (gamma[1] - gamma[0])) * x + (beta[0] + mode * (beta[1] - beta[0]))
