// The long-term postfilter (codec/postfilter.py): which period a sound has, and a share of its last one. See isa.cpp.
#pragma once
#include "vectors.h"

namespace {

// samples [history + hop] -> what is below the cutoff, decimated, [window + most_lag].
inline void decimate(const Postfilter& filter, const float* samples, float* low) {
    for (int i = 0; i < filter.window + filter.most_lag; ++i)
        low[i] = dot(filter.lowpass, samples + i * filter.decimation, filter.taps);
}

// Decimated sound -> its lag in samples, and how much of the most share what was a lag before shall have.
inline void find_pitch(const Postfilter& filter, const float* low, int32_t& lag, float& strength) {
    alignas(64) float alike[kMaxLag + kPanel];
    const int window = filter.window, longest = filter.most_lag;
    const float* now = low + longest;
    const float energy = dot(now, now, window);
    for (int l = filter.least_lag - 1; l <= longest; ++l) {
        const float* then = now - l;
        alike[l] = dot(then, now, window) / __builtin_sqrtf(dot(then, then, window) * energy + filter.faintest);
    }
    float most = alike[filter.least_lag];
    int best = filter.least_lag;
    for (int l = filter.least_lag; l < longest; ++l)
        if (alike[l] > most) most = alike[l], best = l;
    for (int l = filter.least_lag; l < longest; ++l)
        if (alike[l] >= alike[l - 1] && alike[l] >= alike[l + 1] && alike[l] > filter.subperiod * most) {
            best = l;
            break;
        }
    const float less = alike[best - 1], there = alike[best], more = alike[best + 1];
    const float offset = (less - more) / (2 * smaller(less - 2 * there + more, -1e-6f));
    const float within = larger(-0.5f, smaller(offset, 0.5f));
    lag = int32_t(__builtin_rintf(filter.decimation * (best + within)));
    strength = larger(0, smaller((there - filter.weak) / (filter.strong - filter.weak), 1));
}

// Changes pcm [hop] of so many quantizers: a share of what was a lag before stands in place of as much of its own.
inline void postfilter(const Postfilter& filter, int n_q, KeptPitch& kept, float* pcm, int hop) {
    alignas(64) float samples[kMaxHistory + kMaxHop], low[kMaxDecimated];
    __builtin_memcpy(samples, kept.samples, filter.history * sizeof(float));
    __builtin_memcpy(samples + filter.history, pcm, hop * sizeof(float));
    __builtin_memcpy(kept.samples, samples + hop, filter.history * sizeof(float));
    int32_t lag;
    float strength;
    decimate(filter, samples, low);
    find_pitch(filter, low, lag, strength);
    const float share = filter.most_shares[n_q - 1] * strength;
    const float *now = samples + filter.history, *then = now - lag, *last = now - kept.lag;
    for (int i = 0; i < filter.fade; ++i) {
        const float rising = float(i + 1) / filter.fade;
        const float before = kept.share * (last[i] - now[i]), after = share * (then[i] - now[i]);
        pcm[i] += before + rising * (after - before);
    }
    for (int i = filter.fade; i < hop; ++i) pcm[i] += share * (then[i] - now[i]);
    kept.lag = lag, kept.share = share;
}

}  // namespace
