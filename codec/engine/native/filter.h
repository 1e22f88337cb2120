// The filter with wanted gains in bands (codec/bandfilter.py). See isa.cpp.
#pragma once
#include "vectors.h"

namespace {

// Log gains [bands] -> the minimum-phase filter, less the one that changes nothing, the last tap first. With a cepstrum
// c, n h[n] is the sum of k c[k] h[n - k] over k from 1 to n.
inline void build_filter(const BandFilter& shape, const float* gains, float* filter) {
    alignas(64) float cepstrum[kMaxTaps] = {};
    const int taps = shape.taps;
    for (int b = 0; b < shape.bands; ++b)
        for (int k = 0; k < taps; k += kWidth)
            store(cepstrum + k, load(cepstrum + k) + load(shape.cepstra + b * taps + k) * gains[b]);
    filter[taps - 1] = __builtin_expf(cepstrum[0]);
    for (int n = 1; n < taps; ++n) {
        cepstrum[n] *= n;
        filter[taps - 1 - n] = dot(cepstrum + 1, filter + taps - n, n) / n;
    }
    filter[taps - 1] -= 1;
}

// Adds to pcm [count] what the filter adds: `samples` begin taps - 1 before it. `shares` of it, or all.
inline void add_filtered(int taps, const float* filter, const float* samples, const float* shares, float* pcm, int count) {
    constexpr int kTogether = 4;
    for (int i = 0; i < count; i += kTogether * kWidth) {
        Floats sums[kTogether] = {};
        for (int k = 0; k < taps; ++k)
            for (int v = 0; v < kTogether; ++v) sums[v] += load(samples + i + v * kWidth + k) * filter[k];
        for (int v = 0; v < kTogether; ++v) {
            float* to = pcm + i + v * kWidth;
            store(to, load(to) + (shares ? sums[v] * load(shares + i + v * kWidth) : sums[v]));
        }
    }
}

// Gains [bands], or null for a filter that changes nothing; raw [hop] -> pcm [hop].
inline void filter_bands(const BandFilter& shape, const float* gains, const float* raw, KeptFilter& kept, float* pcm, int hop) {
    alignas(64) float extended[kMaxTaps + kMaxHop], filter[kMaxTaps] = {}, changed[kMaxHop];
    const int taps = shape.taps;
    __builtin_memcpy(extended, kept.samples, taps * sizeof(float));
    __builtin_memcpy(extended + taps, raw, hop * sizeof(float));
    __builtin_memcpy(kept.samples, extended + hop, taps * sizeof(float));
    __builtin_memcpy(changed, raw, hop * sizeof(float));
    if (kept.active) add_filtered(taps, kept.filter, extended + 1, shape.fading, changed, shape.fade);
    if (gains) {
        build_filter(shape, gains, filter);
        add_filtered(taps, filter, extended + 1, shape.rising, changed, shape.fade);
        add_filtered(taps, filter, extended + 1 + shape.fade, nullptr, changed + shape.fade, hop - shape.fade);
    }
    __builtin_memcpy(pcm, changed, hop * sizeof(float));
    __builtin_memcpy(kept.filter, filter, taps * sizeof(float));
    kept.active = gains != nullptr;
}

}  // namespace
