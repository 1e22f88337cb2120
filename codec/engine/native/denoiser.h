// The denoiser before the encoder (codec/denoiser.py), but for its network. See isa.cpp.
#pragma once
#include "bandmaps.h"
#include "filter.h"
#include "vectors.h"

namespace {

// A real spectrum by a complex one of half the size (Stockham's order: each pass reads in order and writes in order).
// sound [size] -> powers [size / 2 + 1]; `sound` is used up.
inline void spectrum_powers(const Denoiser& denoiser, float* sound, float* powers) {
    constexpr int kMost = kMaxSpectrum / 2;
    alignas(64) float real[2][kMost], imaginary[2][kMost];
    const int size = denoiser.size, half = size / 2;
    for (int k = 0; k < half; ++k) real[0][k] = sound[2 * k], imaginary[0][k] = sound[2 * k + 1];
    int from = 0;
    for (int pairs = half / 2, run = 1; pairs >= 1; pairs /= 2, run *= 2, from = !from) {
        const float *x = real[from], *y = imaginary[from];
        float *to_x = real[!from], *to_y = imaginary[!from];
        for (int p = 0; p < pairs; ++p) {
            const float cosine = denoiser.cosines[p * (half / pairs)], sine = -denoiser.sines[p * (half / pairs)];
            const int first = p * run, second = first + pairs * run, sum = 2 * first, difference = sum + run;
            for (int q = 0; q < run; ++q) {
                const float across = x[first + q] - x[second + q], along = y[first + q] - y[second + q];
                to_x[sum + q] = x[first + q] + x[second + q];
                to_y[sum + q] = y[first + q] + y[second + q];
                to_x[difference + q] = across * cosine - along * sine;
                to_y[difference + q] = across * sine + along * cosine;
            }
        }
    }
    const float *x = real[from], *y = imaginary[from];
    for (int k = 0; k <= half; ++k) {
        const int here = k % half, there = (half - k) % half;
        const float even_x = x[here] + x[there], even_y = y[here] - y[there];
        const float odd_x = y[here] + y[there], odd_y = x[there] - x[here];
        const float cosine = k < half ? denoiser.cosines[k] : -1, sine = k < half ? -denoiser.sines[k] : 0;
        const float sum_x = even_x + odd_x * cosine - odd_y * sine, sum_y = even_y + odd_x * sine + odd_y * cosine;
        powers[k] = (sum_x * sum_x + sum_y * sum_y) / 4;
    }
}

// The frame [hop] and, in `seen`, the samples before it -> sound [window].
inline void listen(const Denoiser& denoiser, const float* pcm, int hop, float* seen, float* sound) {
    const int before = denoiser.window - hop;
    __builtin_memcpy(sound, seen, before * sizeof(float));
    __builtin_memcpy(sound + before, pcm, hop * sizeof(float));
    __builtin_memcpy(seen, sound + hop, before * sizeof(float));
}

// sound [size], of which the window is filled and used up -> loudness and powers in bands.
inline void look(const Denoiser& denoiser, float* sound, float* loudness, float* in_bands) {
    alignas(64) float powers[kMaxSpectrum / 2 + kPanel] = {};
    for (int k = 0; k < denoiser.window; ++k) sound[k] *= denoiser.taper[k];
    for (int k = denoiser.window; k < denoiser.size; ++k) sound[k] = 0;
    spectrum_powers(denoiser, sound, powers);
    for (int b = 0; b < denoiser.filter.bands; ++b) {
        in_bands[b] = dot(denoiser.weights + b * denoiser.bins, powers, denoiser.bins) + denoiser.least;
        loudness[b] = (__builtin_logf(in_bands[b]) - denoiser.center) / denoiser.unit;
    }
}

// What the network and what maps alone say [bands] -> log gains [bands], times `denoise`.
inline void to_gains(const Denoiser& denoiser, const float* said, const float* alone, float denoise, float* gains) {
    for (int b = 0; b < denoiser.filter.bands; ++b)
        gains[b] = -denoise * denoiser.most / (1 + __builtin_expf(-said[b] - alone[b]));
}

}  // namespace
