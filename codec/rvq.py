"""The residual vector quantizer (arXiv 2107.03312, section III-C), searched in a low projected dimension."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codec.config import CodecConfig, search_paths
from codec.entropy import CodeNetworks


class ResidualVectorQuantizer(nn.Module):
    """Embeddings to codes and back. Each quantizer codes what the ones before it left over.

    One projection stands before all quantizers and one back after them (docs/decisions). It leaves levels alone: they
    stand beside what is projected, on a scale that says how many bits they get. What the frame before makes likely,
    number by number, is not coded (docs/decisions/0031): `last`, of each stream, is what its frame before came to,
    [B, d]. What says how likely codes are (codec/entropy.py) is kept here, too.
    """

    codebooks: Tensor
    prediction: Tensor
    level_offset: Tensor
    level_scale: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.bands = config.bands
        self.project_in = nn.Conv1d(config.dimension, config.projected, 1)
        self.project_out = nn.Conv1d(config.code_dimension, config.dimension, 1)
        shape = (config.quantizers, config.codebook_size, config.code_dimension)
        self.register_buffer("codebooks", torch.randn(shape) / config.code_dimension**0.5)
        self.register_buffer("prediction", torch.zeros(config.code_dimension))  # of a number in the frame before
        self.register_buffer("level_offset", torch.zeros(config.bands))
        self.register_buffer("level_scale", torch.ones(()))
        for name, value in CodeNetworks.untaught(*shape)._asdict().items():
            self.register_buffer(name, torch.from_numpy(value))

    def project(self, z: Tensor) -> Tensor:
        """Embeddings [B, D, T] -> what is quantized, [B, d, T]."""
        learned, levels = z[:, : -self.bands], z[:, -self.bands :]
        return torch.cat([self.project_in(learned), (levels - self.level_offset[:, None]) * self.level_scale], dim=1)

    def project_back(self, quantized: Tensor) -> Tensor:
        """[B, d, T] -> embeddings [B, D, T]."""
        levels = quantized[:, -self.bands :] / self.level_scale + self.level_offset[:, None]
        return torch.cat([self.project_out(quantized), levels], dim=1)

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

    def initial_state(self, batch: int) -> Tensor:
        """`last` before the first frame."""
        return self.codebooks.new_zeros(batch, self.codebooks.shape[2])

    def encode(self, z: Tensor, n_q: int, last: Tensor) -> tuple[Tensor, Tensor]:
        """z [B, D, T], last -> codes [B, n_q, T], next last."""
        codes = list[Tensor]()
        for vectors in self.project(z).unbind(dim=2):
            expected = self.prediction * last
            codes.append(self.search(vectors - expected, n_q))
            last = expected + self.entries(codes[-1])
        return torch.stack(codes, dim=2), last

    def decode(self, codes: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """codes [B, n_q, T], any n_q, last -> z [B, D, T], next last."""
        found = list[Tensor]()
        for frame in codes.unbind(dim=2):
            last = self.prediction * last + self.entries(frame)
            found.append(last)
        return self.project_back(torch.stack(found, dim=2)), last

    def entries(self, codes: Tensor) -> Tensor:
        """codes [N, n_q] -> the sum of their entries [N, d]."""
        return torch.stack([self.codebooks[q][code] for q, code in enumerate(codes.T)]).sum(dim=0)
