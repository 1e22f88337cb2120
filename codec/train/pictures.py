"""What a run sounds like, as a picture: log-mel spectra of a clip and of what the codec makes of it."""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from codec.model import SoundStream
from codec.train.losses import mel_filterbank, power, spectrum

BITRATES_KBPS = (3.0, 6.0, 12.0)
WINDOW, BANDS, RANGE_DB = 1024, 80, 80.0


@torch.no_grad()
def draw_picture(model: SoundStream, clip: Tensor, path: Path) -> None:
    """Writes a PNG of clip [samples], a whole number of frames, and of the model's output at some bitrates."""
    config = model.config
    z, _ = model.encoder.step(clip[None, None], model.encoder.initial_state(1))
    sounds = {"original": clip}
    for bitrate in BITRATES_KBPS:
        codes, _ = model.quantizer.encode(z, config.n_q(bitrate), model.quantizer.initial_state(1))
        pcm, _ = model.decode_step(codes, model.decoder_state(1))
        sounds[f"{bitrate:g} kbit/s"] = pcm[0, 0]
    figure = Figure(figsize=(10, 2.2 * len(sounds)), layout="constrained")
    rows = figure.subplots(len(sounds), sharex=True)
    top = float(_log_mel(clip, config.sample_rate).max())
    for axes, (name, sound) in zip(rows, sounds.items(), strict=True):
        mel = _log_mel(sound, config.sample_rate)
        extent = (0.0, len(sound) / config.sample_rate, 0.0, float(BANDS))
        axes.imshow(mel.numpy(), origin="lower", aspect="auto", extent=extent, vmin=top - RANGE_DB, vmax=top)
        axes.set(title=name, ylabel="mel band")
    rows[-1].set_xlabel("seconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _log_mel(sound: Tensor, sample_rate: int) -> Tensor:
    """-> [bands, frames], dB."""
    spec = spectrum(sound[None].float(), WINDOW)[0]
    bank = mel_filterbank(sample_rate, WINDOW, BANDS, sound.device)
    return 20 * torch.log10((power(spec).sqrt().T @ bank).T + 1e-6).cpu()
