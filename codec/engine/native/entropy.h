// How likely the codes of a frame are: codec/entropy.py's networks, whole number for whole number. See isa.cpp.
#pragma once
#include "vectors.h"

namespace {

// sum + the products of four int8 in each word and four units of 7 bits.
inline Ints add_units(Ints sum, const uint8_t* units, Words w) {
    uint32_t four;
    __builtin_memcpy(&four, units, 4);
#if defined(__AVX512VNNI__)
    return (Ints)_mm512_dpbusd_epi32((__m512i)sum, _mm512_set1_epi32(four), (__m512i)w);
#elif defined(__AVX512BW__)
    const __m512i pairs = _mm512_maddubs_epi16(_mm512_set1_epi32(four), (__m512i)w);
    return sum + (Ints)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
#elif defined(__AVX2__)
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi32(four), (__m256i)w);
    return sum + (Ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#else
    for (int i = 0; i < 4; ++i) sum += ((Ints)(w << (24 - 8 * i)) >> 24) * int(units[i]);
    return sum;
#endif
}

// The same of two int16 and two of a position.
inline Ints add_pair(Ints sum, const int16_t* position, Words w) {
    uint32_t pair;
    __builtin_memcpy(&pair, position, 4);
#if defined(__AVX512BW__)
    return sum + (Ints)_mm512_madd_epi16(_mm512_set1_epi32(pair), (__m512i)w);
#elif defined(__AVX2__)
    return sum + (Ints)_mm256_madd_epi16(_mm256_set1_epi32(pair), (__m256i)w);
#else
    return sum + ((Ints)(w << 16) >> 16) * int(position[0]) + ((Ints)w >> 16) * int(position[1]);
#endif
}

inline void hidden_units(const CodeNetworks& nets, int stage, int n_q, const int16_t* position, uint8_t* units) {
    const uint32_t* weights = nets.hidden_weights + size_t(stage) * nets.pairs * nets.hidden;
    const int32_t* bias = nets.hidden_bias + (size_t(stage) * nets.quantizers + n_q - 1) * nets.hidden;
    for (int h = 0; h < nets.hidden; h += kWidth) {
        Ints sum = load(bias + h);
        for (int k = 0; k < nets.pairs; ++k)
            sum = add_pair(sum, position + 2 * k, *reinterpret_cast<const Words*>(weights + size_t(k) * nets.hidden + h));
        const Ints unit = smaller(larger(sum >> nets.hidden_shift, Ints{}), Ints{} + nets.most_hidden);
        store(units + h, __builtin_convertvector(unit, UnsignedBytes));
    }
}

// Logits of P panels -> the greatest in each lane.
template <int P>
inline Ints logits_of_panels(const uint32_t* weights, int words, const int32_t* bias, const uint8_t* units, int32_t* logits) {
    Ints sums[P * kParts];
    for (int p = 0; p < P * kParts; ++p) sums[p] = load(bias + p * kWidth);
    for (int k = 0; k < words; ++k)
#pragma GCC unroll 16
        for (int p = 0; p < P * kParts; ++p) {
            const uint32_t* at = weights + (p / kParts * words + k) * kPanel + p % kParts * kWidth;
            sums[p] = add_units(sums[p], units + 4 * k, *reinterpret_cast<const Words*>(at));
        }
    Ints most = sums[0];
    for (int p = 0; p < P * kParts; ++p) {
        most = larger(most, sums[p]);
        store(logits + p * kWidth, sums[p]);
    }
    return most;
}

// Logits [size] -> the greatest of them.
inline int32_t logits_of(const CodeNetworks& nets, int size, int stage, const uint8_t* units, int32_t* logits) {
    constexpr int kAbreast = 4;
    const int words = nets.hidden / 4;
    const uint32_t* weights = nets.logit_weights + size_t(stage) * size * words;
    const int32_t* bias = nets.logit_bias + size_t(stage) * size;
    Ints most = Ints{} + INT32_MIN;
    int n = 0;
    for (; n + kAbreast * kPanel <= size; n += kAbreast * kPanel)
        most = larger(most, logits_of_panels<kAbreast>(weights + size_t(n) * words, words, bias + n, units, logits + n));
    for (; n < size; n += kPanel)
        most = larger(most, logits_of_panels<1>(weights + size_t(n) * words, words, bias + n, units, logits + n));
    int32_t greatest = most[0];
    for (int i = 1; i < kWidth; ++i) greatest = greatest > most[i] ? greatest : most[i];
    return greatest;
}

// For each code of a frame: the frequencies of all codes before it, its own, that of all; to `found` [n_q][3].
void find_intervals(const Model& model, const int16_t* codes, int n_q, int32_t* found) {
    const CodeNetworks& nets = model.code_networks;
    const int size = model.codebooks.size, dimension = model.codebooks.dimension;
    alignas(64) int32_t values[kMaxEntries];
    alignas(64) int16_t position[kMaxDimension] = {};
    alignas(64) uint8_t units[kMaxUnits];
    const int octave = 1 << nets.octave_bits;
    for (int stage = 0; stage < n_q; ++stage) {
        const int code = codes[stage];
        hidden_units(nets, stage, n_q, position, units);
        const int32_t most = logits_of(nets, size, stage, units, values);
        Ints before{}, all{};
        for (int at = 0; at < size; at += kWidth) {
            const Ints lacking = most - load(values + at);
            const Ints mantissa = (2 * octave - (lacking & (octave - 1))) << nets.first_shift;
            const Ints frequency = 1 + (mantissa >> smaller(lacking >> nets.octave_bits, Ints{} + nets.most_shift));
            store(values + at, frequency);
            all += frequency;
            if (at + kWidth <= code) before += frequency;
        }
        int32_t* to = found + 3 * stage;
        to[0] = to[2] = 0;
        for (int i = 0; i < kWidth; ++i) to[0] += before[i], to[2] += all[i];
        for (int at = code / kWidth * kWidth; at < code; ++at) to[0] += values[at];
        to[1] = values[code];
        const int16_t* entry = nets.positions + (size_t(stage) * size + code) * dimension;
        for (int k = 0; k < dimension; ++k) position[k] += entry[k];
    }
}

}  // namespace
