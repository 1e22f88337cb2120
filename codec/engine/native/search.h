// The search for codes: of all paths through the codebooks, those that leave least of the embedding go on from quantizer
// to quantizer (the M-algorithm). See isa.cpp.
#pragma once
#include "vectors.h"

namespace {

// sum + the products of kWordSteps steps and as many digits.
inline Ints add_steps(Ints sum, const int8_t* digits, Words w) {
#ifdef __AVX512VNNI__
    uint32_t lower, upper;
    __builtin_memcpy(&lower, digits, 4);
    __builtin_memcpy(&upper, digits + 4, 4);
    const Words halves = Words{} + 0x0f0f0f0f;
    sum = (Ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)(w & halves), _mm512_set1_epi32(lower));
    return (Ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)(w >> 4 & halves), _mm512_set1_epi32(upper));
#else
    for (int k = 0; k < kWordSteps; ++k) sum += (Ints)(w >> (k % 4 * 8 + k / 4 * 4) & 15) * digits[k];
    return sum;
#endif
}

// A residual as the scan of one codebook takes it.
struct Probe {
    alignas(64) int8_t digits[kMaxDimension];
    float scale;   // of a digit
    float middle;  // times kMiddle: the sum of the digits
    float reach;   // by how many of an entry's errors a scanned product may be off
    float own;     // half its squared distance from the codebook's center

    void aim(const Codebooks& books, int stage, const float* residual) {
        const int row = books.words * kWordSteps;
        const float *center = books.centers + stage * row, *width = books.widths + stage * row;
        alignas(64) float whole[kMaxDimension] = {};
        __builtin_memcpy(whole, residual, books.dimension * sizeof(float));
        Floats wide[kMaxDimension / kWidth], distance{}, greatest{}, lost{}, sum{};
        for (int k = 0; k < row; k += kWidth) {
            const Floats offset = load(whole + k) - load(center + k);
            const Floats v = wide[k / kWidth] = offset * load(width + k);
            distance += offset * offset;
            greatest = larger(greatest, larger(v, -v));
        }
        float most = 0;
        for (int i = 0; i < kWidth; ++i) most = larger(most, greatest[i]);
        scale = most / 127;
        const float inverse = most > 0 ? 127 / most : 0;
        const Floats magic = splat(12582912.f);  // added and taken away again, it leaves whole numbers
        for (int k = 0; k < row; k += kWidth) {
            const Floats v = wide[k / kWidth], digit = (v * inverse + magic) - magic;
            const Floats error = (v - digit * scale) / load(width + k);
            lost += error * error;
            sum += digit;
            store(digits + k, __builtin_convertvector(digit, Bytes));
        }
        middle = sum_of(sum);
        const float squared = sum_of(distance);
        own = squared / 2;
        // A little more than it needs to be, for sums in float32.
        reach = 1.001f * (__builtin_sqrtf(squared) + books.lengths[stage] * __builtin_sqrtf(sum_of(lost)));
    }
};

struct Choice {
    float distance;  // half of it, squared
    int path, entry;
};

// The best `most` of what was offered, the best first; of equals, the one that was offered first.
struct Choices {
    int most, count = 0;
    Choice kept[kMaxPaths];

    explicit Choices(int most) : most(most) {}

    void offer(const Choice& choice) {
        if (count == most && !(choice.distance < kept[count - 1].distance)) return;
        int at = count < most ? count++ : count - 1;
        for (; at > 0 && choice.distance < kept[at - 1].distance; --at) kept[at] = kept[at - 1];
        kept[at] = choice;
    }
};

// What the scan of one path's residual finds: the least that half the squared distance to each entry can be, and the
// least of the most that it can be, of every kPanel-th entry.
struct Bounds {
    alignas(64) float least[kMaxEntries];
    Floats limits[kParts];
};

// P panels of entries from `n` on, R paths.
template <int P, int R>
inline void scan(const Codebooks& books, int stage, int n, const Probe* probes, Bounds* bounds) {
    const size_t first = size_t(stage) * books.size + n;
    Ints sums[R][P * kParts] = {};
    const uint32_t* steps = books.steps + first * books.words;
    for (int k = 0; k < books.words; ++k)
#pragma GCC unroll 32
        for (int p = 0; p < P * kParts; ++p) {
            const uint32_t* at = steps + ((p / kParts) * books.words + k) * kPanel + (p % kParts) * kWidth;
            const Words w = *reinterpret_cast<const Words*>(at);
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) sums[r][p] = add_steps(sums[r][p], probes[r].digits + k * kWordSteps, w);
        }
    // Distances to the center are far greater than differences between entries: room for their rounding.
    constexpr float kRounding = 1e-6f;
#pragma GCC unroll 32
    for (int p = 0; p < P * kParts; ++p) {
        const Words grain = *reinterpret_cast<const Words*>(books.grains + first + p * kWidth);
        const Floats around = load(books.around + first + p * kWidth);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const Probe& probe = probes[r];
            const Floats product = (__builtin_convertvector(sums[r][p], Floats) - kMiddle * probe.middle) * probe.scale;
            const Floats middle = around - (Floats)(grain & 0xffff0000u) * product + probe.own;
            const Floats slack = (Floats)(grain << 16) * probe.reach + kRounding * probe.own;
            store(bounds[r].least + n + p * kWidth, middle - slack);
            Floats& limit = bounds[r].limits[p % kParts];
            limit = smaller(limit, middle + slack);
        }
    }
}

template <int R>
inline void scan_all(const Codebooks& books, int stage, const Probe* probes, Bounds* bounds) {
    constexpr int kAbreast = kSums >= 4 ? 4 : 1;
    for (int r = 0; r < R; ++r)
        for (Floats& limit : bounds[r].limits) limit = splat(__builtin_huge_valf());
    int n = 0;
    for (; n + kAbreast * kPanel <= books.size; n += kAbreast * kPanel)
        scan<kAbreast, R>(books, stage, n, probes, bounds);
    for (; n < books.size; n += kPanel) scan<1, R>(books, stage, n, probes, bounds);
}

// What `most` entries or more, whichever path they are of, are surely not farther away than.
inline float common_limit(const Bounds* bounds, int paths, int most) {
    Choices least(most);
    for (int path = 0; path < paths; ++path) {
        alignas(64) float limits[kPanel];
        for (int part = 0; part < kParts; ++part) store(limits + part * kWidth, bounds[path].limits[part]);
        for (int i = 0; i < kPanel; ++i) least.offer({limits[i], path, i});
    }
    return least.kept[least.count - 1].distance;
}

// The entries that may be as near as `limit`, in order -> how many they are.
inline int candidates(const float* least, int size, float limit, int* entries) {
    int count = 0;
#ifdef __AVX512F__
    __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (int i = 0; i < size; i += kWidth, lanes = _mm512_add_epi32(lanes, _mm512_set1_epi32(kWidth))) {
        const __mmask16 near = _mm512_cmp_ps_mask(_mm512_load_ps(least + i), _mm512_set1_ps(limit), _CMP_NGT_UQ);
        _mm512_storeu_si512(entries + count, _mm512_maskz_compress_epi32(near, lanes));
        count += __builtin_popcount(near);
    }
#else
    for (int i = 0; i < size; ++i) {
        entries[count] = i;
        count += !(least[i] > limit);
    }
#endif
    return count;
}

// So many paths are left after a stage of a search through n_q codebooks: search_paths in codec/config.py, at last one.
inline int paths_after(const Codebooks& books, int stage, int n_q) {
    const int affordable = books.scans / n_q;
    return stage + 1 == n_q || affordable < 1 ? 1 : at_most(affordable, books.most_paths);
}

// One more quantizer of n_q.
inline void extend(const Codebooks& books, int stage, int n_q, Paths& paths) {
    const int most = paths_after(books, stage, n_q);
    Probe probes[kMaxPaths];
    Bounds bounds[kMaxPaths];
    const float (*before)[kMaxDimension] = paths.residuals[stage % 2];
    constexpr int kTogether = kWidth == kPanel ? 4 : 1;
    for (int path = 0; path < paths.count; ++path) probes[path].aim(books, stage, before[path]);
    int path = 0;
    for (; path + kTogether <= paths.count; path += kTogether)
        scan_all<kTogether>(books, stage, probes + path, bounds + path);
    for (; path < paths.count; ++path) scan_all<1>(books, stage, probes + path, bounds + path);

    const float limit = common_limit(bounds, paths.count, most);
    const float* entries = books.entries + size_t(stage) * books.size * books.dimension;
    const float* half_norms = books.half_norms + size_t(stage) * books.size;
    Choices best(most);
    for (path = 0; path < paths.count; ++path) {
        int near[kMaxEntries + kWidth];
        const int count = candidates(bounds[path].least, books.size, limit, near);
        for (int i = 0; i < count; ++i)
            for (int k = 0; k < books.dimension; k += kPanel)
                __builtin_prefetch(entries + size_t(near[i]) * books.dimension + k);
        const float own = dot(before[path], before[path], books.dimension) / 2;
        for (int i = 0; i < count; ++i) {
            const float product = dot(before[path], entries + size_t(near[i]) * books.dimension, books.dimension);
            best.offer({own + (half_norms[near[i]] - product), path, near[i]});
        }
    }
    paths.count = best.count;
    for (path = 0; path < best.count; ++path) {
        const Choice& choice = best.kept[path];
        const float *from = before[choice.path], *entry = entries + size_t(choice.entry) * books.dimension;
        float* to = paths.residuals[1 - stage % 2][path];
        for (int k = 0; k < books.dimension; ++k) to[k] = from[k] - entry[k];
        paths.parents[stage][path] = static_cast<uint8_t>(choice.path);
        paths.codes[stage][path] = static_cast<int16_t>(choice.entry);
    }
}

// What the codes of the last frame came to, `last`, becomes what is expected of this one, which is not coded.
inline void begin(const Codebooks& books, const float* embedding, float* last, Paths& paths) {
    paths.count = 1;
    for (int k = 0; k < books.dimension; ++k) {
        last[k] *= books.prediction[k];
        paths.residuals[0][0][k] = embedding[k] - last[k];
    }
}

// Adds an entry's numbers.
inline void add_entry(const Codebooks& books, int stage, int code, float* to) {
    const float* entry = books.entries + (size_t(stage) * books.size + code) * books.dimension;
    for (int k = 0; k < books.dimension; ++k) to[k] += entry[k];
}

// The codes of the best path, and what they come to.
inline void collect(const Codebooks& books, const Paths& paths, int n_q, int16_t* codes, float* last) {
    for (int stage = n_q - 1, path = 0; stage >= 0; path = paths.parents[stage--][path])
        codes[stage] = paths.codes[stage][path];
    for (int stage = 0; stage < n_q; ++stage) add_entry(books, stage, codes[stage], last);
}

}  // namespace
