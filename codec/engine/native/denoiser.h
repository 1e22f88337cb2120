// The denoiser before the encoder (codec/denoiser.py), but for its network. See isa.cpp.
#pragma once
#include "bandmaps.h"
#include "filter.h"
#include "spectrum.h"
#include "vectors.h"

namespace {

// sound [size], of which the window is filled and used up -> loudness and powers in bands.
inline void look(const Denoiser& denoiser, float* sound, float* loudness, float* in_bands) {
    measure(denoiser.powers, sound, in_bands);
    for (int b = 0; b < denoiser.powers.bands; ++b) {
        in_bands[b] += denoiser.least;
        loudness[b] = (__builtin_logf(in_bands[b]) - denoiser.center) / denoiser.unit;
    }
}

// What the network and what maps alone say [bands] -> log gains [bands], times `denoise`.
inline void to_gains(const Denoiser& denoiser, const float* said, const float* alone, float denoise, float* gains) {
    for (int b = 0; b < denoiser.filter.bands; ++b)
        gains[b] = -denoise * denoiser.most / (1 + __builtin_expf(-said[b] - alone[b]));
}

}  // namespace
