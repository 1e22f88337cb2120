// What a model is once its weights are packed: plain data, read by the code of every instruction set.
//
// This header and step.h are compiled once for each instruction set. They use no inline functions of the standard
// library: the linker keeps one copy of those, and it might be one that this processor can't run.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace thinline {

constexpr int kPanel = 16;     // outputs that lie side by side in packed weights: 64 bytes of 32-bit words
constexpr int kTile = 16;      // words of a run that a matrix unit takes at a time
constexpr int kMaxBatch = 16;  // streams that one pass through the weights serves
constexpr int kMaxHidden = 256;  // words between the convolutions of a residual unit, and of a projected embedding
constexpr int kMaxEntries = 1024;
constexpr int kMaxWindow = 4096;  // inputs of a matrix of bytes
constexpr int kZero = 128;        // what some instruction sets add to signed bytes, and `offsets` takes off again

// A row of inputs times a matrix. Inputs and weights come in words of 32 bits: one float32, or two neighbouring bfloat16.
// A row is `taps` runs of `run` words each, `tap_stride` words apart; the next row begins `row_stride` words later.
// Where there are `scales` the weights are signed bytes, four to a word and over all taps without a gap; rows, pairs of
// bfloat16, are brought to bytes when they are used.
struct Matrix {
    int outputs, taps, run, tap_stride, row_stride;
    int padded;               // words of a run (of bytes: of all) among the weights, with zeros up to a multiple of kTile
    bool half;                // the words of a row are pairs of bfloat16
    const uint32_t* weights;  // [panels][taps][padded][kPanel]; of bytes [panels][padded][kPanel]
    const float* bias;        // [panels * kPanel]
    const float* scales;      // [panels * kPanel], what 1 among this output's weights is worth; or null
    const int32_t* offsets;   // [panels * kPanel], kZero times the sum of this output's weights; or null
};

// A convolution, or with `unit` a residual unit: a dilated convolution, ELU, a pointwise one, plus the input.
struct Stage {
    Matrix main, point;
    bool unit, film;
    int channels, context;  // of the input; rows of it that the next step needs again
    int rows_in, rows_out;  // new rows of input, rows of products
    size_t state_offset;    // bytes; the stage's context inside a stream's state
};

struct Network {
    const Stage* stages;
    int count;
    size_t state_bytes;
    int far;  // from this stage on weights are many and rows few
};

// Entries are scanned in bfloat16, then those that may be nearest are compared in float32.
struct Codebooks {
    int count, size, dimension;
    Matrix scan;              // of one codebook; `weights` of the first
    const float* entries;     // [count][size][dimension]
    const float* half_norms;  // [count][size]
    const float* max_norms;   // [count], of the entries
};

struct Model {
    Network encoder, decoder;
    Codebooks codebooks;
    const float* film;  // [4][channels]: scale and shift with denoising off, what switching it on adds to them
    int film_channels, hop;
};

struct Scratch {  // one stream's, while it is computed
    char* buffers[2];
    float *residual, *film;
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
    char* const* states;
    float* const* pcm;
};

// The code of one instruction set; `streams` is at most kMaxBatch.
struct Backend {
    void (*encode)(const Model&, Scratch*, int streams, const EncodeCall&);
    void (*decode)(const Model&, Scratch*, int streams, const DecodeCall&);
};

}  // namespace thinline
