"""The residual vector quantizer (arXiv 2107.03312, section III-C), searched in a low projected dimension."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codec.config import CodecConfig, search_paths


class ResidualVectorQuantizer(nn.Module):
    """Embeddings to codes and back. Each quantizer codes what the ones before it left over.

    One projection to `code_dimension` stands before all quantizers and one back after them (docs/decisions).
    """

    codebooks: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.project_in = nn.Conv1d(config.dimension, config.code_dimension, 1)
        self.project_out = nn.Conv1d(config.code_dimension, config.dimension, 1)
        shape = (config.quantizers, config.codebook_size, config.code_dimension)
        self.register_buffer("codebooks", torch.randn(shape) / config.code_dimension**0.5)

    def nearest(self, residual: Tensor, quantizer: int) -> Tensor:
        """residual [N, d] -> codes [N] of the entries at the least distance; of equals, the first."""
        book = self.codebooks[quantizer]
        half_norm = book.square().sum(dim=1) / 2
        return (half_norm - residual @ book.T).argmin(dim=1)

    def search(self, z: Tensor, n_q: int) -> Tensor:
        """Projected embeddings z [N, d] -> codes [N, n_q]: of all entries after each of the paths kept so far, the
        search_paths(n_q) that leave least go on, at last the best."""
        left, codes = z[:, None], torch.zeros(len(z), 1, 0, dtype=torch.long, device=z.device)
        for quantizer in range(n_q):
            book = self.codebooks[quantizer]
            own, entries = (x.square().sum(dim=-1) / 2 for x in (left, book))
            distance = (own[..., None] + (entries - left @ book.T)).flatten(1)  # half of it, squared
            keep = search_paths(n_q) if quantizer + 1 < n_q else 1
            best = distance.sort(dim=1, stable=True).indices[:, :keep]
            path, code = best // len(book), best % len(book)
            left = left.gather(1, path[..., None].expand(-1, -1, z.shape[1])) - book[code]
            codes = torch.cat([codes.gather(1, path[..., None].expand(-1, -1, quantizer)), code[..., None]], dim=2)
        return codes[:, 0]

    def encode(self, z: Tensor, n_q: int) -> Tensor:
        """z [B, D, T] -> codes [B, n_q, T]."""
        projected = self.project_in(z)
        batch, _, frames = projected.shape
        codes = self.search(projected.transpose(1, 2).reshape(batch * frames, -1), n_q)
        return codes.reshape(batch, frames, n_q).transpose(1, 2)

    def decode(self, codes: Tensor) -> Tensor:
        """codes [B, n_q, T], any n_q -> z [B, D, T]."""
        entries = torch.stack([self.codebooks[q][codes[:, q]] for q in range(codes.shape[1])])
        z: Tensor = self.project_out(entries.sum(dim=0).transpose(1, 2))
        return z
