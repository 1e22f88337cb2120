"""Writes the step graphs for ONNX Runtime. They mirror codec/denoiser.py and codec/seanet.py step by step; tests hold
their codes equal to the reference's."""

from __future__ import annotations

from pathlib import Path

import torch
from onnx import TensorProto
from torch import Tensor

from codec import pitch
from codec.bandfilter import BandFilter
from codec.bandmaps import BandMaps, CausalConv2d, RunningMeans
from codec.bands import (
    DENOISE_ABOVE,
    DENOISE_CENTER,
    DENOISE_FAINTEST,
    DENOISE_FFT,
    DENOISE_HARMONIC,
    DENOISE_LEAST_POWER,
    DENOISE_MEANS,
    DENOISE_MOST,
    DENOISE_START,
    DENOISE_UNIT,
    DENOISE_WINDOW,
    INAUDIBLE,
    LEAST_POWER,
    LOUDNESS_EXPONENT,
    MOST_GAIN,
    PASSES,
    WINDOW,
)
from codec.denoiser import Denoiser
from codec.highband import HIGH_PARTS
from codec.levels import Equalizer, LevelAnalysis
from codec.model import SoundStream
from codec.postfilter import LongTermPostfilter
from codec.seanet import DecoderBlock, EncoderBlock, LevelCorrection, ResidualUnit
from codec.train.stepgraph import StepGraphBuilder


class CodecGraph(StepGraphBuilder):
    """The codec's parts; every method takes and gives names of tensors, [1, C, 1, T] where nothing else is said."""

    def denoised(self, pcm: str, denoise: str, denoiser: Denoiser) -> str:
        """pcm [1, 1, 1, hop], denoise [1, 1, 1, 1] -> pcm [1, 1, 1, hop]."""
        before, after = self.state(1, DENOISE_WINDOW - denoiser.hop)
        seen = self.add("Concat", before, pcm, axis=3)
        self.slice(seen, denoiser.hop - DENOISE_WINDOW, 1 << 30, output=after)
        powers = self.in_bands(seen, denoiser.window, DENOISE_FFT, denoiser.weights)
        logs = self.add("Log", self.add("Add", powers, self.number(DENOISE_LEAST_POWER)))
        x = self.add("Div", self.add("Sub", logs, self.number(DENOISE_CENTER)), self.number(DENOISE_UNIT))
        own = len(self.states)
        bands = denoiser.last.conv.out_channels
        loudness = self.add("Reshape", x, self.constant([1, 1, 1, bands]))
        maps = self.band_maps(loudness, denoiser.maps, bands)
        told, alone = (self.mixed(maps, conv) for conv in (denoiser.told, denoiser.said))
        x = self.add("Reshape", self.add("Concat", loudness, told, axis=1), self.constant([1, -1, 1, 1]))
        x = self.causal(x, denoiser.first)
        for unit in denoiser.units:
            assert isinstance(unit, ResidualUnit)
            x = self.unit(x, unit)
        alone = self.add("Reshape", alone, self.constant([1, bands, 1, 1]))
        said = self.add("Add", self.causal(self.elu(x), denoiser.last), alone)
        self._kept_while_off(denoise, own)
        taken = self.add("Mul", denoise, self.add("Mul", self.add("Sigmoid", said), self.number(DENOISE_MOST)))
        return self.filtered(pcm, self.add("Neg", taken), denoiser.filter)

    def band_maps(self, loudness: str, maps: BandMaps, bands: int) -> str:
        """loudness [1, 1, 1, bands] -> maps after ELU [1, maps, 1, bands]."""
        seen = self.add("Concat", loudness, self.above_means(loudness, maps.means, bands), axis=1)
        x = self.convolved(seen, maps.first, bands)
        for unit in maps.units:
            assert isinstance(unit, CausalConv2d)
            x = self.add("Add", x, self.convolved(self.elu(x), unit, bands))
        return self.elu(x)

    def above_means(self, loudness: str, means: RunningMeans, bands: int) -> str:
        """loudness [1, 1, 1, bands] -> how far it is above each running mean [1, means, 1, bands]."""
        count = len(DENOISE_MEANS)
        before, after = self.state(count, bands)
        since = self.add("Sub", loudness, self.number(DENOISE_START))
        inverse = self.add("Min", self.add("Exp", self.add("Mul", since, self.number(-DENOISE_UNIT))), self.number(1.0))
        values = self.add("Concat", *[inverse] * DENOISE_HARMONIC, *[since] * (count - DENOISE_HARMONIC), axis=1)
        old = self.add("Mul", before, self.column(means.decays.float()))
        now = self.add("Add", old, self.add("Mul", values, self.column((1 - means.decays).float())), output=after)
        inverses = self.add("Add", self.slice(now, 0, DENOISE_HARMONIC, axis=1), self.number(DENOISE_FAINTEST))
        faint = self.add("Mul", self.add("Log", inverses), self.number(-1 / DENOISE_UNIT))
        floors = self.add("Concat", faint, self.slice(now, DENOISE_HARMONIC, count, axis=1), axis=1)
        return self.clip(self.add("Sub", since, floors), *DENOISE_ABOVE)

    def convolved(self, x: str, layer: CausalConv2d, bands: int) -> str:
        """x [1, maps, 1, bands] -> [1, maps', 1, bands]."""
        before, after = self.state(layer.conv.in_channels, bands, layer.context)
        x = self.add("Concat", before, x, axis=2)
        self.slice(x, -layer.context, 1 << 30, output=after, axis=2)
        weight, bias = self.constant(layer.conv.weight), self.constant(layer.bias)
        return self.add("Conv", x, weight, bias, pads=[0, 1, 0, 1], dilations=[layer.dilation, 1])

    def _kept_while_off(self, denoise: str, first: int) -> None:
        """States from number `first` on stay as they are in a frame that is not to be denoised."""
        on = self.add("Greater", denoise, self.number(0.0))
        for index, (before, after, shape) in enumerate(self.states[first:], first):
            chosen = self.add("Where", on, after, before)
            self.states[index] = (before, chosen, shape)

    def powers(self, pcm: str, analysis: LevelAnalysis) -> str:
        """pcm [1, 1, 1, hop] -> in the equalizer's bands, [1, bands + 3, 1, 1]."""
        before, after = self.state(1, WINDOW - analysis.hop)
        pcm = self.add("Concat", before, pcm, axis=3)
        self.slice(pcm, analysis.hop - WINDOW, 1 << 30, output=after)
        return self.in_bands(pcm, analysis.window, WINDOW, analysis.weights)

    def in_bands(self, sound: str, window: Tensor, points: int, weights: Tensor) -> str:
        """sound [1, 1, 1, window] -> of its spectrum of `points` the powers in bands [1, bands, 1, 1]."""
        waves = torch.fft.rfft(torch.diag(window.double()), points).T
        parts = self.add("Conv", sound, self.constant(torch.cat([waves.real, waves.imag]).float()[:, None, None]))
        return self.matrix(self.add("Mul", parts, parts), torch.cat([weights, weights], dim=1))

    def whole(self, powers: str, bands: int) -> str:
        """[1, bands + 3, 1, 1] -> [1, bands, 1, 1]."""
        low, high = self.slice(powers, 0, bands - 1, axis=1), self.slice(powers, bands - 1, 1 << 30, axis=1)
        return self.add("Concat", low, self.add("ReduceSum", high, self.constant([1])), axis=1)

    def parted(self, logs: str, shares: str, bands: int) -> str:
        """log powers [1, bands, 1, 1], shares [1, HIGH_PARTS, 1, 1] -> [1, bands + 3, 1, 1]."""
        low, last = self.slice(logs, 0, bands - 1, axis=1), self.slice(logs, bands - 1, bands, axis=1)
        high = self.add("Max", self.add("Sub", self.add("Exp", last), self.number(INAUDIBLE)), self.number(0.0))
        parts = self.add("Add", self.add("Mul", high, shares), self.number(INAUDIBLE))
        return self.add("Concat", low, self.add("Log", parts), axis=1)

    def correction(self, x: str, network: LevelCorrection) -> str:
        return self.causal(self.elu(self.causal(x, network.hidden)), network.pointwise)

    def postfiltered(self, pcm: str, postfilter: LongTermPostfilter) -> str:
        """pcm [1, 1, 1, hop] -> pcm."""
        before, after = self.state(1, postfilter.history)
        extended = self.add("Concat", before, pcm, axis=3)
        self.slice(extended, -postfilter.history, 1 << 30, output=after)
        lag, share = self.pitch(extended, postfilter)
        last, new = self.state(2, 1)
        self.add("Concat", lag, share, axis=1, output=new)
        found = [(self.slice(last, 0, 1, axis=1), self.slice(last, 1, 2, axis=1)), (lag, share)]
        changes = []
        for period, weight in found:
            whole = self.add("Cast", self.add("Reshape", period, self.constant([1])), to=TensorProto.INT64)
            within = self.constant([postfilter.history + i for i in range(postfilter.hop)])
            then = self.add("Gather", extended, self.add("Sub", within, whole), axis=3)
            changes.append(self.add("Mul", weight, self.add("Sub", then, pcm)))
        taken_over = self.add("Mul", self.constant(postfilter.ramp), self.add("Sub", changes[1], changes[0]))
        return self.add("Add", pcm, self.add("Add", changes[0], taken_over))

    def pitch(self, extended: str, postfilter: LongTermPostfilter) -> tuple[str, str]:
        """Sound with its history [1, 1, 1, history + hop] -> lag and share [1, 1, 1, 1]. What correlations say of lags
        stands longest lag first."""
        taps = self.constant(postfilter.taps[None, None, None])
        low = self.add("Conv", extended, taps, strides=[1, pitch.DECIMATION])
        products = self.add("Conv", low, self.slice(low, pitch.MOST_LAG, pitch.MOST_LAG + pitch.WINDOW))
        energies = self.add("Conv", self.add("Mul", low, low), self.constant(torch.ones(1, 1, 1, pitch.WINDOW)))
        own = self.slice(energies, pitch.MOST_LAG, pitch.MOST_LAG + 1)
        squares = self.add("Add", self.add("Mul", energies, own), self.number(pitch.FAINTEST))
        alike = self.add("Div", products, self.add("Sqrt", squares))
        count = pitch.MOST_LAG - pitch.LEAST_LAG
        longer, middle, shorter = (self.slice(alike, i, i + count) for i in range(3))
        high = self.add("Mul", self.add("ReduceMax", middle, axes=[3]), self.number(pitch.SUBPERIOD))
        least = self.add("Max", shorter, longer)
        peaks = self.add("And", self.add("GreaterOrEqual", middle, least), self.add("Greater", middle, high))
        marks = self.add("Cast", peaks, to=TensorProto.FLOAT)
        first, most = (self.add("ArgMax", x, axis=3, select_last_index=1) for x in (marks, middle))
        some = self.add("Greater", self.add("ReduceMax", marks, axes=[3]), self.number(0.0))
        best = self.add("Where", some, first, most)
        more, there, less = (self.add("GatherElements", x, best, axis=3) for x in (longer, middle, shorter))
        curve = self.add("Sub", self.add("Add", less, more), self.add("Mul", there, self.number(2.0)))
        curve = self.add("Mul", self.add("Min", curve, self.number(-1e-6)), self.number(2.0))
        offset = self.clip(self.add("Div", self.add("Sub", less, more), curve), -0.5, 0.5)
        whole = self.add("Sub", self.number(pitch.MOST_LAG - 1.0), self.add("Cast", best, to=TensorProto.FLOAT))
        lag = self.add("Round", self.add("Mul", self.add("Add", whole, offset), self.number(float(pitch.DECIMATION))))
        above = self.add("Sub", there, self.number(pitch.WEAK))
        strength = self.clip(self.add("Div", above, self.number(pitch.STRONG - pitch.WEAK)), 0.0, 1.0)
        return lag, self.add("Mul", strength, "most_share")

    def equalized(self, pcm: str, wanted: str, equalizer: Equalizer) -> str:
        """pcm [1, 1, 1, hop], log powers [1, bands + 3, 1, 1] -> pcm."""
        inaudible, total = self.number(INAUDIBLE), self.number(0.0)
        for _ in range(PASSES):
            given = self.add("Log", self.add("Add", self.powers(pcm, equalizer.analysis), inaudible))
            half = self.add("Mul", self.add("Sub", wanted, given), self.number(0.5))
            before, total = total, self.clip(self.add("Add", half, total), -MOST_GAIN, MOST_GAIN)
            pcm = self.filtered(pcm, self.add("Sub", total, before), equalizer.filter)
        return pcm

    def filtered(self, pcm: str, gains: str, band_filter: BandFilter) -> str:
        """pcm [1, 1, 1, hop], log gains [1, bands, 1, 1] -> pcm. Responses are backwards, as convolutions take them."""
        points, taps = band_filter.size, band_filter.taps
        spectrum = torch.fft.rfft(band_filter.cepstra.T.double(), points).T  # of the response's logarithm, by band
        size, angle = (self.matrix(gains, part.float()) for part in (spectrum.real, spectrum.imag))
        size = self.add("Exp", size)
        real, imaginary = (self.add("Mul", size, self.add(op, angle)) for op in ("Cos", "Sin"))
        basis = torch.eye(points // 2 + 1, dtype=torch.float64)
        inverse = [torch.fft.irfft(basis * unit, points)[:, :taps].T.flip(0).float() for unit in (1, 1j)]
        same = torch.zeros(taps)
        same[-1] = 1
        whole = self.add("Add", self.matrix(real, inverse[0]), self.matrix(imaginary, inverse[1]))
        last, new = self.state(taps, 1)
        self.add("Sub", whole, self.column(same), output=new)
        kernels = [self.add("Reshape", name, self.constant([1, 1, 1, taps])) for name in (last, new)]
        before, after = self.state(1, taps - 1)
        extended = self.add("Concat", before, pcm, axis=3)
        self.slice(extended, 1 - taps, 1 << 30, output=after)
        changes = [self.add("Conv", extended, kernel) for kernel in kernels]
        taken_over = self.add("Mul", self.constant(band_filter.ramp), self.add("Sub", changes[1], changes[0]))
        return self.add("Add", pcm, self.add("Add", changes[0], taken_over))


@torch.no_grad()
def write_encoder(model: SoundStream, path: Path) -> None:
    """pcm [1, 1, 1, hop], denoise [1, 1, 1, 1], states -> z [1, code_dimension, 1, 1], next states, the powers of the
    highest band's parts [1, HIGH_PARTS, 1, 1]."""
    graph, encoder, quantizer, config = CodecGraph(), model.encoder, model.quantizer, model.config
    graph.frames = config.hop
    pcm = graph.denoised("pcm", "denoise", model.denoiser)
    x = graph.causal(pcm, encoder.first)
    for block in encoder.blocks:
        assert isinstance(block, EncoderBlock)
        for unit in block.units:
            assert isinstance(unit, ResidualUnit)
            x = graph.unit(x, unit)
        x = graph.causal(graph.elu(x), block.down)
    learned = graph.pointwise(graph.causal(graph.elu(x), encoder.last), quantizer.project_in)
    powers = graph.powers(pcm, encoder.analysis)
    high = graph.slice(powers, -HIGH_PARTS, 1 << 30, axis=1)
    powers = graph.add("Add", graph.whole(powers, config.bands), graph.number(LEAST_POWER))
    levels = graph.add("Pow", powers, graph.number(LOUDNESS_EXPONENT))
    levels = graph.add("Sub", levels, graph.column(quantizer.level_offset))
    levels = graph.add("Mul", levels, graph.constant(quantizer.level_scale))
    z = graph.add("Concat", learned, levels, axis=1)
    shapes = {"pcm": [1, 1, 1, config.hop], "denoise": [1, 1, 1, 1]}
    graph.write(path, shapes, (z, [1, config.code_dimension, 1, 1]), (high, [1, HIGH_PARTS, 1, 1]))


@torch.no_grad()
def write_decoder(model: SoundStream, path: Path) -> None:
    """z [1, code_dimension, 1, 1], emphasis and most_share [1, 1, 1, 1], shares [1, HIGH_PARTS, 1, 1], states ->
    pcm [1, 1, 1, hop], next states."""
    graph, decoder, quantizer, config = CodecGraph(), model.decoder, model.quantizer, model.config
    graph.frames = 1
    learned = graph.pointwise("z", quantizer.project_out)
    ends = (graph.constant([config.projected]), graph.constant([config.code_dimension]), graph.constant([1]))
    scaled = graph.add("Div", graph.add("Slice", "z", *ends), graph.constant(quantizer.level_scale))
    levels = graph.add("Add", scaled, graph.column(quantizer.level_offset))
    correction = graph.correction(levels, decoder.correction)
    powers = graph.add("Pow", graph.add("Max", levels, graph.number(0.0)), graph.number(1 / LOUDNESS_EXPONENT))
    logs = graph.add("Log", graph.add("Add", powers, graph.number(INAUDIBLE)))
    x = graph.causal(learned, decoder.first)
    for block in decoder.blocks:
        assert isinstance(block, DecoderBlock)
        x = graph.transposed(graph.elu(x), block.up)
        for unit in block.units:
            assert isinstance(unit, ResidualUnit)
            x = graph.unit(x, unit)
    wanted = graph.add("Add", logs, correction)
    pcm = graph.postfiltered(graph.causal(graph.elu(x), decoder.last), decoder.postfilter)
    emphasised = graph.add("Mul", "emphasis", graph.matrix(wanted, decoder.equalizer.emphasis))
    wanted = graph.parted(graph.add("Add", wanted, emphasised), "shares", config.bands)
    pcm = graph.equalized(pcm, wanted, decoder.equalizer)
    sizes = {"z": config.code_dimension, "emphasis": 1, "most_share": 1, "shares": HIGH_PARTS}
    graph.write(path, {name: [1, size, 1, 1] for name, size in sizes.items()}, (pcm, [1, 1, 1, config.hop]))
