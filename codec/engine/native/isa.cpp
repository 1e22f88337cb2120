// One frame of a few streams, for one instruction set: the compiler is told which, and this file is compiled once for
// each (build.py). Everything here is private to its object file.
//
// Every output is one sum, taken word by word in a fixed order, whatever else is computed beside it: so a stream's
// result does not depend on the others in the batch.
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
constexpr int kLinesAhead = 192;  // of weights, brought nearer with each chunk of rows
constexpr int kChunk = 16;  // rows that go through a residual unit together

typedef float Floats __attribute__((vector_size(4 * kWidth)));
typedef uint32_t Words __attribute__((vector_size(4 * kWidth), may_alias));
typedef int32_t Ints __attribute__((vector_size(4 * kWidth)));
typedef uint16_t Halves __attribute__((vector_size(2 * kWidth)));
typedef uint8_t Bytes __attribute__((vector_size(kWidth)));

enum Kind { kSingle, kHalf, kBytes };  // what a word holds: a float32, two bfloat16, four signed bytes

inline Floats splat(float value) { return Floats{} + value; }
inline Floats load(const float* from) {
    Floats v;
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

// exp(v) - 1 below zero, to the last digits of float32: 2^n (p + 1) - 1 with p = exp(r) - 1, |r| <= ln 2 / 2 (Cephes).
inline Floats elu(Floats v) {
    const Floats zero{}, magic = splat(12582912.f);
    const Floats positive = v > zero ? v : zero;
    Floats x = v < zero ? v : zero;
    x = x > splat(-40.f) ? x : splat(-40.f);
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

// sum + x * w, where a word holds several the sum of their products; sums of bytes are integers.
template <Kind kind>
inline Floats multiply_add(Floats sum, uint32_t x, Words w) {
    if constexpr (kind == kSingle) return sum + (Floats)w * as_float(x);
    if constexpr (kind == kBytes) {
#ifdef __AVX512VNNI__
        return (Floats)_mm512_dpbusd_epi32((__m512i)sum, _mm512_set1_epi32(x), (__m512i)w);
#else
        Ints total = (Ints)sum;
        for (int byte = 0; byte < 32; byte += 8) total += ((Ints)(w << (24 - byte)) >> 24) * (int8_t)(x >> byte);
        return (Floats)total;
#endif
    }
#ifdef __AVX512BF16__
    return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(x), (__m512bh)w);
#else
    sum += (Floats)(w << 16) * as_float(x << 16);
    return sum + (Floats)(w & 0xffff0000u) * as_float(x & 0xffff0000u);
#endif
}

inline size_t panel_words(const Matrix& m) { return size_t(m.scales ? 1 : m.taps) * m.padded * kPanel; }

inline int at_most(int a, int b) { return a < b ? a : b; }

// R rows times P panels of a matrix; `sums` [R][P * kParts].
template <Kind kind, int R, int P>
inline void multiply(const Matrix& m, const uint32_t* const* rows, const uint32_t* panel_weights,
                     Floats (*sums)[P * kParts]) {
    const size_t panel = panel_words(m);
    const uint32_t *x[R], *weights;
    Floats sum[R][P * kParts] = {};
    const int taps = kind == kBytes ? 1 : m.taps, run = kind == kBytes ? m.padded : m.run;
    for (int tap = 0; tap < taps; ++tap) {
        for (int r = 0; r < R; ++r) x[r] = rows[r] + tap * m.tap_stride;
        weights = panel_weights + size_t(tap) * m.padded * kPanel;
        for (int k = 0; k < run; ++k, weights += kPanel) {
            Words w[P * kParts];
#pragma GCC unroll 32
            for (int p = 0; p < P * kParts; ++p)
                w[p] = *reinterpret_cast<const Words*>(weights + (p / kParts) * panel + (p % kParts) * kWidth);
#pragma GCC unroll 32
            for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
                for (int p = 0; p < P * kParts; ++p) sum[r][p] = multiply_add<kind>(sum[r][p], x[r][k], w[p]);
        }
    }
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
        for (int p = 0; p < P * kParts; ++p) sums[r][p] = sum[r][p];
}


// What one row is made of and where its products go.
struct Row {
    const uint32_t* x;
    float* residual;     // the products as they are: input of the residual unit that follows, or the network's output
    char* next;          // the same after ELU: the next stage's row; null after the last stage
    const float* film;   // scale [outputs], shift [outputs]; mostly null
};

// R rows from `row` on, of which `count` exist, times P panels; body(row, output, sums) takes kWidth outputs at a time.
template <Kind kind, int R, int P, class Body>
inline void block(const Matrix& m, const Row* rows, int row, int count, int first, const Body& body) {
    const uint32_t* x[R];
    for (int r = 0; r < R; ++r) x[r] = rows[row + (r < count ? r : count - 1)].x;
    Floats sums[R][P * kParts];
    multiply<kind, R, P>(m, x, m.weights + first * panel_words(m), sums);
    for (int r = 0; r < count; ++r)
        for (int p = 0; p < P * kParts; ++p) {
            const int output = first * kPanel + p * kWidth;
            if (output < m.outputs) body(row + r, output, sums[r][p]);
        }
}

// All panels, R rows at a time; the fewer the rows, the more panels, so that sums enough are on their way.
template <Kind kind, int R, class Body>
inline void all_panels(const Matrix& m, const Row* rows, int count, const Body& body) {
    constexpr int P = kSums / R > 8 ? 8 : kSums / R;
    const int panels = (m.outputs + kPanel - 1) / kPanel;
    int first = 0;
    for (; first + P <= panels; first += P)
        for (int row = 0; row < count; row += R) block<kind, R, P>(m, rows, row, at_most(R, count - row), first, body);
    for (; first < panels; ++first)
        for (int row = 0; row < count; row += R) block<kind, R, 1>(m, rows, row, at_most(R, count - row), first, body);
}

template <Kind kind, class Body>
inline void vector_product(const Matrix& m, const Row* rows, int count, const Body& body) {
    if (count == 1) return all_panels<kind, 1>(m, rows, count, body);
    if (count == 2) return all_panels<kind, 2>(m, rows, count, body);
    all_panels<kind, kRows>(m, rows, count, body);
}

#ifdef __AMX_BF16__

struct alignas(64) TileShapes {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t bytes[16] = {};
    uint8_t rows[16] = {};
};

// Tiles 0 to 3 hold sums and 4 the rows of input, `rows` of each; 5 and 6 hold weights, kTile words of kPanel outputs.
inline void shape_tiles(int rows) {
    TileShapes shapes;
    for (int tile = 0; tile < 7; ++tile) shapes.bytes[tile] = 64, shapes.rows[tile] = tile < 5 ? rows : kTile;
    _tile_loadconfig(&shapes);
}

template <Kind kind, int P>
inline void multiply_tiles(const Matrix& m, const Row* rows, int count, const uint32_t* weights, float* sums) {
#define MULTIPLY(sum, input, weight)           \
    if constexpr (kind == kBytes)              \
        _tile_dpbssd(sum, input, weight);      \
    else                                       \
        _tile_dpbf16ps(sum, input, weight)
    alignas(64) uint32_t gathered[kChunk * kTile];
    const ptrdiff_t stride = count > 1 ? rows[1].x - rows[0].x : 0;
    const bool even = rows[count - 1].x - rows[0].x == stride * (count - 1) && stride >= 0;
    const size_t panel = panel_words(m);
    _tile_zero(0);
    if constexpr (P > 1) _tile_zero(1);
    if constexpr (P > 2) {
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int tap = 0; tap < (kind == kBytes ? 1 : m.taps); ++tap)
        for (int k = 0; k < m.padded; k += kTile, weights += kTile * kPanel) {
            const int at = tap * m.tap_stride + k;
            if (even) {
                _tile_loadd(4, rows[0].x + at, stride * 4);
            } else {
                for (int r = 0; r < count; ++r) __builtin_memcpy(gathered + r * kTile, rows[r].x + at, kTile * 4);
                _tile_loadd(4, gathered, kTile * 4);
            }
            _tile_loadd(5, weights, kPanel * 4);
            MULTIPLY(0, 4, 5);
            if constexpr (P > 1) {
                _tile_loadd(6, weights + panel, kPanel * 4);
                MULTIPLY(1, 4, 6);
            }
            if constexpr (P > 2) {
                _tile_loadd(5, weights + 2 * panel, kPanel * 4);
                MULTIPLY(2, 4, 5);
                _tile_loadd(6, weights + 3 * panel, kPanel * 4);
                MULTIPLY(3, 4, 6);
            }
        }
    _tile_stored(0, sums, kPanel * 4);
    if constexpr (P > 1) _tile_stored(1, sums + kChunk * kPanel, kPanel * 4);
    if constexpr (P > 2) {
        _tile_stored(2, sums + 2 * kChunk * kPanel, kPanel * 4);
        _tile_stored(3, sums + 3 * kChunk * kPanel, kPanel * 4);
    }
#undef MULTIPLY
}

template <Kind kind, int P, class Body>
inline void tile_block(const Matrix& m, const Row* rows, int count, int first, const Body& body) {
    alignas(64) float sums[P * kChunk * kPanel];
    multiply_tiles<kind, P>(m, rows, count, m.weights + first * panel_words(m), sums);
    for (int p = 0; p < P; ++p)
        for (int r = 0; r < count; ++r) body(r, (first + p) * kPanel, load(sums + (p * kChunk + r) * kPanel));
}

template <Kind kind, class Body>
inline void tile_product(const Matrix& m, const Row* rows, int count, const Body& body) {
    const int panels = (m.outputs + kPanel - 1) / kPanel;
    int first = 0;
    for (; first + 4 <= panels; first += 4) tile_block<kind, 4>(m, rows, count, first, body);
    for (; first + 2 <= panels; first += 2) tile_block<kind, 2>(m, rows, count, first, body);
    if (first < panels) tile_block<kind, 1>(m, rows, count, first, body);
}

#endif

template <bool half>
inline void put(char* row, int output, Floats v, int lanes) {
    if constexpr (half) {
        store(reinterpret_cast<uint16_t*>(row) + output, to_halves(v), lanes);
    } else {
        store(reinterpret_cast<float*>(row) + output, v, lanes);
    }
}

inline void finish(const Row& row, bool next_half, int output, Floats v, int lanes) {
    store(row.residual + output, v, lanes);
    if (row.next) (next_half ? put<true> : put<false>)(row.next, output, elu(v), lanes);
}

inline Floats load(const float* from, int lanes) {
    if (lanes >= kWidth) return load(from);
    Floats v{};
    __builtin_memcpy(&v, from, lanes * sizeof(float));
    return v;
}

inline Halves load_halves(const uint16_t* from, int lanes) {
    Halves v{};
    if (lanes >= kWidth) {
        __builtin_memcpy(&v, from, sizeof v);
    } else {
        __builtin_memcpy(&v, from, lanes * sizeof(uint16_t));
    }
    return v;
}

// A row as bytes from -127 to 127, side by side, zeros after -> what 1 of them is worth.
inline float to_bytes(const Matrix& m, const uint32_t* x, uint8_t* bytes) {
    const int run = 2 * m.run;
    Halves most{};
    for (int tap = 0; tap < m.taps; ++tap) {
        const uint16_t* from = reinterpret_cast<const uint16_t*>(x + tap * m.tap_stride);
        for (int k = 0; k < run; k += kWidth) {
            const Halves size = load_halves(from + k, run - k) & 0x7fff;  // magnitudes are in the order of their bits
            most = size > most ? size : most;
        }
    }
    uint16_t largest = 0;
    for (int i = 0; i < kWidth; ++i) largest = most[i] > largest ? most[i] : largest;
    const float limit = as_float(uint32_t(largest) << 16), inverse = largest ? 127.f / limit : 0.f;
    uint8_t* to = bytes;
    for (int tap = 0; tap < m.taps; ++tap, to += run) {
        const uint16_t* from = reinterpret_cast<const uint16_t*>(x + tap * m.tap_stride);
        for (int k = 0; k < run; k += kWidth) {
            const Words bits = __builtin_convertvector(load_halves(from + k, run - k), Words) << 16;
            const Floats rounded = (Floats)bits * inverse + 12582912.f;  // the nearest integer is in the lowest bits
            store(to + k, __builtin_convertvector((Words)rounded, Bytes), run - k);
        }
    }
    __builtin_memset(to, 0, bytes + size_t(m.padded) * 4 - to);
    return limit / 127.f;
}

// All rows times a matrix of bytes: exact in integers, so the same on every instruction set.
template <class Body>
inline void byte_product(const Matrix& m, const Row* rows, int count, const Body& body) {
    alignas(64) uint32_t bytes[kChunk * kMaxWindow / 4];
    Row flat[kChunk];
    float worth[kChunk];
    for (int r = 0; r < count; ++r) {
        flat[r].x = bytes + r * m.padded;
        worth[r] = to_bytes(m, rows[r].x, reinterpret_cast<uint8_t*>(bytes + r * m.padded));
    }
    const auto whole = [&](int r, int output, Floats sums) {
        const Floats v = __builtin_convertvector((Ints)sums, Floats);
        body(r, output, v * (load(m.scales + output) * worth[r]) + load(m.bias + output));
    };
#if defined(__AMX_INT8__)
    tile_product<kBytes>(m, flat, count, whole);
#elif defined(__AVX512VNNI__)
    for (int i = 0; i < count * m.padded; ++i) bytes[i] ^= 0x80808080u;  // kZero added: this product wants no signs
    vector_product<kBytes>(m, flat, count, [&](int r, int output, Floats sums) {
        Ints offsets;
        __builtin_memcpy(&offsets, m.offsets + output, sizeof offsets);
        whole(r, output, (Floats)((Ints)sums - offsets));
    });
#else
    vector_product<kBytes>(m, flat, count, whole);
#endif
}

// Products and bias; on tiles body takes up to a panel of outputs that don't exist.
template <bool half, class Body>
inline void product(const Matrix& m, const Row* rows, int count, const Body& body) {
    if (half && m.scales) return byte_product(m, rows, count, body);
    const auto whole = [&](int r, int output, Floats sums) { body(r, output, sums + load(m.bias + output)); };
#ifdef __AMX_BF16__
    if constexpr (half) return tile_product<kHalf>(m, rows, count, whole);
#endif
    vector_product<half ? kHalf : kSingle>(m, rows, count, whole);
}

// A residual unit for up to kChunk rows: what lies between its two convolutions never leaves the first-level cache.
template <bool half>
inline void unit_rows(const Stage& stage, bool next_half, Row* rows, int count) {
    alignas(64) uint32_t hidden[kChunk * kMaxHidden];
    const int words = stage.point.padded;
    if (words > stage.point.run) __builtin_memset(hidden, 0, size_t(count) * words * 4);
    product<half>(stage.main, rows, count, [&](int r, int output, Floats v) {
        put<half>(reinterpret_cast<char*>(hidden + r * words), output, elu(v), kWidth);  // beyond the outputs: zeros
    });
    for (int r = 0; r < count; ++r) rows[r].x = hidden + r * words;
    product<half>(stage.point, rows, count, [&](int r, int output, Floats v) {
        const int lanes = stage.point.outputs - output;
        finish(rows[r], next_half, output, v + load(rows[r].residual + output, lanes), lanes);
    });
}

template <bool half>
inline void plain_rows(const Stage& stage, bool next_half, Row* rows, int count) {
    product<half>(stage.main, rows, count, [&](int r, int output, Floats v) {
        if (const float* film = rows[r].film)
            v = v * load(film + output) + load(film + stage.main.outputs + output);
        finish(rows[r], next_half, output, v, stage.main.outputs - output);
    });
}

inline size_t row_bytes(const Stage& stage) { return size_t(stage.channels) * (stage.main.half ? 2 : 4); }

struct Stream {
    char* buffers[2];  // a stage's input, context first; then the next one's
    float* residual;
    char* state;
    const float* film;
};

// Weights that the stages ahead will want, on their way into the second-level cache while this one computes.
struct Ahead {
    const Network& network;
    int stage;
    size_t at = 0;

    void bring(int lines) {
        while (lines > 0 && stage < network.count) {
            const Matrix& m = network.stages[stage].main;
            const size_t bytes = (m.outputs + kPanel - 1) / kPanel * panel_words(m) * 4;
            const char* weights = reinterpret_cast<const char*>(m.weights);
            for (; lines > 0 && at < bytes; --lines, at += 64) __builtin_prefetch(weights + at, 0, 2);
            if (at >= bytes) ++stage, at = 0;
        }
    }
};

// The stage's input lies in buffers[parity], but for the context.
template <bool half>
void run_stage(const Stage& stage, const Stage* next, Stream* streams, int count, int parity, Ahead& ahead) {
    const size_t context = stage.context * row_bytes(stage);
    for (int i = 0; i < count; ++i) {
        char *state = streams[i].state + stage.state_offset, *rows = streams[i].buffers[parity];
        __builtin_memcpy(rows, state, context);
        __builtin_memcpy(state, rows + stage.rows_in * row_bytes(stage), context);
        __builtin_memset(rows + (stage.context + stage.rows_in) * row_bytes(stage), 0, kTile * 4);
    }
    const int outputs = stage.unit ? stage.point.outputs : stage.main.outputs;
    const bool next_half = next && next->main.half;
    const size_t next_bytes = size_t(outputs) * (next_half ? 2 : 4);
    const int chunk = stage.rows_out % kChunk == 0 ? kChunk : stage.rows_out % 8 == 0 ? 8 : kChunk;
    int stream = 0, row = 0;
#ifdef __AMX_BF16__
    if (half) shape_tiles(at_most(chunk, stage.rows_out * count));
#endif
    for (int left = stage.rows_out * count; left > 0; left -= chunk) {
        ahead.bring(kLinesAhead);
        Row rows[kChunk];
        for (int r = 0; r < at_most(left, chunk); ++r) {
            const Stream& s = streams[stream];
            rows[r].x = reinterpret_cast<const uint32_t*>(s.buffers[parity]) + size_t(row) * stage.main.row_stride;
            rows[r].residual = s.residual + size_t(row) * outputs;
            rows[r].next = next ? s.buffers[!parity] + next->context * row_bytes(*next) + row * next_bytes : nullptr;
            rows[r].film = stage.film ? s.film : nullptr;
            if (++row == stage.rows_out) row = 0, ++stream;
        }
        (stage.unit ? unit_rows<half> : plain_rows<half>)(stage, next_half, rows, at_most(left, chunk));
    }
}

// `count` streams through all stages; the first stage's new rows lie in buffers[0], the output comes into `residual`.
void run(const Network& network, Stream* streams, int count) {
    Ahead ahead{network, network.far};
    for (int i = 0; i < network.count; ++i) {
        const Stage &stage = network.stages[i], *next = i + 1 < network.count ? &stage + 1 : nullptr;
        if (ahead.stage <= i) ahead.stage = i + 1, ahead.at = 0;
        (stage.main.half ? run_stage<true> : run_stage<false>)(stage, next, streams, count, i % 2, ahead);
    }
#ifdef __AMX_BF16__
    _tile_release();
#endif
}

inline Floats lane_sums(const float* a, const float* b, int n) {
    Floats sum{};
    for (int i = 0; i + kWidth <= n; i += kWidth) sum += load(a + i) * load(b + i);
    return sum;
}

inline float dot(const float* a, const float* b, int n) {
    const Floats lanes = lane_sums(a, b, n);
    float sum = 0;
    for (int i = 0; i < kWidth; ++i) sum += lanes[i];
    for (int i = n - n % kWidth; i < n; ++i) sum += a[i] * b[i];
    return sum;
}

// Half the squared distance to each entry, but for the residual's own norm, from bfloat16 -> the least.
inline float scan(const Codebooks& books, int stage, const float* residual, float* scores) {
    alignas(64) uint32_t x[kMaxHidden];
    for (int i = 0; i < books.dimension; i += kWidth)
        put<true>(reinterpret_cast<char*>(x), i, load(residual + i, books.dimension - i), books.dimension - i);
    Matrix m = books.scan;
    m.weights += stage * (size_t(books.size) / kPanel * panel_words(m));
    m.bias += size_t(stage) * books.size;
    const Row row{x, nullptr, nullptr, nullptr};
    Floats least = splat(__builtin_huge_valf());
    vector_product<kHalf>(m, &row, 1, [&](int, int output, Floats sums) {
        const Floats v = sums + load(m.bias + output);
        store(scores + output, v, kWidth);
        least = v < least ? v : least;
    });
    float best = least[0];
    for (int i = 1; i < kWidth; ++i) best = least[i] < best ? least[i] : best;
    return best;
}

// Rounding both factors to 8 digits moves a product by at most 2^-8 of itself and a little; a sum of products by no
// more than that part of the two norms' product. An entry whose score is further than twice that from the least is out.
inline int nearest(const Codebooks& books, int stage, const float* residual) {
    alignas(64) float scores[kMaxEntries];
    const float least = scan(books, stage, residual, scores);
    const float norm = __builtin_sqrtf(dot(residual, residual, books.dimension));
    const float limit = least + 2.f * 0.0040f * norm * books.max_norms[stage];
    const float* entries = books.entries + size_t(stage) * books.size * books.dimension;
    const float* half_norms = books.half_norms + size_t(stage) * books.size;
    int best = 0;
    float best_score = __builtin_huge_valf();
    for (int i = 0; i < books.size; ++i) {
        if (scores[i] > limit) continue;
        const float score = half_norms[i] - dot(residual, entries + size_t(i) * books.dimension, books.dimension);
        if (score < best_score) best = i, best_score = score;
    }
    return best;
}

struct Quiet {  // numbers too small to matter are zero while this lives: they cost a hundred cycles each
#if defined(__SSE2__)
    unsigned before = __builtin_ia32_stmxcsr();
    Quiet() { __builtin_ia32_ldmxcsr(before | 0x8040); }
    ~Quiet() { __builtin_ia32_ldmxcsr(before); }
#elif defined(__aarch64__)
    uint64_t before;
    Quiet() {
        asm volatile("mrs %0, fpcr" : "=r"(before));
        asm volatile("msr fpcr, %0" : : "r"(before | (1 << 24)));
    }
    ~Quiet() { asm volatile("msr fpcr, %0" : : "r"(before)); }
#endif
};

void encode_streams(const Model& model, Scratch* scratch, int count, const EncodeCall& call) {
    const Quiet quiet;
    Stream streams[kMaxBatch];
    const Stage& first = model.encoder.stages[0];
    const int channels = model.film_channels, dimension = model.codebooks.dimension;
    for (int i = 0; i < count; ++i) {
        streams[i] = {{scratch[i].buffers[0], scratch[i].buffers[1]}, scratch[i].residual, call.states[i], scratch[i].film};
        __builtin_memcpy(streams[i].buffers[0] + first.context * row_bytes(first), call.pcm[i],
                         first.rows_in * row_bytes(first));
        for (int c = 0; c < 2 * channels; ++c)
            scratch[i].film[c] = model.film[c] + call.denoise[i] * model.film[2 * channels + c];
    }
    run(model.encoder, streams, count);
    for (int stage = 0; stage < model.codebooks.count; ++stage)
        for (int i = 0; i < count; ++i) {
            if (stage >= call.n_q[i]) continue;
            float* z = streams[i].residual;
            const int code = nearest(model.codebooks, stage, z);
            const float* entry = model.codebooks.entries + (size_t(stage) * model.codebooks.size + code) * dimension;
            for (int k = 0; k < dimension; ++k) z[k] -= entry[k];
            call.codes[i][stage] = static_cast<int16_t>(code);
        }
}

void decode_streams(const Model& model, Scratch* scratch, int count, const DecodeCall& call) {
    const Quiet quiet;
    Stream streams[kMaxBatch];
    const Stage& first = model.decoder.stages[0];
    const int dimension = model.codebooks.dimension;
    for (int i = 0; i < count; ++i) {
        float* z = scratch[i].residual;
        streams[i] = {{scratch[i].buffers[0], scratch[i].buffers[1]}, z, call.states[i], nullptr};
        for (int k = 0; k < first.channels; ++k) z[k] = k == dimension ? 1.f : 0.f;
        for (int stage = 0; stage < call.n_q[i]; ++stage) {
            const size_t entry = size_t(stage) * model.codebooks.size + call.codes[i][stage];
            for (int k = 0; k < dimension; ++k) z[k] += model.codebooks.entries[entry * dimension + k];
        }
        char* row = streams[i].buffers[0] + first.context * row_bytes(first);
        for (int k = 0; k < first.channels; k += kWidth) {
            const int lanes = first.channels - k;
            first.main.half ? put<true>(row, k, load(z + k, lanes), lanes) : put<false>(row, k, load(z + k, lanes), lanes);
        }
    }
    run(model.decoder, streams, count);
    for (int i = 0; i < count; ++i)
        __builtin_memcpy(call.pcm[i], streams[i].residual, model.hop * sizeof(float));
}

}  // namespace

namespace thinline {
extern const Backend THINLINE_ISA;
const Backend THINLINE_ISA = {encode_streams, decode_streams};
}  // namespace thinline
