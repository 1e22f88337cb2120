// What the denoiser knows of each band before it looks at all of them together (codec/bandmaps.py). See isa.cpp.
#pragma once
#include "vectors.h"

namespace {

// One frame through a layer, for kBands bands at a time. inputs: of the frame before the last one that counts, of that
// and of this one, each [1 + bands + 1][layer.inputs] with zeros at both ends; added to sums [bands][maps].
// Not inlined: its loop wants the registers for itself.
template <int kBands>
__attribute__((noinline)) void convolve(const BandLayer& layer, int maps, const float* const* inputs, int band, float* sums) {
    const int stride = layer.inputs;
    for (int output = 0; output < maps; output += kWidth) {
        Floats sum[kBands];
        for (int b = 0; b < kBands; ++b) sum[b] = load(layer.bias + output) + load(sums + (band + b) * maps + output);
        const float* weights = layer.weights + output;
        for (int frame = 0; frame < 3; ++frame) {
            const float* x = inputs[frame] + band * stride;
            for (int k = 0; k < 3 * stride; ++k, weights += maps) {
                const Floats w = load(weights);
#pragma GCC unroll 8
                for (int b = 0; b < kBands; ++b) sum[b] += w * x[b * stride + k];
            }
        }
        for (int b = 0; b < kBands; ++b) store(sums + (band + b) * maps + output, sum[b]);
    }
}

// x [bands][layer.inputs], of this frame; what the layer makes of it is added to sums [bands][maps]. In `kept` lie the last 2 * dilation frames, each where
// `frame`, a count, says: it is written over the oldest.
inline void layer_step(const BandMaps& shape, const BandLayer& layer, const float* x, uint32_t frame, float* kept, float* sums) {
    constexpr int kTogether = 6;
    const int size = (shape.bands + 2) * layer.inputs, span = 2 * layer.dilation;
    float* oldest = kept + frame % span * size;
    const float* between = kept + (frame + layer.dilation) % span * size;
    alignas(64) float now[(kMaxBands + 2) * kMaxMaps];
    for (int k = 0; k < layer.inputs; ++k) now[k] = now[size - 1 - k] = 0;
    __builtin_memcpy(now + layer.inputs, x, shape.bands * layer.inputs * sizeof(float));
    const float* inputs[] = {oldest, between, now};
    int band = 0;
    for (; band + kTogether <= shape.bands; band += kTogether) convolve<kTogether>(layer, shape.maps, inputs, band, sums);
    for (; band < shape.bands; ++band) convolve<1>(layer, shape.maps, inputs, band, sums);
    __builtin_memcpy(oldest, now, size * sizeof(float));
}

// Loudness and powers [bands] -> seen [bands][1 + means]: the first, and how far it is above each running mean.
inline void above_means(const BandMaps& shape, const float* loudness, const float* powers, float* means, float* seen) {
    for (int b = 0; b < shape.bands; ++b, seen += 1 + shape.means) {
        // Nothing counts as fainter than where means begin.
        const float since = loudness[b] - shape.start;
        const float inverse = powers[b] > shape.one ? shape.one / powers[b] : 1;
        seen[0] = loudness[b];
        for (int k = 0; k < shape.means; ++k) {
            const bool harmonic = k < shape.harmonic;
            float& mean = means[k * shape.bands + b];
            mean += (1 - shape.decays[k]) * ((harmonic ? inverse : since) - mean);
            const float floor = harmonic ? -__builtin_logf(mean + shape.faintest) / shape.unit : mean;
            seen[1 + k] = clamped(since - floor, shape.low, shape.high);
        }
    }
}

// Loudness and powers [bands] -> told [1 + shape.told][bands]: the loudness, then mixtures of maps; and what maps alone
// say of gains, [bands].
inline void map_bands(const BandMaps& shape, const float* loudness, const float* powers, KeptMaps& kept, float* told, float* alone) {
    alignas(64) float x[kMaxBands * kMaxMaps], sums[kMaxBands * kMaxMaps];
    const int size = shape.bands * shape.maps;
    __builtin_memset(sums, 0, size * sizeof(float));
    float* at = kept.values;
    above_means(shape, loudness, powers, at, x);
    at += shape.means * shape.bands;
    for (int i = 0; i < shape.count; ++i) {
        const BandLayer& layer = shape.layers[i];
        layer_step(shape, layer, x, kept.frame, at, sums);
        at += 2 * layer.dilation * (shape.bands + 2) * layer.inputs;
        for (int k = 0; k < size; k += kWidth) store(x + k, elu(load(sums + k)));
    }
    ++kept.frame;
    __builtin_memcpy(told, loudness, shape.bands * sizeof(float));
    for (int b = 0; b < shape.bands; ++b) {
        for (int k = 0; k <= shape.told; ++k) {
            const float mixed = dot(shape.mixing + k * shape.maps, x + b * shape.maps, shape.maps) + shape.mixing_bias[k];
            (k < shape.told ? told[(1 + k) * shape.bands + b] : alone[b]) = mixed;
        }
    }
}

}  // namespace
