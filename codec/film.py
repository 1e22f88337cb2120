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
        mode = denoise[:, None, :]
        gamma = self.gamma[0][:, None] + mode * (self.gamma[1] - self.gamma[0])[:, None]
        beta = self.beta[0][:, None] + mode * (self.beta[1] - self.beta[0])[:, None]
        return gamma * x + beta
