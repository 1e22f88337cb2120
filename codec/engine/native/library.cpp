// What Python calls (binding.py): packs weights, keeps the memory, picks the instruction set.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
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
    const bool products = avx512 && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni");
    if (name == "avx512bf16") return products;
    if (name == "amx") return products && amx_runs_here();
#endif
    return name == "portable";
}

constexpr size_t kLine = 64, kLargePage = 1 << 21;

size_t lines(size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

// Zeroed memory that begins at a cache line, one piece after the other in large pages where the system gives them.
struct Arena {
    std::vector<void*> blocks;
    char *at = nullptr, *end = nullptr;

    template <class T>
    T* take(size_t count) {
        const size_t bytes = lines(count * sizeof(T) + kLine);
        if (size_t(end - at) < bytes) {
            const size_t block = (bytes + kLargePage - 1) / kLargePage * kLargePage;
            at = static_cast<char*>(aligned_alloc(kLargePage, block));
            if (!at) throw std::bad_alloc();
            blocks.push_back(at);
            end = at + block;
#if defined(__linux__)
            madvise(at, block, MADV_HUGEPAGE);
#endif
            memset(at, 0, block);
        }
        T* taken = reinterpret_cast<T*>(at);
        at += bytes;
        return taken;
    }
    ~Arena() {
        for (void* block : blocks) free(block);
    }
};

// The bits of a number above zero that is no less and has zeros in the lower half.
uint32_t rounded_up(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return (bits + 0xffff) & 0xffff0000u;
}

float as_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

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
    int32_t format, aside, hidden_outputs;               // hidden_outputs: of the pointwise convolution, or 0
    const float *weights, *bias, *point_weights, *point_bias;
};

// Here and below, matrices row by row, [outputs][inputs].
struct FilterSpec {
    int32_t bands, taps, fade;
    const float* cepstra;
};

struct BandPowersSpec {
    int32_t bands, window, size;
    const float *taper, *weights;  // [window], [bands][size / 2 + 1]
};

struct LevelsSpec {
    int32_t bands, parts, hidden, passes;
    float one, scale, exponent, least, inaudible, most_gain;
    BandPowersSpec powers;
    const float *emphasis, *emphases, *offset;
    const float *correction_weights, *correction_bias;
    FilterSpec filter;
};

struct BandLayerSpec {
    int32_t inputs, dilation;
    const float *weights, *bias;  // [maps][inputs][frames][bands]
};

struct BandMapsSpec {
    const BandLayerSpec* layers;
    int32_t count, bands, maps, told, means, harmonic;
    float start, one, unit, faintest, low, high;
    const float *decays, *mixing, *mixing_bias;
};

struct DenoiserSpec {
    const StageSpec* stages;
    int32_t count;
    float least, center, unit, most;
    BandPowersSpec powers;
    BandMapsSpec maps;
    FilterSpec filter;
};

struct PostfilterSpec {
    int32_t history, decimation, taps, window, least_lag, most_lag, fade;
    float subperiod, weak, strong, faintest;
    const float *most_shares, *lowpass;
};

struct CodeNetworksSpec {
    int32_t hidden, hidden_shift, most_hidden, octave_bits, first_shift, most_shift;
    const int16_t *positions, *hidden_weights;  // [quantizers][entries][dimension]; [quantizers][hidden][dimension]
    const int32_t* hidden_bias;                 // [quantizers][quantizers][hidden]
    const int8_t* logit_weights;                // [quantizers][entries][hidden]
    const int32_t* logit_bias;                  // [quantizers][entries]
};

struct ModelSpec {
    const StageSpec *encoder, *decoder;
    int32_t encoder_stages, decoder_stages;
    int32_t quantizers, entries, dimension, scans, most_paths, hop;
    const float *codebooks, *prediction;
    CodeNetworksSpec code_networks;
    LevelsSpec levels;
    PostfilterSpec postfilter;
    DenoiserSpec denoiser;
};

namespace {

struct Handle {
    Model model{};
    const Backend* backend;
    Arena arena;
    size_t buffer_bytes = 0, residual_floats = 0, digit_bytes = 0;

    template <class T>
    const T* copy(const T* from, size_t count, size_t padded) {
        T* to = arena.take<T>(padded);
        memcpy(to, from, count * sizeof(T));
        return to;
    }

    // weights [outputs][taps][run] -> [panels][taps][padded][kPanel]
    static void pack(uint32_t* to, float* scales, int32_t* sums, const float* weights, const Matrix& m, int run) {
        const int per_word = elements_per_word(m.format);
        for (int n = 0; n < m.outputs; ++n) {
            float greatest = 0;
            for (int i = 0; i < m.taps * run; ++i) greatest = fmaxf(greatest, fabsf(weights[i]));
            scales[n] = greatest / 127;
            for (int tap = 0; tap < m.taps; ++tap)
                for (int k = 0; k < run; ++k) {
                    const float value = *weights++;
                    const size_t word = (size_t(n / kPanel) * m.taps + tap) * m.padded + k / per_word;
                    uint32_t* lane = to + word * kPanel + n % kPanel;
                    if (m.format == Format::Byte) {
                        const int step = greatest > 0 ? int(lrintf(value / greatest * 127)) : 0;
                        reinterpret_cast<int8_t*>(lane)[k % 4] = int8_t(step);
                        sums[n] += step;
                    } else if (m.format == Format::Half) {
                        reinterpret_cast<uint16_t*>(lane)[k % 2] = to_half(value);
                    } else {
                        memcpy(lane, &value, 4);
                    }
                }
        }
    }

    Matrix matrix(const float* weights, const float* bias, int outputs, int taps, int run, int tap_stride,
                  int row_stride, Format format) {
        const int inputs = input_bytes(format) == 4 ? 1 : 2, panels = (outputs + kPanel - 1) / kPanel;
        Matrix m{outputs, taps, run / inputs, tap_stride / inputs, row_stride / inputs, 0, format, {}, {}, {}, {}};
        const int span = kTile * elements_per_word(format);
        m.padded = (run + span - 1) / span * kTile;
        uint32_t* packed = arena.take<uint32_t>(size_t(panels) * taps * m.padded * kPanel);
        float* scales = arena.take<float>(panels * kPanel);
        int32_t* sums = arena.take<int32_t>(panels * kPanel);
        pack(packed, scales, sums, weights, m, run);
        m.weights = packed, m.scales = scales, m.sums = sums;
        m.bias = copy(bias, outputs, panels * kPanel);
        const size_t row = size_t(taps) * m.padded * sizeof(uint32_t) + kLine;
        if (format == Format::Byte && kChunk * row > digit_bytes) digit_bytes = kChunk * row;
        return m;
    }

    Network network(const StageSpec* specs, int count) {
        Stage* stages = arena.take<Stage>(count);
        Network network{stages, count, 0};
        for (int i = 0; i < count; ++i) {
            const StageSpec& spec = specs[i];
            const Format format = Format(spec.format);
            Stage& stage = stages[i];
            stage.main = matrix(spec.weights, spec.bias, spec.outputs, spec.taps, spec.run, spec.tap_stride,
                                spec.row_stride, format);
            stage.unit = spec.hidden_outputs > 0;
            if (stage.unit)
                stage.point = matrix(spec.point_weights, spec.point_bias, spec.hidden_outputs, 1, spec.outputs, 0, 0,
                                     format);
            stage.aside = spec.aside;
            stage.channels = spec.channels, stage.context = spec.context;
            stage.rows_in = spec.rows_in, stage.rows_out = spec.rows_out;
            stage.state_offset = network.state_bytes;
            const size_t row = size_t(spec.channels) * input_bytes(format);
            network.state_bytes += lines(spec.context * row);
            const size_t bytes = lines((spec.context + spec.rows_in) * row) + 4096;
            if (bytes > buffer_bytes) buffer_bytes = bytes;
            const size_t products = size_t(spec.rows_out) * (stage.unit ? spec.hidden_outputs : spec.outputs);
            if (products > residual_floats) residual_floats = products;
        }
        return network;
    }

    Codebooks codebooks(const ModelSpec& spec) {
        const int count = spec.quantizers, size = spec.entries, d = spec.dimension;
        const size_t all = size_t(count) * size;
        Codebooks books{count, size, d, spec.scans, spec.most_paths, (d + kPanel - 1) / kPanel * (kPanel / kWordSteps)};
        uint32_t* steps = arena.take<uint32_t>(all * books.words);
        uint32_t* grains = arena.take<uint32_t>(all);
        float *around = arena.take<float>(all), *half_norms = arena.take<float>(all), *lengths = arena.take<float>(count);
        const int row = books.words * kWordSteps;
        float *centers = arena.take<float>(count * row), *widths = arena.take<float>(count * row);
        books.entries = copy(spec.codebooks, all * d, all * d);
        books.prediction = copy(spec.prediction, d, d);
        for (int book = 0; book < count; ++book) {
            const size_t first = size_t(book) * size;
            float *center = centers + book * row, *width = widths + book * row;
            for (int k = d; k < row; ++k) width[k] = 1;
            measure(books.entries + first * d, size, d, center, width);
            for (int n = 0; n < size; ++n) {
                const float* entry = books.entries + (first + n) * d;
                double norm = 0, distance = 0, greatest = 0;
                for (int k = 0; k < d; ++k) {
                    const double offset = double(entry[k]) - center[k];
                    norm += double(entry[k]) * entry[k], distance += offset * offset;
                    greatest = fmax(greatest, fabs(offset) / width[k]);
                }
                const uint32_t scale_bits = rounded_up(float(fmax(greatest / kMiddle, 1e-12)));
                double error = 0, squares = 0;
                for (int k = 0; k < d; ++k) {
                    const double offset = double(entry[k]) - center[k], unit = as_float(scale_bits) * width[k];
                    const int step = int(fmin(15, fmax(0, rint(offset / unit + kMiddle))));
                    const double coarse = unit * (step - kMiddle);
                    error += (coarse - offset) * (coarse - offset), squares += coarse * coarse;
                    const size_t word = (first + n) / kPanel * books.words + k / kWordSteps;
                    const int place = k % kWordSteps;
                    steps[word * kPanel + n % kPanel] |= uint32_t(step) << (place % 4 * 8 + place / 4 * 4);
                }
                const uint32_t error_bits = rounded_up(float(sqrt(error) + 1e-12));
                grains[first + n] = scale_bits | error_bits >> 16;
                lengths[book] = fmaxf(lengths[book], float(sqrt(squares)) / as_float(error_bits));
                half_norms[first + n] = float(norm / 2), around[first + n] = float(distance / 2);
            }
        }
        books.steps = steps, books.grains = grains, books.around = around, books.half_norms = half_norms;
        books.centers = centers, books.widths = widths, books.lengths = lengths;
        return books;
    }

    // The center is where the sum of the distances to all entries is least (Weiszfeld's iteration): entries near it, that
    // most residuals are near to, have the finest steps. On each axis a step is as the root of the deviation: so the
    // errors are smallest that tell least apart.
    static void measure(const float* entries, int size, int d, float* center, float* width) {
        constexpr int kIterations = 16;
        std::vector<double> sums(d), from(d);
        for (int iteration = 0; iteration <= kIterations; ++iteration) {
            double weights = 0;
            sums.assign(d, 0);
            for (int n = 0; n < size; ++n) {
                const float* entry = entries + size_t(n) * d;
                double distance = 0;
                for (int k = 0; k < d; ++k) distance += (entry[k] - from[k]) * (entry[k] - from[k]);
                const double weight = iteration == 0 ? 1 : 1 / fmax(sqrt(distance), 1e-12);
                for (int k = 0; k < d; ++k) sums[k] += weight * entry[k];
                weights += weight;
            }
            for (int k = 0; k < d; ++k) from[k] = sums[k] / weights;
        }
        for (int k = 0; k < d; ++k) {
            center[k] = float(from[k]);
            double squares = 0;
            for (int n = 0; n < size; ++n) squares += pow(entries[size_t(n) * d + k] - from[k], 2);
            width[k] = float(fmax(pow(squares / size, 0.25), 1e-12));
        }
    }

    Pointwise pointwise(const float* weights, const float* bias, const LevelsSpec& spec) {
        const size_t bands = spec.bands, all = bands * spec.hidden;
        return {copy(weights, all, all), copy(bias, bands, bands)};
    }

    BandFilter filter(const FilterSpec& spec) {
        float* cepstra = arena.take<float>(size_t(spec.bands) * spec.taps);
        for (int k = 0; k < spec.taps; ++k)
            for (int b = 0; b < spec.bands; ++b) cepstra[b * spec.taps + k] = spec.cepstra[k * spec.bands + b];
        float *rising = arena.take<float>(spec.fade), *fading = arena.take<float>(spec.fade);
        for (int k = 0; k < spec.fade; ++k) rising[k] = float(k + 1) / spec.fade, fading[k] = 1 - rising[k];
        return {spec.bands, spec.taps, spec.fade, cepstra, rising, fading};
    }

    CodeNetworks code_networks(const ModelSpec& model) {
        const CodeNetworksSpec& spec = model.code_networks;
        const size_t count = model.quantizers, size = model.entries, d = model.dimension, hidden = spec.hidden;
        CodeNetworks made{model.quantizers, spec.hidden, (model.dimension + 1) / 2};
        made.hidden_shift = spec.hidden_shift, made.most_hidden = spec.most_hidden;
        made.octave_bits = spec.octave_bits, made.first_shift = spec.first_shift, made.most_shift = spec.most_shift;
        made.positions = copy(spec.positions, count * size * d, count * size * d);
        made.hidden_bias = copy(spec.hidden_bias, count * count * hidden, count * count * hidden);
        made.logit_bias = copy(spec.logit_bias, count * size, count * size);
        const size_t pairs = made.pairs;
        int16_t* first = arena.take<int16_t>(count * pairs * hidden * 2);
        uint32_t* last = arena.take<uint32_t>(count * size * hidden / 4);
        for (size_t book = 0; book < count; ++book) {
            for (size_t h = 0; h < hidden; ++h)
                for (size_t k = 0; k < d; ++k)
                    first[((book * pairs + k / 2) * hidden + h) * 2 + k % 2] = spec.hidden_weights[(book * hidden + h) * d + k];
            for (size_t n = 0; n < size; ++n)
                for (size_t word = 0; word < hidden / 4; ++word) {
                    const size_t panel = (book * size + n) / kPanel;
                    memcpy(last + (panel * hidden / 4 + word) * kPanel + n % kPanel,
                           spec.logit_weights + (book * size + n) * hidden + 4 * word, 4);
                }
        }
        made.hidden_weights = reinterpret_cast<uint32_t*>(first), made.logit_weights = last;
        return made;
    }

    BandPowers band_powers(const BandPowersSpec& spec) {
        const int half = spec.size / 2, bins = (half + kPanel) / kPanel * kPanel;
        float* weights = arena.take<float>(size_t(spec.bands) * bins);
        for (int b = 0; b < spec.bands; ++b)
            memcpy(weights + b * bins, spec.weights + b * (half + 1), (half + 1) * sizeof(float));
        float *cosines = arena.take<float>(half), *sines = arena.take<float>(half);
        for (int k = 0; k < half; ++k) {
            const double angle = M_PI * k / half;
            cosines[k] = float(cos(angle)), sines[k] = float(sin(angle));
        }
        const float* taper = copy(spec.taper, spec.window, spec.window);
        return {spec.bands, spec.window, spec.size, bins, taper, weights, cosines, sines};
    }

    Levels levels(const LevelsSpec& spec, int quantizers) {
        Levels made{spec.bands, spec.parts, spec.hidden, spec.passes, spec.one};
        made.scale = spec.scale, made.exponent = spec.exponent, made.least = spec.least;
        made.inaudible = spec.inaudible, made.most_gain = spec.most_gain;
        made.powers = band_powers(spec.powers);
        made.emphasis = copy(spec.emphasis, size_t(spec.bands) * spec.bands, size_t(spec.bands) * spec.bands);
        made.emphases = copy(spec.emphases, quantizers, quantizers);
        made.offset = copy(spec.offset, spec.bands, spec.bands);
        made.correction = pointwise(spec.correction_weights, spec.correction_bias, spec);
        made.filter = filter(spec.filter);
        return made;
    }

    BandMaps band_maps(const BandMapsSpec& spec) {
        const int maps = (spec.maps + kPanel - 1) / kPanel * kPanel;
        BandMaps made{spec.bands, maps, spec.count, spec.told, spec.means, spec.harmonic};
        made.start = spec.start, made.one = spec.one, made.unit = spec.unit, made.faintest = spec.faintest;
        made.low = spec.low, made.high = spec.high, made.decays = copy(spec.decays, spec.means, spec.means);
        made.kept_floats = size_t(spec.means) * spec.bands;
        for (int i = 0; i < spec.count; ++i) {
            const BandLayerSpec& from = spec.layers[i];
            const int inputs = i ? maps : from.inputs;
            float* weights = arena.take<float>(size_t(9) * inputs * maps);
            for (int map = 0; map < spec.maps; ++map)
                for (int input = 0; input < from.inputs; ++input)
                    for (int tap = 0; tap < 9; ++tap)
                        weights[(size_t(tap) * inputs + input) * maps + map] =
                            from.weights[(size_t(map) * from.inputs + input) * 9 + tap];
            made.layers[i] = {inputs, from.dilation, weights, copy(from.bias, spec.maps, maps)};
            made.kept_floats += size_t(2) * from.dilation * (spec.bands + 2) * inputs;
        }
        float* mixing = arena.take<float>(size_t(spec.told + 1) * maps);
        for (int k = 0; k <= spec.told; ++k) memcpy(mixing + k * maps, spec.mixing + k * spec.maps, spec.maps * sizeof(float));
        made.mixing = mixing, made.mixing_bias = copy(spec.mixing_bias, spec.told + 1, spec.told + 1);
        return made;
    }

    Denoiser denoiser(const DenoiserSpec& spec) {
        Denoiser made{network(spec.stages, spec.count), band_powers(spec.powers)};
        made.least = spec.least, made.center = spec.center, made.unit = spec.unit, made.most = spec.most;
        made.maps = band_maps(spec.maps), made.filter = filter(spec.filter);
        return made;
    }

    Postfilter postfilter(const PostfilterSpec& spec, int quantizers) {
        return {spec.history, spec.decimation, spec.taps, spec.window, spec.least_lag, spec.most_lag, spec.fade,
                spec.subperiod, spec.weak, spec.strong, spec.faintest,
                copy(spec.most_shares, quantizers, quantizers), copy(spec.lowpass, spec.taps, spec.taps)};
    }

    Handle(const ModelSpec& spec, const Backend* chosen) : backend(chosen) {
        model.encoder = network(spec.encoder, spec.encoder_stages);
        model.decoder = network(spec.decoder, spec.decoder_stages);
        model.codebooks = codebooks(spec);
        model.code_networks = code_networks(spec);
        model.levels = levels(spec.levels, model.codebooks.count);
        model.postfilter = postfilter(spec.postfilter, model.codebooks.count);
        model.denoiser = denoiser(spec.denoiser);
        model.hop = spec.hop;
    }
};

// What a thread needs while it computes, whoever's model; it grows to the largest and stays with the thread.
struct Workspace {
    std::unique_ptr<Arena> arena;
    size_t buffer_bytes = 0, residual_floats = 0, digit_bytes = 0;
    int streams = 0;
    Scratch scratch[kMaxBatch];

    Scratch* fit(const Handle& handle, int wanted) {
        if (wanted > streams || handle.buffer_bytes > buffer_bytes || handle.residual_floats > residual_floats ||
            handle.digit_bytes > digit_bytes) {
            arena = std::make_unique<Arena>();
            streams = wanted > streams ? wanted : streams;
            buffer_bytes = handle.buffer_bytes > buffer_bytes ? handle.buffer_bytes : buffer_bytes;
            residual_floats = handle.residual_floats > residual_floats ? handle.residual_floats : residual_floats;
            digit_bytes = handle.digit_bytes > digit_bytes ? handle.digit_bytes : digit_bytes;
            for (int i = 0; i < streams; ++i) {
                for (char*& buffer : scratch[i].buffers) buffer = arena->take<char>(buffer_bytes);
                scratch[i].residual = arena->take<float>(residual_floats);
                scratch[i].paths = arena->take<Paths>(1);
            }
            scratch[0].digits = arena->take<char>(digit_bytes);
        }
        return scratch;
    }
};

thread_local Workspace workspace;

int at_most(int a, int b) { return a < b ? a : b; }

bool are_codes(const Model& model, const int16_t* codes, int n_q) {
    if (n_q > model.codebooks.count) return false;
    for (int stage = 0; stage < n_q; ++stage)
        if (codes[stage] < 0 || codes[stage] >= model.codebooks.size) return false;
    return true;
}

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
    if (decoder) return model.decoder.state_bytes + sizeof(KeptDecoder);
    const size_t kept = sizeof(KeptEncoder) + sizeof(KeptMaps) + model.denoiser.maps.kept_floats * sizeof(float);
    return model.encoder.state_bytes + model.denoiser.network.state_bytes + kept;
}

// Where in an encoder's state the powers of the highest band's parts begin.
EXPORT size_t thinline_high_band_at(void* handle) {
    const Model& model = static_cast<Handle*>(handle)->model;
    return model.encoder.state_bytes + model.denoiser.network.state_bytes + offsetof(KeptEncoder, high);
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
                           const float* const* shares, char* const* states, float* const* pcm) {
    const Handle& handle = *static_cast<Handle*>(opaque);
    for (int i = 0; i < count; ++i)
        if (!are_codes(handle.model, codes[i], n_q[i])) return 0;
    for (int i = 0; i < count; i += kMaxBatch) {
        const int streams = at_most(count - i, kMaxBatch);
        handle.backend->decode(handle.model, workspace.fit(handle, streams), streams,
                               {codes + i, n_q + i, shares + i, states + i, pcm + i});
    }
    return 1;
}

// One frame's codes -> for each the frequencies of all before it, its own, that of all; to `found` [n_q][3]. 0 where a
// code is none.
EXPORT int thinline_intervals(void* opaque, const int16_t* codes, int n_q, int32_t* found) {
    const Handle& handle = *static_cast<Handle*>(opaque);
    if (!are_codes(handle.model, codes, n_q)) return 0;
    handle.backend->find_intervals(handle.model, codes, n_q, found);
    return 1;
}
