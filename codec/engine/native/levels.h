// Levels in bands: how they are measured, and the equalizer that gives them to a sound (codec/levels.py). See isa.cpp.
#pragma once
#include "filter.h"
#include "spectrum.h"
#include "vectors.h"

namespace {

// A pointwise convolution of hidden [hidden], ELU before it -> [bands].
inline void pointwise(const Levels& levels, const Pointwise& layer, const float* hidden, float* to) {
    alignas(64) float active[kMaxHidden];
    for (int k = 0; k < levels.hidden; k += kWidth) store(active + k, elu(load(hidden + k)));
    for (int b = 0; b < levels.bands; ++b)
        to[b] = layer.bias[b] + dot(layer.weights + b * levels.hidden, active, levels.hidden);
}

// log powers [bands], of which the last one is replaced by those of its parts.
inline void part(const Levels& levels, const float* shares, float* logs) {
    float* const high = logs + levels.bands - 1;
    const float whole = larger(0, __builtin_expf(high[0]) - levels.inaudible);
    for (int k = 0; k < levels.parts; ++k) high[k] = __builtin_logf(whole * shares[k] + levels.inaudible);
}

// One pass. raw [hop], log powers in the filter's bands -> pcm [hop], which may be raw; `total`: gains of all passes.
inline void equalize(const Levels& levels, const float* raw, const float* wanted, float* total, KeptFilter& kept,
                     float* pcm, int hop) {
    alignas(64) float sound[kMaxSpectrum], gains[kMaxBands];
    const int before = levels.powers.window - hop;
    __builtin_memcpy(sound, kept.samples + levels.filter.taps - before, before * sizeof(float));
    __builtin_memcpy(sound + before, raw, hop * sizeof(float));
    measure(levels.powers, sound, gains);
    for (int b = 0; b < levels.filter.bands; ++b) {
        const float gain = (wanted[b] - __builtin_logf(gains[b] + levels.inaudible)) / 2, before = total[b];
        total[b] = clamped(before + gain, -levels.most_gain, levels.most_gain);
        gains[b] = total[b] - before;
    }
    filter_bands(levels.filter, gains, raw, kept, pcm, hop);
}

}  // namespace
