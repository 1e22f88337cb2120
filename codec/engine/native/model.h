// What a model is once its weights are packed: plain data, read by the code of every instruction set.
//
// This header and isa.cpp are compiled once for each instruction set. They use no inline functions of the standard
// library: the linker keeps one copy of those, and it might be one that this processor can't run.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace thinline {

constexpr int kPanel = 16;     // outputs that lie side by side in packed weights: 64 bytes of 32-bit words
constexpr int kTile = 16;      // words of a run, and rows, that a matrix unit takes at a time
constexpr int kMaxBatch = 16;  // streams that one pass through the weights serves
constexpr int kMaxHidden = 256;  // words between the convolutions of a residual unit
constexpr int kMaxDimension = 256;  // numbers of a projected embedding
constexpr int kMaxEntries = 1024;
constexpr int kMaxQuantizers = 32;
constexpr int kMaxUnits = 64;  // of a network that says how likely codes are
constexpr int kMaxPaths = 16;  // that a search keeps, in any model
constexpr int kChunk = 32;  // rows that go through a stage together
constexpr int kWordSteps = 8;  // numbers of an entry in a word of 32 bits: 0 to 3 in the lower halves of its bytes, then 4 to 7
constexpr float kMiddle = 7.5f;  // between the greatest and the least step of four bits

constexpr int kMaxBands = 64, kMaxHop = 320;  // of levels
constexpr int kMaxParts = 4;  // of the highest band
constexpr int kMaxPasses = 2;  // of the equalizer
constexpr int kMaxTaps = 256;  // of a filter with gains in bands
constexpr int kMaxSpectrum = 1024;  // points, in which powers are measured
constexpr int kMaxMaps = 32, kMaxMapLayers = 8, kMaxTold = 8;  // of what it makes of each band
constexpr int kMaxHistory = 512, kMaxDecimated = 224, kMaxLag = 112;  // of the postfilter

enum class Format : int32_t { Float, Half, Byte };  // of weights: float32, bfloat16, int8 with a scale for each output

// A row of inputs times a matrix. Both come in words of 32 bits: one float32, two neighbouring bfloat16, or, of weights
// only, four int8, whose inputs are bfloat16. A row is `taps` runs of `run` words each, `tap_stride` words apart; the
// next row begins `row_stride` words later.
struct Matrix {
    int outputs, taps, run, tap_stride, row_stride;
    int padded;  // words of a run among the weights: filled up with zeros to a multiple of kTile
    Format format;
    const uint32_t* weights;  // [panels][taps][padded][kPanel]
    const float* bias;        // [panels * kPanel]
    const float* scales;      // [panels * kPanel], of int8
    const int32_t* sums;      // [panels * kPanel], of an output's int8 weights
};

inline int elements_per_word(Format format) { return 1 << int(format); }
inline int input_bytes(Format format) { return format == Format::Float ? 4 : 2; }

// A convolution, or with `unit` a residual unit: a dilated convolution, ELU, a pointwise one, plus the input.
struct Stage {
    Matrix main, point;
    bool unit;
    int aside;              // outputs, the last ones, that the next stage does not read
    int channels, context;  // of the input; rows of it that the next step needs again
    int rows_in, rows_out;  // new rows of input, rows of products
    size_t state_offset;    // bytes; the stage's context inside a stream's state
};

struct Network {
    const Stage* stages;
    int count;
    size_t state_bytes;
};

// Entries are scanned in steps of four bits, then those that may be nearest are compared in float32. Scanned is the
// distance between residual and entry as seen from the codebook's center. An entry's number k is about scale * widths[k]
// * (step - kMiddle); with all of them so, it is `error` away from where it is.
struct Codebooks {
    int count, size, dimension;
    int scans, most_paths;    // of a search, about, in all stages; that it keeps from stage to stage
    int words;                // of steps in a row of kWordSteps each, filled up to a multiple of kPanel
    const uint32_t* steps;    // [count][size / kPanel][words][kPanel]
    const uint32_t* grains;   // [count][size]: scale and error, in the upper and lower half as bfloat16
    const float* around;      // [count][size]: half the squared distance between entry and center
    const float* centers;     // [count][words * kWordSteps]
    const float* widths;      // the same
    const float* lengths;     // [count]: an entry's in steps, divided by its error, at the most
    const float* entries;     // [count][size][dimension]
    const float* prediction;  // [dimension]: what of each number of a frame is expected in the next
    const float* half_norms;  // [count][size]
};

// What says how likely each code is after the ones before it (codec/entropy.py), in whole numbers.
struct CodeNetworks {
    int quantizers, hidden, pairs;  // of numbers of a position, which needs 16 bits
    int hidden_shift, most_hidden, octave_bits, first_shift, most_shift;
    const int16_t* positions;        // [quantizers][size][dimension]
    const uint32_t* hidden_weights;  // [quantizers][pairs][hidden], two int16 each
    const int32_t* hidden_bias;      // [quantizers][n_q - 1][hidden]
    const uint32_t* logit_weights;   // [quantizers][size / kPanel][hidden / 4][kPanel], four int8 each
    const int32_t* logit_bias;       // [quantizers][size]
};

struct Pointwise {
    const float* weights;  // [bands][hidden]
    const float* bias;
};

// A filter of minimum phase with gains in bands, new in every frame.
struct BandFilter {
    int bands, taps, fade;
    const float* cepstra;          // [bands][taps]
    const float *rising, *fading;  // [fade]: shares of this frame's filter and of the last one's
};

// How powers in bands are measured: a window of sound, its spectrum, means of that.
struct BandPowers {
    int bands, window, size, bins;  // samples; points of their spectrum; of these, the ones in bands, filled up
    const float* taper;    // [window]
    const float* weights;  // [bands][bins]: of a bin's power in a band's
    const float *cosines, *sines;  // [size / 2], of a whole turn's first half
};

// Levels in bands, and the network that corrects them: its first convolution is outputs aside of the decoder's first stage.
// Measured and equalized are bands of which the last `parts` are the highest one whose level goes over the line.
struct Levels {
    int bands, parts, hidden, passes;
    float one;  // what stands beside the codes for a bias
    float scale, exponent, least, inaudible, most_gain;
    BandPowers powers;
    const float* emphasis;  // [bands][bands]: from log powers to what is added to them,
    const float* emphases;  // [quantizers]: times this
    const float* offset;   // [bands]
    Pointwise correction;
    BandFilter filter;
};

// A convolution over three frames, `dilation` apart, and three bands.
struct BandLayer {
    int inputs, dilation;
    const float* weights;  // [frames][bands][inputs][maps]
    const float* bias;     // [maps]
};

// What the denoiser makes of each band before its network reads them: running means, then layers, all but the first
// residual. `maps` is a multiple of kPanel.
struct BandMaps {
    int bands, maps, count, told, means, harmonic;
    float start, one, unit, faintest, low, high;  // `one` over a power is the exponential of -unit * what it is above start
    const float* decays;  // [means]
    BandLayer layers[kMaxMapLayers];
    const float *mixing, *mixing_bias;  // [told + 1][maps], [told + 1]: what the network is told, and what maps say alone
    size_t kept_floats;
};

// The denoiser before the encoder: its network reads the powers in bands of a window, and says gains.
struct Denoiser {
    Network network;
    BandPowers powers;
    float least, center, unit, most;
    BandMaps maps;
    BandFilter filter;
};

// The long-term postfilter; window and lags in decimated samples.
struct Postfilter {
    int history, decimation, taps, window, least_lag, most_lag, fade;
    float subperiod, weak, strong, faintest;
    const float* most_shares;  // [quantizers]
    const float* lowpass;      // [taps]
};

struct Model {
    Denoiser denoiser;
    Network encoder, decoder;
    Codebooks codebooks;
    CodeNetworks code_networks;
    Levels levels;
    Postfilter postfilter;
    int hop;
};

// What filters keep from frame to frame. A stream's state is its networks' stages, then these.
struct KeptFilter {
    float samples[kMaxTaps];  // the last ones before the frame, the newest at the end
    float filter[kMaxTaps];
    int32_t active;  // whether the filter changes anything
};

struct KeptPitch {
    float samples[kMaxHistory];  // the last ones before the frame, the oldest first
    int32_t lag;
    float share;
};

struct KeptEncoder {
    KeptFilter filter;                // the denoiser's
    float seen[kMaxSpectrum];         // samples before the frame, for the denoiser's window
    float measured[kMaxTaps];         // and for levels
    float high[kMaxParts];            // powers of the highest band's parts in the last frame
    float last[kMaxDimension];        // what the last frame's codes came to
};

struct KeptMaps {
    uint32_t frame;
    float values[];  // running means, then the last frames that each layer read
};

struct KeptDecoder {
    KeptFilter filters[kMaxPasses];  // the equalizer's
    KeptPitch pitch;
    float last[kMaxDimension];  // what the last frame's codes came to
};

struct Paths {  // through the codebooks, of one embedding
    int count;
    alignas(64) float residuals[2][kMaxPaths][kMaxDimension];  // what they leave, by the parity of the stage
    uint8_t parents[kMaxQuantizers][kMaxPaths];                 // which path of the stage before went on as this one
    int16_t codes[kMaxQuantizers][kMaxPaths];
};

struct Scratch {  // one stream's, while it is computed
    char* buffers[2];
    float* residual;
    Paths* paths;
    char* digits;  // kChunk rows of the longest window there is; the first stream's serves them all
};

struct EncodeCall {
    const float* const* pcm;
    const int32_t* n_q;
    const float* denoise;
    char* const* states;
    int16_t* const* codes;
};

struct DecodeCall {
    const int16_t* const* codes;
    const int32_t* n_q;
    const float* const* shares;  // of the highest band's parts
    char* const* states;
    float* const* pcm;
};

// The code of one instruction set; `streams` is at most kMaxBatch.
struct Backend {
    void (*encode)(const Model&, Scratch*, int streams, const EncodeCall&);
    void (*decode)(const Model&, Scratch*, int streams, const DecodeCall&);
    void (*find_intervals)(const Model&, const int16_t* codes, int n_q, int32_t* found);
};

}  // namespace thinline
