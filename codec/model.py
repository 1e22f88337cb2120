"""SoundStream: denoiser, encoder, quantizer and decoder, offline and step by step."""

from __future__ import annotations

from torch import Tensor, nn

from codec.config import CodecConfig
from codec.denoiser import Denoiser
from codec.rvq import ResidualVectorQuantizer
from codec.seanet import Decoder, Encoder, State


class SoundStream(nn.Module):
    """The codec of arXiv 2107.03312. Holds weights only; streams keep their own state."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.denoiser = Denoiser(config)
        self.encoder = Encoder(config)
        self.quantizer = ResidualVectorQuantizer(config)
        self.decoder = Decoder(config)

    def encoder_state(self, batch: int) -> State:
        """Before the first frame of `encode_step`: the quantizer's, then those of `embed_step`."""
        return (self.quantizer.initial_state(batch), *self.embedding_state(batch))

    def embedding_state(self, batch: int) -> State:
        """The denoiser's, then the encoder's."""
        return (*self.denoiser.initial_state(batch), *self.encoder.initial_state(batch))

    def decoder_state(self, batch: int) -> State:
        """Before the first frame of `decode_step`: the quantizer's, then the decoder's."""
        return (self.quantizer.initial_state(batch), *self.decoder.initial_state(batch))

    def encode_step(self, pcm: Tensor, n_q: int, denoise: Tensor, state: State) -> tuple[Tensor, State]:
        """pcm [B, 1, T * hop], denoise [B, T] from 0 (off) to 1 (on), state -> codes [B, n_q, T], next state."""
        last, *rest = state
        z, after = self.embed_step(pcm, denoise, tuple(rest))
        codes, last = self.quantizer.encode(z, n_q, last)
        return codes, (last, *after)

    def embed_step(self, pcm: Tensor, denoise: Tensor, state: State) -> tuple[Tensor, State]:
        """The same up to the embeddings [B, D, T] that the quantizer gets."""
        own = len(state) - self.encoder.states
        pcm, denoiser = self.denoiser.step(pcm, denoise, state[:own])
        z, encoder = self.encoder.step(pcm, state[own:])
        return z, (*denoiser, *encoder)

    def decode_step(self, codes: Tensor, state: State, shares: Tensor | None = None) -> tuple[Tensor, State]:
        """codes [B, n_q, T], state, shares as the decoder has them -> pcm [B, 1, T * hop], next state."""
        last, *rest = state
        z, last = self.quantizer.decode(codes, last)
        pcm, after = self.decoder.step(z, codes.shape[1], tuple(rest), shares)
        return pcm, (last, *after)

    def encode(self, pcm: Tensor, n_q: int, denoise: float = 0.0) -> Tensor:
        """A whole clip, pcm [B, 1, T * hop] -> codes [B, n_q, T]."""
        mode = pcm.new_full((pcm.shape[0], pcm.shape[-1] // self.config.hop), denoise)
        return self.encode_step(pcm, n_q, mode, self.encoder_state(pcm.shape[0]))[0]

    def decode(self, codes: Tensor) -> Tensor:
        """A whole clip, codes [B, n_q, T] -> pcm [B, 1, T * hop]."""
        return self.decode_step(codes, self.decoder_state(codes.shape[0]))[0]


def misfit(error: Exception) -> str:
    """The first of what torch says of tensors that do not fit, in one line."""
    lines = str(error).splitlines()
    return lines[min(1, len(lines) - 1)].split(", ")[0].strip()
