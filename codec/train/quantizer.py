"""How codebooks learn: coordinates and k-means at the start, moving averages after, new life for what nothing uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from codec.rvq import ResidualVectorQuantizer
from codec.train.team import Team

DECAY = 0.99  # of the moving averages that are the codebooks
# Of what a frame makes likely of the next this is not coded: less than all, for it is known no better than quantized,
# and what a lost packet changes shall be forgotten soon.
PREDICTED = 0.64
LEVEL_SHARE = 1.25  # of a learned number's deviation is what a level's is brought to (docs/decisions/0031)
BALANCE_DECAY = 0.99  # of the moving averages of what learned numbers and levels vary by
BALANCE_STEP = 0.01  # of how far their ratio's logarithm is from where it belongs is made up for in one update


def settling_decay(updates: int) -> float:
    """The decay so many updates after the encoder has come to rest: it begins as DECAY, then weights grow in
    proportion to time, so that the average lengthens and forgets the assignments of the beginning."""
    return 1 - 2 / (updates + 2 / (1 - DECAY))


@dataclass(frozen=True)
class Whitening:
    """A change of the quantizer's coordinates, forward(z - mean), and its inverse."""

    mean: Tensor
    forward: Tensor
    inverse: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, vectors: Tensor, strength: float = 0.8, floor: float = 1e-5) -> Whitening:
        """For vectors [N, d]: turns them to their principal axes and divides each axis by its deviation, `strength`
        of the way to white; axes weaker than `floor` of the strongest's variance are not raised above it."""
        mean = vectors.mean(dim=0)
        variance, axes = torch.linalg.eigh(torch.cov(vectors.T))
        scale = variance.clamp(min=floor * float(variance.max())) ** (-strength / 2)
        return cls(mean, scale[:, None] * axes.T, axes / scale)

    def __call__(self, vectors: Tensor) -> Tensor:
        return (vectors - self.mean) @ self.forward.T

    @torch.no_grad()
    def move(self, quantizer: ResidualVectorQuantizer) -> None:
        """Puts the change into the projections before and after the quantizers; what they do together stays."""
        before, after, size = quantizer.project_in, quantizer.project_out, len(self.mean)
        assert before.bias is not None
        assert after.bias is not None
        after.bias.add_(after.weight[:, :size, 0] @ self.mean)
        after.weight[:, :size, 0] = after.weight[:, :size, 0] @ self.inverse
        before.bias.copy_(self.forward @ (before.bias - self.mean))
        before.weight.copy_((self.forward @ before.weight[..., 0])[..., None])


@torch.no_grad()
def weigh_levels(quantizer: ResidualVectorQuantizer, levels: Tensor, deviation: float) -> None:
    """Centers levels [N, bands] and brings their deviation to `deviation`; the projection back is as before."""
    after = quantizer.project_out
    assert after.bias is not None
    mean, scale = levels.mean(dim=0), deviation / (levels - levels.mean(dim=0)).std().clamp(min=1e-6)
    columns = after.weight[:, -quantizer.bands :, 0]
    after.bias.add_(columns @ ((mean - quantizer.level_offset) * quantizer.level_scale))
    quantizer.level_offset.copy_(mean)
    scale_levels(quantizer, scale / quantizer.level_scale)


@torch.no_grad()
def scale_levels(quantizer: ResidualVectorQuantizer, factor: float | Tensor) -> None:
    """Multiplies levels, from projection to codebooks; what comes out behind these stays."""
    quantizer.level_scale.mul_(factor)
    quantizer.codebooks[..., -quantizer.bands :] *= factor
    quantizer.project_out.weight[:, -quantizer.bands :].div_(factor)


def steady(z: Tensor, learned: int) -> Tensor:
    """Projected embeddings z [B, d, T] as they are, but of the gradient by the first `learned` numbers the part is gone
    that would make them louder or fainter all alike. Entries are means and so smaller than what they stand for: the
    decoder asks for more, and passed straight through that would make the encoder louder without end."""
    return cast(Tensor, Steady.apply(z, learned))  # type: ignore[no-untyped-call]  # torch leaves it untyped


class Steady(torch.autograd.Function):
    """Nothing forward, a projection backward."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, learned: int) -> Tensor:
        ctx.learned = learned
        ctx.save_for_backward(z)
        return z.view_as(z)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (z,) = ctx.saved_tensors
        learned, levels, along = gradient[:, : ctx.learned], gradient[:, ctx.learned :], z[:, : ctx.learned]
        growth = (learned * along).sum() / along.square().sum().clamp(min=1e-12)
        return torch.cat([learned - growth * along, levels], dim=1), None


@dataclass(frozen=True)
class Quantized:
    """z [B, d, T] as the decoder sees it, gradients passing straight through; the commitment loss; codes [N, Q]."""

    z: Tensor
    commitment: Tensor
    codes: Tensor


class CodebookTrainer:
    """Moving-average codebooks for all quantizers of one ResidualVectorQuantizer.

    Entries whose average use falls below `revive_below` of an even share are replaced by random vectors of the
    batch (the paper's rule, made independent of the batch size).
    """

    def __init__(
        self, quantizer: ResidualVectorQuantizer, team: Team, decay: float = DECAY, revive_below: float = 0.05
    ) -> None:
        self.quantizer, self.team, self.decay, self.revive_below = quantizer, team, decay, revive_below
        books = quantizer.codebooks
        self.usage = torch.ones(books.shape[:2], device=books.device)
        self.sums = books.clone()
        self.variances = torch.zeros(2, device=books.device)  # of learned numbers and of levels, averaged

    def state_dict(self) -> dict[str, Tensor]:
        return {"usage": self.usage, "sums": self.sums, "variances": self.variances}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.usage.copy_(state["usage"])
        self.sums.copy_(state["sums"])
        self.variances.copy_(state.get("variances", torch.zeros(2)))

    @torch.no_grad()
    def start(self, vectors: Tensor, iterations: int = 6) -> None:
        """vectors [N, T, d], frame after frame. Measures what each frame makes likely of the next, then sets every
        codebook by k-means on what that and the quantizers before it leave."""
        before = F.pad(vectors[:, :-1], (0, 0, 1, 0))
        alike = (before * vectors).sum(dim=(0, 1)) / before.square().sum(dim=(0, 1)).clamp(min=1e-12)
        self.quantizer.prediction.copy_(PREDICTED * alike.clamp(0, 1))
        residual = (vectors - self.quantizer.prediction * before).flatten(0, 1)
        for index, book in enumerate(self.quantizer.codebooks):
            book.copy_(residual[torch.randperm(len(residual), device=residual.device)[: len(book)]])
            for _ in range(iterations):
                codes = self.quantizer.nearest(residual, index)
                counts = torch.bincount(codes, minlength=len(book))
                sums = torch.zeros_like(book).index_add_(0, codes, residual)
                used = counts > 0
                book[used] = sums[used] / counts[used, None]
                idle = int((~used).sum())
                book[~used] = residual[torch.randint(len(residual), (idle,), device=residual.device)]
            residual = residual - book[self.quantizer.nearest(residual, index)]
        self.usage.fill_(1.0)
        self.sums.copy_(self.quantizer.codebooks)

    def __call__(self, z: Tensor, depths: Tensor) -> Quantized:
        """Projected embeddings z [B, d, T], quantizers of each frame [B, T]. Every codebook learns from all frames;
        output and commitment loss see the frame's own quantizers only, and so does what the next frame's begin with."""
        z = z.transpose(1, 2)  # [B, T, d]
        active = (depths[..., None] > torch.arange(len(self.quantizer.codebooks), device=z.device)).float()
        codes, entries, found = self._search(z.detach(), active)
        own = (entries * active[..., None]).sum(dim=2)
        residuals = (z - (found - own))[:, :, None] - (entries.cumsum(dim=2) - entries)  # [B, T, Q, d]
        left = (residuals - entries).square() * active[..., None]
        commitment = left.sum(dim=2).mean() / active.sum(dim=2).mean() / z.detach().var().clamp(min=1e-6)
        self._learn(codes.flatten(0, 1).T, residuals.detach().flatten(0, 1).transpose(0, 1), z.detach().flatten(0, 1))
        through = z + (found - z).detach()
        return Quantized(through.transpose(1, 2), commitment, codes.flatten(0, 1))

    @torch.no_grad()
    def _search(self, z: Tensor, active: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """z [B, T, d], the quantizers that frames have [B, T, Q] -> codes [B, T, Q], of all quantizers; their entries
        [B, T, Q, d]; what comes of the frame's own [B, T, d]."""
        books = self.quantizer.codebooks
        half_norms, last = books.square().sum(dim=2) / 2, self.quantizer.initial_state(len(z))
        codes, entries, found = list[Tensor](), list[Tensor](), list[Tensor]()
        for vectors, own in zip(z.unbind(dim=1), active.unbind(dim=1), strict=True):
            last = self.quantizer.prediction * last
            residual = vectors - last
            for index, book in enumerate(books):
                code = (half_norms[index] - residual @ book.T).argmin(dim=1)
                entry = book[code]
                residual, last = residual - entry, last + entry * own[:, index, None]
                codes.append(code)
                entries.append(entry)
            found.append(last)
        shape = z.shape[1], len(books), len(z)
        many = torch.stack(codes).view(shape).permute(2, 0, 1)
        return many, torch.stack(entries).view(*shape, -1).permute(2, 0, 1, 3), torch.stack(found, dim=1)

    @torch.no_grad()
    def balance(self, average: ResidualVectorQuantizer) -> None:
        """Keeps levels' share of the bits, in the quantizer and in its average: louder numbers get more of them, so
        where learned ones have drifted levels follow, little by little. Were the encoder's projection scaled instead,
        the smaller it became the faster it would turn."""
        learned, levels = self.variances.clamp(min=1e-12).sqrt().tolist()
        factor = (LEVEL_SHARE * learned / levels) ** BALANCE_STEP
        for quantizer in (self.quantizer, average):
            scale_levels(quantizer, factor)
        self.sums[..., -self.quantizer.bands :] *= factor
        self.variances[1] *= factor**2

    @torch.no_grad()
    def _learn(self, codes: Tensor, vectors: Tensor, z: Tensor) -> None:
        """codes [Q, N] that were chosen for vectors [Q, N, d], to code z [N, d]; one message to the team for all
        codebooks."""
        learned, levels = z.tensor_split([-self.quantizer.bands], dim=1)
        self.variances.lerp_(torch.stack([learned.var(), levels.var()]), 1 - BALANCE_DECAY)
        count, size = codes.shape[1], self.usage.shape[1]
        share = count / size  # what every entry would get of an even split
        entries = (codes + size * torch.arange(len(codes), device=codes.device)[:, None]).flatten()
        counts = torch.bincount(entries, minlength=self.usage.numel()).view_as(self.usage)
        self.usage.mul_(self.decay).add_(counts / share, alpha=1 - self.decay)
        self.sums.mul_(self.decay)
        self.sums.flatten(0, 1).index_add_(0, entries, vectors.flatten(0, 1), alpha=(1 - self.decay) / share)
        self.team.average([self.usage, self.sums, self.variances])
        book, entry = torch.nonzero(self.usage < self.revive_below, as_tuple=True)
        if len(book) > 0:
            self.sums[book, entry] = vectors[book, torch.randint(count, (len(book),), device=codes.device)]
            self.usage[book, entry] = 1.0
            self.team.share([self.usage, self.sums])
        self.quantizer.codebooks.copy_(self.sums / self.usage[..., None])
