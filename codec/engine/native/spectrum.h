// How loud a sound is in bands (codec/bands.py). See isa.cpp.
#pragma once
#include "vectors.h"

namespace {

// A real spectrum by a complex one of half the size (Stockham's order: each pass reads in order and writes in order).
// sound [size] -> powers [size / 2 + 1]; `sound` is used up.
inline void spectrum_powers(const BandPowers& shape, float* sound, float* powers) {
    constexpr int kMost = kMaxSpectrum / 2;
    alignas(64) float real[2][kMost], imaginary[2][kMost];
    const int size = shape.size, half = size / 2;
    for (int k = 0; k < half; ++k) real[0][k] = sound[2 * k], imaginary[0][k] = sound[2 * k + 1];
    int from = 0;
    for (int pairs = half / 2, run = 1; pairs >= 1; pairs /= 2, run *= 2, from = !from) {
        const float *x = real[from], *y = imaginary[from];
        float *to_x = real[!from], *to_y = imaginary[!from];
        for (int p = 0; p < pairs; ++p) {
            const float cosine = shape.cosines[p * (half / pairs)], sine = -shape.sines[p * (half / pairs)];
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
        const float cosine = k < half ? shape.cosines[k] : -1, sine = k < half ? -shape.sines[k] : 0;
        const float sum_x = even_x + odd_x * cosine - odd_y * sine, sum_y = even_y + odd_x * sine + odd_y * cosine;
        powers[k] = (sum_x * sum_x + sum_y * sum_y) / 4;
    }
}

// The frame [hop] and, in `seen`, the samples before it -> sound [window].
inline void listen(const BandPowers& shape, const float* pcm, int hop, float* seen, float* sound) {
    const int before = shape.window - hop;
    __builtin_memcpy(sound, seen, before * sizeof(float));
    __builtin_memcpy(sound + before, pcm, hop * sizeof(float));
    __builtin_memcpy(seen, sound + hop, before * sizeof(float));
}

// sound [size], of which the window is filled and used up -> powers in bands.
inline void measure(const BandPowers& shape, float* sound, float* in_bands) {
    alignas(64) float powers[kMaxSpectrum / 2 + kPanel] = {};
    for (int k = 0; k < shape.window; ++k) sound[k] *= shape.taper[k];
    for (int k = shape.window; k < shape.size; ++k) sound[k] = 0;
    spectrum_powers(shape, sound, powers);
    for (int b = 0; b < shape.bands; ++b) in_bands[b] = dot(shape.weights + b * shape.bins, powers, shape.bins);
}

}  // namespace
