// Levels in bands: how they are measured, and the equalizer that gives them to a sound (codec/levels.py). See isa.cpp.
#pragma once
#include "vectors.h"

namespace {

// samples [window - step + hop], the older ones first -> powers [bands].
inline void measure(const Levels& levels, const float* samples, float* powers) {
    alignas(64) float bins[kMaxBins] = {};
    for (int part = 0; part < 2 * levels.bins; part += kPanel) {  // all cosines, then all sines
        Floats sums[kMaxWindows][kParts] = {};
        const float* wave = levels.waves + part * levels.window;
        for (int k = 0; k < levels.window; ++k, wave += kPanel)
            for (int w = 0; w < kMaxWindows; ++w)
                for (int p = 0; p < kParts; ++p)
                    sums[w][p] += load(wave + p * kWidth) * samples[at_most(w, levels.windows - 1) * levels.step + k];
        float* to = bins + part % levels.bins;
        for (int w = 0; w < levels.windows; ++w)
            for (int p = 0; p < kParts; ++p)
                store(to + p * kWidth, load(to + p * kWidth) + sums[w][p] * sums[w][p]);
    }
    for (int b = 0; b < levels.bands; ++b) powers[b] = dot(levels.weights + b * levels.bins, bins, levels.bins);
}

inline float clamped(float value, float low, float high) { return larger(low, smaller(value, high)); }

// A pointwise convolution of hidden [hidden], ELU before it -> [bands].
inline void pointwise(const Levels& levels, const Pointwise& layer, const float* hidden, float* to) {
    alignas(64) float active[kMaxHidden];
    for (int k = 0; k < levels.hidden; k += kWidth) store(active + k, elu(load(hidden + k)));
    for (int b = 0; b < levels.bands; ++b)
        to[b] = layer.bias[b] + dot(layer.weights + b * levels.hidden, active, levels.hidden);
}

// Log gains [bands] -> the minimum-phase filter, less the one that changes nothing, the last tap first. With a cepstrum
// c, n h[n] is the sum of k c[k] h[n - k] over k from 1 to n.
inline void build_filter(const Levels& levels, const float* gains, float* filter) {
    alignas(64) float cepstrum[kMaxTaps] = {};
    const int taps = levels.taps;
    for (int b = 0; b < levels.bands; ++b)
        for (int k = 0; k < taps; k += kWidth)
            store(cepstrum + k, load(cepstrum + k) + load(levels.cepstra + b * taps + k) * gains[b]);
    filter[taps - 1] = __builtin_expf(cepstrum[0]);
    for (int n = 1; n < taps; ++n) {
        cepstrum[n] *= n;
        filter[taps - 1 - n] = dot(cepstrum + 1, filter + taps - n, n) / n;
    }
    filter[taps - 1] -= 1;
}

// Adds to pcm [count] what the filter adds: `samples` begin taps - 1 before it. `shares` of it, or all.
inline void add_filtered(const Levels& levels, const float* filter, const float* samples, const float* shares, float* pcm,
                         int count) {
    constexpr int kTogether = 4;
    for (int i = 0; i < count; i += kTogether * kWidth) {
        Floats sums[kTogether] = {};
        for (int k = 0; k < levels.taps; ++k)
            for (int v = 0; v < kTogether; ++v) sums[v] += load(samples + i + v * kWidth + k) * filter[k];
        for (int v = 0; v < kTogether; ++v) {
            float* to = pcm + i + v * kWidth;
            store(to, load(to) + (shares ? sums[v] * load(shares + i + v * kWidth) : sums[v]));
        }
    }
}

// What an equalizer keeps from frame to frame.
struct Equalized {
    float samples[kMaxTaps];  // the last ones before the frame, the newest at the end
    float filter[kMaxTaps];
};

// raw [hop], log powers [bands] -> pcm [hop].
inline void equalize(const Levels& levels, const float* raw, const float* wanted, Equalized& kept, float* pcm, int hop) {
    alignas(64) float extended[kMaxTaps + kMaxHop], filter[kMaxTaps], powers[kMaxBands], changed[kMaxHop];
    const int taps = levels.taps;
    __builtin_memcpy(extended, kept.samples, taps * sizeof(float));
    __builtin_memcpy(extended + taps, raw, hop * sizeof(float));
    measure(levels, extended + taps - (levels.window - levels.step), powers);
    for (int b = 0; b < levels.bands; ++b) {
        const float gain = (wanted[b] - __builtin_logf(powers[b] + levels.inaudible)) / 2;
        powers[b] = clamped(gain, -levels.most_gain, levels.most_gain);
    }
    build_filter(levels, powers, filter);
    __builtin_memcpy(changed, raw, hop * sizeof(float));
    add_filtered(levels, kept.filter, extended + 1, levels.fading, changed, levels.fade);
    add_filtered(levels, filter, extended + 1, levels.rising, changed, levels.fade);
    add_filtered(levels, filter, extended + 1 + levels.fade, nullptr, changed + levels.fade, hop - levels.fade);
    __builtin_memcpy(pcm, changed, hop * sizeof(float));
    __builtin_memcpy(kept.samples, extended + hop, taps * sizeof(float));
    __builtin_memcpy(kept.filter, filter, taps * sizeof(float));
}

}  // namespace
