// Vectors as wide as the instruction set has them, and what is computed with them everywhere. See isa.cpp.
#pragma once
#include "model.h"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace {

using namespace thinline;

// The width of a vector; rows of a register tile; sums in a register tile, each kPanel wide.
#if defined(__AVX512F__)
constexpr int kWidth = 16, kRows = 8, kSums = 16;
#elif defined(__AVX2__)
constexpr int kWidth = 8, kRows = 4, kSums = 4;
#else
constexpr int kWidth = 4, kRows = 2, kSums = 2;
#endif
constexpr int kParts = kPanel / kWidth;

typedef float Floats __attribute__((vector_size(4 * kWidth)));
typedef uint32_t Words __attribute__((vector_size(4 * kWidth), may_alias));
typedef int32_t Ints __attribute__((vector_size(4 * kWidth)));
typedef uint16_t Halves __attribute__((vector_size(2 * kWidth)));
typedef int8_t Bytes __attribute__((vector_size(kWidth)));
typedef uint8_t UnsignedBytes __attribute__((vector_size(kWidth)));

inline Floats splat(float value) { return Floats{} + value; }
inline Floats load(const float* from) {
    Floats v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
}

inline Ints load(const int32_t* from) {
    Ints v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
}

template <class Element, class Vector>
inline void store(Element* to, Vector v, int lanes = kWidth) {
    if (lanes >= kWidth) {
        __builtin_memcpy(to, &v, sizeof v);
    } else {
        __builtin_memcpy(to, &v, lanes * sizeof(Element));
    }
}

inline Floats smaller(Floats a, Floats b) {
#ifdef __AVX512F__
    return (Floats)_mm512_min_ps((__m512)a, (__m512)b);
#else
    return a < b ? a : b;
#endif
}

inline Ints smaller(Ints a, Ints b) { return a < b ? a : b; }
inline Ints larger(Ints a, Ints b) { return a > b ? a : b; }

inline float smaller(float a, float b) { return a < b ? a : b; }
inline float larger(float a, float b) { return a > b ? a : b; }
inline float clamped(float value, float low, float high) { return larger(low, smaller(value, high)); }

inline Floats larger(Floats a, Floats b) {
#ifdef __AVX512F__
    return (Floats)_mm512_max_ps((__m512)a, (__m512)b);
#else
    return a > b ? a : b;
#endif
}

// exp(v) - 1 below zero, to the last digits of float32: 2^n (p + 1) - 1 with p = exp(r) - 1, |r| <= ln 2 / 2 (Cephes).
inline Floats elu(Floats v) {
    const Floats zero{}, magic = splat(12582912.f);
    const Floats positive = larger(v, zero), x = larger(smaller(v, zero), splat(-40.f));
    const Floats shifted = x * 1.44269504f + magic, n = shifted - magic;
    const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r;
    const Ints exponent = ((Ints)shifted << 23) + 0x3f800000;
    const Floats power = (Floats)exponent;
    return positive + (power * p + (power - 1.f));
}

// The same to within 5e-5 of exp(v), and to its own last digits near zero: for values that are rounded to bfloat16.
inline Floats rough_elu(Floats v) {
    const Floats magic = splat(12582912.f), x = larger(smaller(v, Floats{}), splat(-40.f)) * 1.44269504f;
    const Floats shifted = x + magic, f = x - (shifted - magic);
    Floats p = f * 9.6181291e-3f + 5.5504109e-2f;  // the series of 2^f, |f| <= 1/2
    p = p * f + 2.4022651e-1f;
    p = p * f + 6.9314718e-1f;
    p = p * f + 1.f;
    const Ints scaled = (Ints)p + ((Ints)shifted << 23);
    return larger(v, (Floats)scaled - 1.f);
}

inline Halves to_halves(Floats v) {  // rounds to the nearest, of equals to the even one
#ifdef __AVX512BF16__
    return (Halves)_mm512_cvtneps_pbh((__m512)v);
#else
    const Words bits = (Words)v;
    return __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, Halves);
#endif
}

inline float as_float(uint32_t bits) {
    float value;
    __builtin_memcpy(&value, &bits, 4);
    return value;
}

inline int at_most(int a, int b) { return a < b ? a : b; }

inline float sum_of(Floats lanes) {
#ifdef __AVX512F__
    return _mm512_reduce_add_ps((__m512)lanes);
#else
    float sum = 0;
    for (int i = 0; i < kWidth; ++i) sum += lanes[i];
    return sum;
#endif
}

inline float dot(const float* a, const float* b, int n) {
    Floats lanes{};
    for (int i = 0; i + kWidth <= n; i += kWidth) lanes += load(a + i) * load(b + i);
    float sum = sum_of(lanes);
    for (int i = n - n % kWidth; i < n; ++i) sum += a[i] * b[i];
    return sum;
}

}  // namespace
