// One frame of a few streams, for one instruction set: the compiler is told which, and this file is compiled once for
// each (build.py). Everything here is private to its object file.
//
// Every output is one sum, taken word by word in a fixed order, whatever else is computed beside it: so a stream's
// result does not depend on the others in the batch.
#include "denoiser.h"
#include "entropy.h"
#include "levels.h"
#include "model.h"
#include "postfilter.h"
#include "search.h"
#include "vectors.h"

namespace {

// sum + the products of the inputs at `x` and the weights `w`: one float32, two bfloat16, or four int8 and bfloat16.
template <Format F>
inline Floats multiply_add(Floats sum, const uint32_t* x, Words w) {
    if constexpr (F == Format::Float) return sum + (Floats)w * as_float(*x);
    if constexpr (F == Format::Byte) {
        for (int i = 0; i < 4; ++i) {
            const Ints weight = (Ints)(w << (24 - 8 * i)) >> 24;
            sum += __builtin_convertvector(weight, Floats) * as_float(i % 2 ? x[i / 2] & 0xffff0000u : x[i / 2] << 16);
        }
        return sum;
    }
#ifdef __AVX512BF16__
    return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(*x), (__m512bh)w);
#else
    sum += (Floats)(w << 16) * as_float(*x << 16);
    return sum + (Floats)(w & 0xffff0000u) * as_float(*x & 0xffff0000u);
#endif
}

#ifdef __AVX512VNNI__
// The same for four int8 and as many digits of inputs.
template <Format F>
inline Ints multiply_add(Ints sum, const uint32_t* x, Words w) {
    return (Ints)_mm512_dpbusd_epi32((__m512i)sum, _mm512_set1_epi32(*x), (__m512i)w);
}
#endif

inline size_t panel_words(const Matrix& m) { return size_t(m.taps) * m.padded * kPanel; }

// R rows times P panels of a matrix, `step` words of input for each word of weights; `sums` [R][P * kParts].
template <Format F, int R, int P, int step, class Sum>
inline void multiply(const Matrix& m, const uint32_t* const* rows, const uint32_t* panel_weights,
                     Sum (*sums)[P * kParts]) {
    const size_t panel = panel_words(m);
    const uint32_t *x[R], *weights;
    Sum sum[R][P * kParts] = {};
    for (int tap = 0; tap < m.taps; ++tap) {
        for (int r = 0; r < R; ++r) x[r] = rows[r] + tap * m.tap_stride;
        weights = panel_weights + size_t(tap) * m.padded * kPanel;
        for (int k = 0; k < m.run; k += step, weights += kPanel) {
            Words w[P * kParts];
#pragma GCC unroll 32
            for (int p = 0; p < P * kParts; ++p)
                w[p] = *reinterpret_cast<const Words*>(weights + (p / kParts) * panel + (p % kParts) * kWidth);
#pragma GCC unroll 32
            for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
                for (int p = 0; p < P * kParts; ++p) sum[r][p] = multiply_add<F>(sum[r][p], x[r] + k, w[p]);
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
};

#ifdef __AVX512VNNI__

// Inputs that meet int8 weights: whole numbers of 16 bits, times a scale that makes the row's greatest fit. The upper
// and lower 8 bits are rows of their own, `high` with 128 added, for the processor multiplies unsigned by signed bytes.
inline float digits(const Matrix& m, const uint32_t* x, char* high, char* low) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fff7fff);
    const auto last = [&](int k) { return __mmask16(m.run - k < 16 ? (1 << (m.run - k)) - 1 : 0xffff); };
    __m512i greatest = _mm512_setzero_si512();
    for (int tap = 0; tap < m.taps; ++tap)
        for (int k = 0; k < m.run; k += 16) {
            const __m512i pairs = _mm512_maskz_loadu_epi32(last(k), x + tap * m.tap_stride + k);
            greatest = _mm512_max_epu16(greatest, _mm512_and_si512(pairs, magnitude));
        }
    greatest = _mm512_max_epu32(_mm512_slli_epi32(greatest, 16), _mm512_and_si512(greatest, _mm512_set1_epi32(0x7fff0000)));
    const float most = as_float(_mm512_reduce_max_epu32(greatest));
    const __m512 inverse = _mm512_set1_ps(most > 0 ? 32767.f / most : 0.f);
    for (int tap = 0; tap < m.taps; ++tap)
        for (int k = 0; k < m.run; k += 16) {
            const __m512i pairs = _mm512_maskz_loadu_epi32(last(k), x + tap * m.tap_stride + k);
            const __m512 even = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
            const __m512 odd = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(0xffff0000)));
            const __m512i upper = _mm512_slli_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(odd, inverse)), 16);
            const __m512i lower = _mm512_cvtps_epi32(_mm512_mul_ps(even, inverse));
            const __m512i whole = _mm512_mask_blend_epi16(0xaaaaaaaa, lower, upper);
            const __m512i shifted = _mm512_srli_epi16(_mm512_xor_si512(whole, _mm512_set1_epi16(-0x8000)), 8);
            const int at = tap * m.padded * 4 + k * 2;
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(high + at), _mm512_cvtepi16_epi8(shifted));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(low + at), _mm512_cvtepi16_epi8(whole));
        }
    return most / 32767.f;
}

// A matrix of int8 as one run, and what its rows are as digits: high ones first, then as many low ones.
struct Digits {
    Matrix m;
    Row rows[kChunk];
    float scales[kChunk / 2];

    Digits(const Matrix& matrix, const Row* from, int count, char* room) : m(matrix) {
        m.taps = 1, m.run = m.padded = matrix.taps * matrix.padded;
        const size_t stride = size_t(m.padded) * 4 + 64;  // away from powers of two, which would share cache lines
        for (int r = 0; r < count; ++r) {
            char *high = room + r * stride, *low = high + count * stride;
            scales[r] = digits(matrix, from[r].x, high, low);
            rows[r].x = reinterpret_cast<const uint32_t*>(high);
            rows[count + r].x = reinterpret_cast<const uint32_t*>(low);
        }
    }

    Floats value(int row, int output, Ints high, Ints low) const {
        Ints sums;
        __builtin_memcpy(&sums, m.sums + output, sizeof sums);
        const Floats whole = __builtin_convertvector(high - 128 * sums, Floats) * 256.f + __builtin_convertvector(low, Floats);
        return whole * (load(m.scales + output) * scales[row]) + load(m.bias + output);
    }
};

#endif

// R rows from `row` on, of which `count` exist, times P panels; body(row, output, value) takes kWidth outputs at a time.
template <Format F, int R, int P, class Body>
inline void block(const Matrix& m, const Row* rows, int row, int count, int first, const Body& body) {
    const uint32_t* x[R];
    for (int r = 0; r < R; ++r) x[r] = rows[row + (r < count ? r : count - 1)].x;
    Floats sums[R][P * kParts];
    multiply<F, R, P, F == Format::Byte ? 2 : 1>(m, x, m.weights + first * panel_words(m), sums);
    for (int r = 0; r < count; ++r)
        for (int p = 0; p < P * kParts; ++p) {
            const int output = first * kPanel + p * kWidth;
            if (output >= m.outputs) continue;
            const Floats value = F == Format::Byte ? sums[r][p] * load(m.scales + output) : sums[r][p];
            body(row + r, output, value + load(m.bias + output));
        }
}

// All panels, R rows at a time; the fewer the rows, the more panels, so that sums enough are on their way.
template <Format F, int R, class Body>
inline void all_panels(const Matrix& m, const Row* rows, int count, const Body& body) {
    constexpr int P = kSums / R > 8 ? 8 : kSums / R;
    const int panels = (m.outputs + kPanel - 1) / kPanel;
    int first = 0;
    for (; first + P <= panels; first += P)
        for (int row = 0; row < count; row += R) block<F, R, P>(m, rows, row, at_most(R, count - row), first, body);
    for (; first < panels; ++first)
        for (int row = 0; row < count; row += R) block<F, R, 1>(m, rows, row, at_most(R, count - row), first, body);
}

#ifdef __AMX_BF16__

template <int N>
struct Number {
    static constexpr int value = N;
};

struct alignas(64) TileShapes {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t bytes[16] = {};
    uint8_t rows[16] = {};
};

// Tiles 0 to 3 hold sums, 4 and 7 rows of input, `rows` of each; 5 and 6 hold weights, kTile words of kPanel outputs.
inline void shape_tiles(int rows) {
    TileShapes shapes;
    for (int tile = 0; tile < 8; ++tile) shapes.bytes[tile] = 64, shapes.rows[tile] = tile < 5 || tile == 7 ? rows : kTile;
    asm volatile("" : : "m"(shapes));  // GCC believes that the next line reads only the first eight bytes
    _tile_loadconfig(&shapes);
}

#define TILE_PRODUCTS(sums, inputs, weights)    \
    if constexpr (F == Format::Byte) {          \
        _tile_dpbusd(sums, inputs, weights);    \
    } else {                                    \
        _tile_dpbf16ps(sums, inputs, weights);  \
    }

#define TILE_ROWS(tile, group)                                                               \
    if (even) {                                                                              \
        _tile_loadd(tile, rows[group * height].x + at, stride * 4);                          \
    } else {                                                                                 \
        for (int r = 0; r < height && group * height + r < count; ++r)                       \
            __builtin_memcpy(gathered + r * kTile, rows[group * height + r].x + at, kTile * 4); \
        _tile_loadd(tile, gathered, kTile * 4);                                              \
    }

// P panels of G tiles of `height` rows; P * G is at most 4.
template <Format F, int P, int G>
inline void multiply_tiles(const Matrix& m, const Row* rows, int count, int height, const uint32_t* weights, void* products) {
    char* const sums = static_cast<char*>(products);
    alignas(64) uint32_t gathered[kTile * kTile];
    const ptrdiff_t stride = count > 1 ? rows[1].x - rows[0].x : 0;
    const bool even = rows[count - 1].x - rows[0].x == stride * (count - 1) && stride >= 0;
    const size_t panel = panel_words(m);
    _tile_zero(0);
    if constexpr (P * G > 1) _tile_zero(1);
    if constexpr (P * G > 2) {
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int tap = 0; tap < m.taps; ++tap)
        for (int k = 0; k < m.padded; k += kTile, weights += kTile * kPanel) {
            const int at = tap * m.tap_stride + k;
            TILE_ROWS(4, 0);
            _tile_loadd(5, weights, kPanel * 4);
            TILE_PRODUCTS(0, 4, 5);
            if constexpr (G > 1) {
                TILE_ROWS(7, 1);
                TILE_PRODUCTS(1, 7, 5);
            }
            if constexpr (P > 1) {
                _tile_loadd(6, weights + panel, kPanel * 4);
                if constexpr (G == 1) {
                    TILE_PRODUCTS(1, 4, 6);
                } else {
                    TILE_PRODUCTS(2, 4, 6);
                    TILE_PRODUCTS(3, 7, 6);
                }
            }
            if constexpr (P > 2) {
                _tile_loadd(5, weights + 2 * panel, kPanel * 4);
                TILE_PRODUCTS(2, 4, 5);
                _tile_loadd(6, weights + 3 * panel, kPanel * 4);
                TILE_PRODUCTS(3, 4, 6);
            }
        }
    const int bytes = height * kPanel * 4;
    _tile_stored(0, sums, kPanel * 4);
    if constexpr (P * G > 1) _tile_stored(1, sums + bytes, kPanel * 4);
    if constexpr (P * G > 2) {
        _tile_stored(2, sums + 2 * bytes, kPanel * 4);
        _tile_stored(3, sums + 3 * bytes, kPanel * 4);
    }
}

#undef TILE_ROWS
#undef TILE_PRODUCTS

template <int P, int G, class Body>
inline void tile_block(const Matrix& m, const Row* rows, int count, int height, int first, const Body& body) {
    alignas(64) float sums[P * G * kTile * kPanel];
    multiply_tiles<Format::Half, P, G>(m, rows, count, height, m.weights + first * panel_words(m), sums);
    for (int p = 0; p < P; ++p) {
        const int output = (first + p) * kPanel;
        const Floats bias = load(m.bias + output);
        for (int r = 0; r < count; ++r) body(r, output, load(sums + (p * G * height + r) * kPanel) + bias);
    }
}

template <int P, class Body>
inline void tile_block(const Digits& d, int count, int height, int first, const Body& body) {
    alignas(64) Ints sums[P * kTile];
    multiply_tiles<Format::Byte, P, 1>(d.m, d.rows, 2 * count, height, d.m.weights + first * panel_words(d.m), sums);
    for (int p = 0; p < P; ++p) {
        const int output = (first + p) * kPanel;
        for (int r = 0; r < count; ++r)
            body(r, output, d.value(r, output, sums[p * height + r], sums[p * height + count + r]));
    }
}

// Most panels at a time, then fewer: block(how many, the first).
template <int most, class Block>
inline void by_panels(const Matrix& m, const Block& block) {
    const int panels = (m.outputs + kPanel - 1) / kPanel;
    int first = 0;
    if constexpr (most == 4)
        for (; first + 4 <= panels; first += 4) block(Number<4>{}, first);
    for (; first + 2 <= panels; first += 2) block(Number<2>{}, first);
    if (first < panels) block(Number<1>{}, first);
}

#endif

#ifdef __AVX512VNNI__

// R rows, as many of which exist, times P panels.
template <int R, int P, class Body>
inline void block(const Digits& d, int first, const Body& body) {
    const uint32_t* x[2 * R];
    for (int r = 0; r < 2 * R; ++r) x[r] = d.rows[r].x;
    Ints sums[2 * R][P];
    multiply<Format::Byte, 2 * R, P, 1>(d.m, x, d.m.weights + first * panel_words(d.m), sums);
    for (int r = 0; r < R; ++r)
        for (int p = 0; p < P; ++p) {
            const int output = (first + p) * kPanel;
            if (output < d.m.outputs) body(r, output, d.value(r, output, sums[r][p], sums[R + r][p]));
        }
}

template <int R, class Body>
inline void all_panels(const Digits& d, const Body& body) {
    constexpr int P = 8 / R;
    const int panels = (d.m.outputs + kPanel - 1) / kPanel;
    int first = 0;
    for (; first + P <= panels; first += P) block<R, P>(d, first, body);
    for (; first < panels; ++first) block<R, 1>(d, first, body);
}

#endif

template <Format F, class Body>
inline void product(const Matrix& m, const Row* rows, int count, char* room, const Body& body) {
#ifdef __AVX512VNNI__
    if constexpr (F == Format::Byte) {
        for (int row = 0; row < count;) {
            const int left = count - row, taken = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
            const Digits d(m, rows + row, taken, room);
            const auto shifted = [&](int r, int output, Floats v) { body(row + r, output, v); };
            if (taken == 8) all_panels<8>(d, shifted);
            if (taken == 4) all_panels<4>(d, shifted);
            if (taken == 2) all_panels<2>(d, shifted);
            if (taken == 1) all_panels<1>(d, shifted);
            row += taken;
        }
        return;
    }
#endif
    if (count == 1) return all_panels<F, 1>(m, rows, count, body);
    if (count == 2) return all_panels<F, 2>(m, rows, count, body);
    all_panels<F, kRows>(m, rows, count, body);
}

template <bool kHalf>
inline void put(char* row, int output, Floats v, int lanes) {
    if constexpr (kHalf) {
        store(reinterpret_cast<uint16_t*>(row) + output, to_halves(v), lanes);
    } else {
        store(reinterpret_cast<float*>(row) + output, v, lanes);
    }
}

inline void finish(const Row& row, bool next_half, int output, Floats v, int lanes) {
    store(row.residual + output, v, lanes);
    if (!row.next) return;
    if (next_half) {
        put<true>(row.next, output, rough_elu(v), lanes);
    } else {
        put<false>(row.next, output, elu(v), lanes);
    }
}

inline Floats load(const float* from, int lanes) {
    if (lanes >= kWidth) return load(from);
    Floats v{};
    __builtin_memcpy(&v, from, lanes * sizeof(float));
    return v;
}

// `height`: rows of a tile, as they were shaped.
template <Format F, class Body>
inline void stage_product(const Matrix& m, const Row* rows, int count, int height, char* room, const Body& body) {
#ifdef __AMX_BF16__
    if constexpr (F == Format::Half) {
        if (count > height)
            return by_panels<2>(m, [&](auto panels, int first) {
                tile_block<decltype(panels)::value, 2>(m, rows, count, height, first, body);
            });
        return by_panels<4>(m, [&](auto panels, int first) {
            tile_block<decltype(panels)::value, 1>(m, rows, count, height, first, body);
        });
    }
    if constexpr (F == Format::Byte) {
        const Digits d(m, rows, count, room);
        return by_panels<4>(m, [&](auto panels, int first) {
            tile_block<decltype(panels)::value>(d, count, height, first, body);
        });
    }
#endif
    product<F>(m, rows, count, room, body);
}

// A residual unit for up to kChunk rows: what lies between its two convolutions never leaves the first-level cache.
template <Format F>
inline void unit_rows(const Stage& stage, bool next_half, Row* rows, int count, int height, char* room) {
    constexpr bool kHalf = F != Format::Float;
    alignas(64) uint32_t hidden[kChunk * kMaxHidden];
    const int words = (stage.point.run + kTile - 1) / kTile * kTile;
    if (words > stage.point.run) __builtin_memset(hidden, 0, size_t(count) * words * 4);
    stage_product<F>(stage.main, rows, count, height, room, [&](int r, int output, Floats v) {
        // Beyond the outputs: zeros.
        put<kHalf>(reinterpret_cast<char*>(hidden + r * words), output, kHalf ? rough_elu(v) : elu(v), kWidth);
    });
    for (int r = 0; r < count; ++r) rows[r].x = hidden + r * words;
    stage_product<F>(stage.point, rows, count, height, room, [&](int r, int output, Floats v) {
        const int lanes = stage.point.outputs - output;
        finish(rows[r], next_half, output, v + load(rows[r].residual + output, lanes), lanes);
    });
}

template <Format F>
inline void plain_rows(const Stage& stage, bool next_half, Row* rows, int count, int height, char* room) {
    stage_product<F>(stage.main, rows, count, height, room, [&](int r, int output, Floats v) {
        const int lanes = stage.main.outputs - output;
        if (lanes > stage.aside) {
            finish(rows[r], next_half, output, v, lanes);
        } else {
            store(rows[r].residual + output, v, lanes);
        }
    });
}

inline size_t row_bytes(const Stage& stage) { return size_t(stage.channels) * input_bytes(stage.main.format); }
inline bool reads_halves(const Stage& stage) { return stage.main.format != Format::Float; }

struct Stream {
    char* buffers[2];  // a stage's input, context first; then the next one's
    float* residual;
    char* state;
};

// The stage's input lies in buffers[parity], but for the context.
template <Format F>
void run_stage(const Stage& stage, const Stage* next, Stream* streams, int count, int parity, char* room) {
    const size_t context = stage.context * row_bytes(stage);
    for (int i = 0; i < count; ++i) {
        char *state = streams[i].state + stage.state_offset, *rows = streams[i].buffers[parity];
        __builtin_memcpy(rows, state, context);
        __builtin_memcpy(state, rows + stage.rows_in * row_bytes(stage), context);
        __builtin_memset(rows + (stage.context + stage.rows_in) * row_bytes(stage), 0, kTile * 4);
    }
    const int outputs = stage.unit ? stage.point.outputs : stage.main.outputs;
    const bool next_half = next && reads_halves(*next);
    const size_t next_bytes = size_t(outputs) * (next_half ? 2 : 4);
    const bool apart = stage.rows_out > kTile;  // chunks end where a stream does, so that their rows are evenly spaced
    constexpr int most = F == Format::Byte ? kTile / 2 : kTile;
    int chunk = most, height = 0;
#ifdef __AMX_BF16__
    if (F == Format::Half && apart) {
        const int tiles = (stage.rows_out + kTile - 1) / kTile;
        height = (stage.rows_out + tiles - 1) / tiles, chunk = 2 * height;
    } else {
        height = at_most(most, stage.rows_out * count) * (F == Format::Byte ? 2 : 1);
    }
    if (F != Format::Float) shape_tiles(height);
#endif
    int stream = 0, row = 0;
    for (int left = stage.rows_out * count, taken; left > 0; left -= taken) {
        taken = at_most(chunk, apart ? stage.rows_out - row : left);
        Row rows[kChunk];
        for (int r = 0; r < taken; ++r) {
            const Stream& s = streams[stream];
            rows[r].x = reinterpret_cast<const uint32_t*>(s.buffers[parity]) + size_t(row) * stage.main.row_stride;
            rows[r].residual = s.residual + size_t(row) * outputs;
            rows[r].next = next ? s.buffers[!parity] + next->context * row_bytes(*next) + row * next_bytes : nullptr;
            if (++row == stage.rows_out) row = 0, ++stream;
        }
        (stage.unit ? unit_rows<F> : plain_rows<F>)(stage, next_half, rows, taken, height, room);
    }
}

// `count` streams through the stages from `begin` to `end`; the new rows of stage `begin` lie in the buffers of its
// parity, the products come into `residual`.
void run(const Network& network, int begin, int end, Stream* streams, int count, char* room) {
    for (int i = begin; i < end; ++i) {
        const Stage &stage = network.stages[i], *next = i + 1 < network.count ? &stage + 1 : nullptr;
        const auto step = stage.main.format == Format::Float  ? run_stage<Format::Float>
                          : stage.main.format == Format::Half ? run_stage<Format::Half>
                                                              : run_stage<Format::Byte>;
        step(stage, next, streams, count, i % 2, room);
    }
#ifdef __AMX_BF16__
    _tile_release();
#endif
}

// Writes `count` numbers from channel `first` on into the new row of a stage's input, of which there is one a frame.
void put_channels(const Stage& stage, char* buffer, int first, const float* values, int count) {
    char* row = buffer + stage.context * row_bytes(stage);
    for (int k = 0; k < count; k += kWidth) {
        const int lanes = count - k;
        reads_halves(stage) ? put<true>(row, first + k, load(values + k, lanes), lanes)
                            : put<false>(row, first + k, load(values + k, lanes), lanes);
    }
}

// pcm [hop] -> levels as they go over the line; `kept`: the samples before; `high`: the powers of the highest one's parts.
void measure_levels(const Levels& levels, const float* pcm, int hop, float* kept, float* high, float* to) {
    alignas(64) float sound[kMaxSpectrum];
    listen(levels.powers, pcm, hop, kept, sound);
    measure(levels.powers, sound, to);
    float* const parts = to + levels.bands - 1;
    for (int k = 0; k < levels.parts; ++k) high[k] = parts[k];
    for (int k = 1; k < levels.parts; ++k) parts[0] += parts[k];
    for (int b = 0; b < levels.bands; ++b) to[b] = __builtin_powf(to[b] + levels.least, levels.exponent);
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

Stream stream_of(const Scratch& scratch, char* state) {
    return {{scratch.buffers[0], scratch.buffers[1]}, scratch.residual, state};
}

// The frames of `count` streams -> clean [kMaxHop] of each. The network runs for those that shall be denoised; its stages
// come after the encoder's in a state, and what it keeps of maps at the end of it.
void denoise_streams(const Model& model, Scratch* scratch, int count, const EncodeCall& call, KeptEncoder* const* kept,
                     float (*clean)[kMaxHop]) {
    Stream streams[kMaxBatch];
    const Denoiser& denoiser = model.denoiser;
    const Stage& first = denoiser.network.stages[0];
    alignas(64) float values[kMaxBands], powers[kMaxBands], told[(1 + kMaxTold) * kMaxBands], sound[kMaxSpectrum];
    alignas(64) float alone[kMaxBatch][kMaxBands];
    const int bands = denoiser.filter.bands;
    int running = 0;
    for (int i = 0; i < count; ++i) {
        listen(denoiser.powers, call.pcm[i], model.hop, kept[i]->seen, sound);
        if (!(call.denoise[i] > 0)) continue;
        streams[running] = stream_of(scratch[running], call.states[i] + model.encoder.state_bytes);
        look(denoiser, sound, values, powers);
        map_bands(denoiser.maps, values, powers, *reinterpret_cast<KeptMaps*>(kept[i] + 1), told, alone[running]);
        put_channels(first, streams[running++].buffers[0], 0, told, (1 + denoiser.maps.told) * bands);
    }
    if (running) run(denoiser.network, 0, denoiser.network.count, streams, running, scratch->digits);
    running = 0;
    for (int i = 0; i < count; ++i) {
        const bool on = call.denoise[i] > 0;
        if (on) to_gains(denoiser, streams[running].residual, alone[running], call.denoise[i], values), ++running;
        filter_bands(denoiser.filter, on ? values : nullptr, call.pcm[i], kept[i]->filter, clean[i], model.hop);
    }
}

void encode_streams(const Model& model, Scratch* scratch, int count, const EncodeCall& call) {
    const Quiet quiet;
    Stream streams[kMaxBatch];
    KeptEncoder* kept[kMaxBatch];
    alignas(64) float clean[kMaxBatch][kMaxHop], measured[kMaxBands];
    const Levels& levels = model.levels;
    const Stage& first = model.encoder.stages[0];
    for (int i = 0; i < count; ++i)
        kept[i] = reinterpret_cast<KeptEncoder*>(call.states[i] + model.encoder.state_bytes + model.denoiser.network.state_bytes);
    denoise_streams(model, scratch, count, call, kept, clean);
    for (int i = 0; i < count; ++i) {
        streams[i] = stream_of(scratch[i], call.states[i]);
        __builtin_memcpy(streams[i].buffers[0] + first.context * row_bytes(first), clean[i], first.rows_in * row_bytes(first));
    }
    run(model.encoder, 0, model.encoder.count, streams, count, scratch->digits);
    for (int i = 0; i < count; ++i) {
        float *z = streams[i].residual, *to = z + model.codebooks.dimension - levels.bands;
        measure_levels(levels, clean[i], model.hop, kept[i]->measured, kept[i]->high, measured);
        for (int b = 0; b < levels.bands; ++b) to[b] = (measured[b] - levels.offset[b]) * levels.scale;
        begin(model.codebooks, z, kept[i]->last, *scratch[i].paths);
    }
    for (int stage = 0; stage < model.codebooks.count; ++stage)
        for (int i = 0; i < count; ++i)
            if (stage < call.n_q[i]) extend(model.codebooks, stage, call.n_q[i], *scratch[i].paths);
    for (int i = 0; i < count; ++i) collect(model.codebooks, *scratch[i].paths, call.n_q[i], call.codes[i], kept[i]->last);
}

void decode_streams(const Model& model, Scratch* scratch, int count, const DecodeCall& call) {
    const Quiet quiet;
    Stream streams[kMaxBatch];
    const Stage& first = model.decoder.stages[0];
    const Levels& levels = model.levels;
    const int dimension = model.codebooks.dimension;
    alignas(64) float wanted[kMaxBatch][kMaxBands], correction[kMaxBands];
    KeptDecoder* kept[kMaxBatch];
    for (int i = 0; i < count; ++i) {
        float* z = scratch[i].residual;
        streams[i] = stream_of(scratch[i], call.states[i]);
        kept[i] = reinterpret_cast<KeptDecoder*>(call.states[i] + model.decoder.state_bytes);
        for (int k = 0; k < dimension; ++k) z[k] = kept[i]->last[k] * model.codebooks.prediction[k];
        for (int stage = 0; stage < call.n_q[i]; ++stage) add_entry(model.codebooks, stage, call.codes[i][stage], z);
        __builtin_memcpy(kept[i]->last, z, dimension * sizeof(float));
        for (int k = dimension; k < first.channels; ++k) z[k] = k == dimension ? levels.one : 0.f;
        put_channels(first, streams[i].buffers[0], 0, z, first.channels);
        for (int b = 0; b < levels.bands; ++b) {
            const float level = larger(0, z[dimension - levels.bands + b] / levels.scale + levels.offset[b]);
            wanted[i][b] = __builtin_logf(__builtin_powf(level, 1 / levels.exponent) + levels.inaudible);
        }
    }
    run(model.decoder, 0, 1, streams, count, scratch->digits);
    for (int i = 0; i < count; ++i) {
        pointwise(levels, levels.correction, streams[i].residual + first.main.outputs - first.aside, correction);
        for (int b = 0; b < levels.bands; ++b) correction[b] += wanted[i][b];
        const float emphasis = levels.emphases[call.n_q[i] - 1];
        for (int b = 0; b < levels.bands; ++b)
            wanted[i][b] = correction[b] + emphasis * dot(levels.emphasis + b * levels.bands, correction, levels.bands);
        part(levels, call.shares[i], wanted[i]);
    }
    run(model.decoder, 1, model.decoder.count, streams, count, scratch->digits);
    for (int i = 0; i < count; ++i) {
        float* sound = streams[i].residual;
        postfilter(model.postfilter, call.n_q[i], kept[i]->pitch, sound, model.hop);
        float total[kMaxBands] = {};
        for (int pass = 0; pass < levels.passes; ++pass)
            equalize(levels, sound, wanted[i], total, kept[i]->filters[pass], sound, model.hop);
        __builtin_memcpy(call.pcm[i], sound, model.hop * sizeof(float));
    }
}

}  // namespace

namespace thinline {
extern const Backend THINLINE_ISA;
const Backend THINLINE_ISA = {encode_streams, decode_streams, find_intervals};
}  // namespace thinline
