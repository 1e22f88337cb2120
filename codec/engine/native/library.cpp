// What Python calls (binding.py): packs weights, keeps the memory, picks the instruction set.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <memory>
#include <new>
#include <string>
#include <vector>

#include "model.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace thinline {

#define SET(name) extern const Backend name;
THINLINE_SETS
#undef SET

namespace {

struct Entry {
    const char* name;
    const Backend* backend;
};

const Entry kBackends[] = {
#define SET(name) {#name, &name},
    THINLINE_SETS
#undef SET
};

#if defined(__x86_64__) && defined(__linux__)
bool amx_runs_here() {  // the kernel gives tiles to processes that ask for them
    constexpr unsigned kTiles = 1u << 24, kHalves = 1u << 22, kBytes = 1u << 25;
    constexpr int kAskForState = 0x1023, kTileData = 18;
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kTiles) && (d & kHalves) && (d & kBytes) &&
           syscall(SYS_arch_prctl, kAskForState, kTileData) == 0;
}
#else
bool amx_runs_here() { return false; }
#endif

bool runs_here(const std::string& name) {
#if defined(__x86_64__)
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (name == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (name == "avx512") return avx512;
    const bool halves = avx512 && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni");
    if (name == "avx512bf16") return halves;
    if (name == "amx") return halves && amx_runs_here();
#endif
    return name == "portable";
}

constexpr size_t kLine = 64;
constexpr int kFewRows = 8;

size_t lines(size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

// Zeroed memory that begins at a cache line, and large pages where the system gives them.
struct Arena {
    std::vector<void*> blocks;
    template <class T>
    T* take(size_t count) {
        void* block = aligned_alloc(kLine, lines(count * sizeof(T) + kLine));
        if (!block) throw std::bad_alloc();
        memset(block, 0, lines(count * sizeof(T) + kLine));
        blocks.push_back(block);
        return static_cast<T*>(block);
    }
    ~Arena() {
        for (void* block : blocks) free(block);
    }
};

uint16_t to_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

}  // namespace

// A stage as Python describes it; weights [outputs][taps * channels run], in the order of the input's rows.
struct StageSpec {
    int32_t channels, context, rows_in, rows_out;
    int32_t outputs, taps, run, tap_stride, row_stride;  // in elements
    int32_t half, bytes, film, hidden_outputs;           // hidden_outputs: of the pointwise convolution, or 0
    const float *weights, *bias, *point_weights, *point_bias;
};

struct ModelSpec {
    const StageSpec *encoder, *decoder;
    int32_t encoder_stages, decoder_stages;
    int32_t quantizers, entries, dimension, film_channels, hop;
    const float *codebooks, *film;
};

namespace {

struct Handle {
    Model model{};
    const Backend* backend;
    Arena arena;
    size_t buffer_bytes = 0, residual_floats = 0;

    const float* copy(const float* from, size_t count, size_t padded) {
        float* to = arena.take<float>(padded);
        memcpy(to, from, count * sizeof(float));
        return to;
    }

    // weights [outputs][taps][run] -> [panels][taps][padded][kPanel]
    static void pack(uint32_t* to, const float* weights, const Matrix& m, int run) {
        for (int n = 0; n < m.outputs; ++n)
            for (int tap = 0; tap < m.taps; ++tap)
                for (int k = 0; k < run; ++k) {
                    const float value = *weights++;
                    const size_t word = (size_t(n / kPanel) * m.taps + tap) * m.padded + (m.half ? k / 2 : k);
                    if (m.half) {
                        reinterpret_cast<uint16_t*>(to + word * kPanel + n % kPanel)[k % 2] = to_half(value);
                    } else {
                        memcpy(to + word * kPanel + n % kPanel, &value, 4);
                    }
                }
    }

    // weights [outputs][inputs] -> [panels][padded][kPanel] of four bytes, the largest weight of an output 127
    void pack_bytes(Matrix& m, const float* weights, int inputs) {
        const int outputs = (m.outputs + kPanel - 1) / kPanel * kPanel;
        uint32_t* packed = arena.take<uint32_t>(size_t(outputs) * m.padded);
        float* scales = arena.take<float>(outputs);
        int32_t* offsets = arena.take<int32_t>(outputs);
        for (int n = 0; n < m.outputs; ++n, weights += inputs) {
            float largest = 0;
            for (int k = 0; k < inputs; ++k) largest = fmaxf(largest, fabsf(weights[k]));
            scales[n] = largest / 127;
            for (int k = 0; k < inputs; ++k) {
                const int value = largest > 0 ? int(lrintf(weights[k] / scales[n])) : 0;
                const size_t word = (size_t(n / kPanel) * m.padded + k / 4) * kPanel + n % kPanel;
                reinterpret_cast<int8_t*>(packed + word)[k % 4] = int8_t(value);
                offsets[n] += kZero * value;
            }
        }
        m.weights = packed, m.scales = scales, m.offsets = offsets;
    }

    Matrix matrix(const float* weights, const float* bias, int outputs, int taps, int run, int tap_stride,
                  int row_stride, bool half, bool bytes) {
        const int per_word = half ? 2 : 1, panels = (outputs + kPanel - 1) / kPanel;
        Matrix m{outputs, taps, run / per_word, tap_stride / per_word, row_stride / per_word, 0, half};
        m.bias = copy(bias, outputs, panels * kPanel);
        const int words = bytes ? (taps * run + 3) / 4 : m.run;
        m.padded = (words + kTile - 1) / kTile * kTile;
        if (bytes) {
            pack_bytes(m, weights, taps * run);
        } else {
            uint32_t* packed = arena.take<uint32_t>(size_t(panels) * taps * m.padded * kPanel);
            pack(packed, weights, m, run);
            m.weights = packed;
        }
        return m;
    }

    Network network(const StageSpec* specs, int count) {
        Stage* stages = arena.take<Stage>(count);
        Network network{stages, count, 0, count};
        for (int i = 0; i < count; ++i) {
            const StageSpec& spec = specs[i];
            Stage& stage = stages[i];
            stage.main = matrix(spec.weights, spec.bias, spec.outputs, spec.taps, spec.run, spec.tap_stride,
                                spec.row_stride, spec.half, spec.bytes);
            stage.unit = spec.hidden_outputs > 0;
            if (stage.unit)
                stage.point = matrix(spec.point_weights, spec.point_bias, spec.hidden_outputs, 1, spec.outputs, 0, 0,
                                     spec.half, false);
            stage.film = spec.film;
            stage.channels = spec.channels, stage.context = spec.context;
            stage.rows_in = spec.rows_in, stage.rows_out = spec.rows_out;
            stage.state_offset = network.state_bytes;
            const size_t row = size_t(spec.channels) * (spec.half ? 2 : 4);
            network.state_bytes += lines(spec.context * row);
            const size_t bytes = lines((spec.context + spec.rows_in) * row) + 4096;
            if (bytes > buffer_bytes) buffer_bytes = bytes;
            const size_t products = size_t(spec.rows_out) * (stage.unit ? spec.hidden_outputs : spec.outputs);
            if (products > residual_floats) residual_floats = products;
            if (network.far == count && spec.rows_out <= kFewRows) network.far = i;
        }
        return network;
    }

    Codebooks codebooks(const ModelSpec& spec) {
        const int count = spec.quantizers, size = spec.entries, d = spec.dimension;
        Codebooks books{count, size, d, {}, nullptr, nullptr, nullptr};
        books.entries = copy(spec.codebooks, size_t(count) * size * d, size_t(count) * size * d);
        float* half_norms = arena.take<float>(size_t(count) * size);
        float* max_norms = arena.take<float>(count);
        std::vector<float> negative(size_t(count) * size * d);
        for (int i = 0; i < count * size; ++i) {
            double sum = 0;
            for (int k = 0; k < d; ++k) {
                const float value = spec.codebooks[size_t(i) * d + k];
                sum += double(value) * value;
                negative[size_t(i) * d + k] = -value;
            }
            half_norms[i] = float(sum / 2);
            max_norms[i / size] = fmaxf(max_norms[i / size], float(sqrt(sum)));
        }
        books.half_norms = half_norms, books.max_norms = max_norms;
        books.scan = matrix(negative.data(), half_norms, count * size, 1, d, 0, 0, true, false);
        books.scan.outputs = size;
        return books;
    }

    Handle(const ModelSpec& spec, const Backend* chosen) : backend(chosen) {
        model.encoder = network(spec.encoder, spec.encoder_stages);
        model.decoder = network(spec.decoder, spec.decoder_stages);
        model.codebooks = codebooks(spec);
        model.film = copy(spec.film, 4 * size_t(spec.film_channels), 4 * size_t(spec.film_channels));
        model.film_channels = spec.film_channels, model.hop = spec.hop;
    }
};

// What a thread needs while it computes, whoever's model; it grows to the largest and stays with the thread.
struct Workspace {
    std::unique_ptr<Arena> arena;
    size_t buffer_bytes = 0, residual_floats = 0, film_floats = 0;
    int streams = 0;
    Scratch scratch[kMaxBatch];

    Scratch* fit(const Handle& handle, int wanted) {
        const size_t film = 2 * size_t(handle.model.film_channels);
        if (wanted > streams || handle.buffer_bytes > buffer_bytes || handle.residual_floats > residual_floats ||
            film > film_floats) {
            arena = std::make_unique<Arena>();
            streams = wanted > streams ? wanted : streams;
            buffer_bytes = handle.buffer_bytes > buffer_bytes ? handle.buffer_bytes : buffer_bytes;
            residual_floats = handle.residual_floats > residual_floats ? handle.residual_floats : residual_floats;
            film_floats = film > film_floats ? film : film_floats;
            for (int i = 0; i < streams; ++i) {
                for (char*& buffer : scratch[i].buffers) buffer = arena->take<char>(buffer_bytes);
                scratch[i].residual = arena->take<float>(residual_floats);
                scratch[i].film = arena->take<float>(film_floats);
            }
        }
        return scratch;
    }
};

thread_local Workspace workspace;

int at_most(int a, int b) { return a < b ? a : b; }

}  // namespace
}  // namespace thinline

using namespace thinline;

EXPORT const char* thinline_sources() { return THINLINE_SOURCES; }

// Which instruction sets there are, best first, and whether this processor has them.
EXPORT const char* thinline_set(int index, int* runs) {
    if (index < 0 || index >= int(sizeof kBackends / sizeof *kBackends)) return nullptr;
    *runs = runs_here(kBackends[index].name);
    return kBackends[index].name;
}

// -> null if there is no memory for it. `set` must run here.
EXPORT void* thinline_load(const ModelSpec* spec, int set) {
    try {
        return new Handle(*spec, kBackends[set].backend);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

EXPORT void thinline_unload(void* handle) { delete static_cast<Handle*>(handle); }

EXPORT size_t thinline_state_bytes(void* handle, int decoder) {
    const Model& model = static_cast<Handle*>(handle)->model;
    return (decoder ? model.decoder : model.encoder).state_bytes;
}

EXPORT void thinline_encode(void* opaque, int count, const float* const* pcm, const int32_t* n_q, const float* denoise,
                            char* const* states, int16_t* const* codes) {
    const Handle& handle = *static_cast<Handle*>(opaque);
    for (int i = 0; i < count; i += kMaxBatch) {
        const int streams = at_most(count - i, kMaxBatch);
        handle.backend->encode(handle.model, workspace.fit(handle, streams), streams,
                               {pcm + i, n_q + i, denoise + i, states + i, codes + i});
    }
}

// -> 0 where a code is none, and nothing is decoded.
EXPORT int thinline_decode(void* opaque, int count, const int16_t* const* codes, const int32_t* n_q,
                           char* const* states, float* const* pcm) {
    const Handle& handle = *static_cast<Handle*>(opaque);
    for (int i = 0; i < count; ++i)
        for (int stage = 0; stage < n_q[i]; ++stage)
            if (codes[i][stage] < 0 || codes[i][stage] >= handle.model.codebooks.size) return 0;
    for (int i = 0; i < count; i += kMaxBatch) {
        const int streams = at_most(count - i, kMaxBatch);
        handle.backend->decode(handle.model, workspace.fit(handle, streams), streams,
                               {codes + i, n_q + i, states + i, pcm + i});
    }
    return 1;
}
