// What one core of this machine can do at most: multiply-adds from registers, and reading memory. Compiled on the spot
// for this very processor (probe.py).
#include <cstddef>
#include <cstdint>
#include <ctime>

#if defined(__AVX512F__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
constexpr int kBytes = 64;
#elif defined(__AVX2__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif

typedef float Floats __attribute__((vector_size(kBytes)));
constexpr int kLanes = kBytes / 4;
constexpr int kSums = 12;  // more than latency times throughput, fewer than registers

namespace {

// Seconds of this thread on its core: what others do on a busy machine does not count.
double now() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

// Keeps the compiler from knowing what is in a register, at no cost.
template <class Vector>
inline void hide(Vector& v) {
#if defined(__x86_64__)
    asm volatile("" : "+v"(v));
#elif defined(__aarch64__)
    asm volatile("" : "+w"(v));
#else
    asm volatile("" : "+m"(v));
#endif
}

// Multiply-adds a second, in 1e9; step(sum, a, b) does `each` of them.
template <class Vector, class Step>
double peak(Vector a, Vector b, double seconds, double each, Step step) {
    Vector sums[kSums] = {};
    int64_t rounds = 0;
    const double begin = now();
    do {
        for (int i = 0; i < 10000; ++i) {
            hide(a);
            hide(b);
#pragma GCC unroll 12
            for (int s = 0; s < kSums; ++s) sums[s] = step(sums[s], a, b);
        }
        rounds += 10000;
    } while (now() - begin < seconds);
    const double passed = now() - begin;
    for (auto& sum : sums) hide(sum);
    return each * kSums * double(rounds) / passed / 1e9;
}

}  // namespace

extern "C" double probe_fp32(double seconds) {
    return peak(Floats{} + 1e-9f, Floats{} + 1e-9f, seconds, kLanes,
                [](Floats sum, Floats a, Floats b) { return sum + a * b; });
}

#if defined(__AMX_BF16__) && defined(__AMX_INT8__) && defined(__linux__)
// The matrix unit: tiles of 16 rows of 64 bytes, four sums at a time, `words` inputs in each four bytes. 0 where the
// system withholds it.
template <class Step>
double matrix_peak(double seconds, double words, Step step) {
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // arch_prctl(2)
    if (syscall(SYS_arch_prctl, kRequestPermission, kTileData)) return 0;
    alignas(64) struct {
        uint8_t palette = 1, first = 0, unused[14] = {};
        uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
        uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } tiles;
    asm volatile("" : : "m"(tiles));  // GCC believes that the next line reads only the first eight bytes
    _tile_loadconfig(&tiles);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    double rounds = 0;
    const double begin = now();
    do {
        for (int i = 0; i < 1000; ++i) step();
        rounds += 1000;
    } while (now() - begin < seconds);
    const double passed = now() - begin;
    _tile_release();
    return rounds * 4 * 16 * 16 * 16 * words / passed / 1e9;
}
#endif

// 0 where there is no matrix unit.
extern "C" double probe_matrix_bf16(double seconds) {
#if defined(__AMX_BF16__) && defined(__AMX_INT8__) && defined(__linux__)
    return matrix_peak(seconds, 2, [] {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    });
#else
    return seconds * 0;
#endif
}

extern "C" double probe_matrix_int8(double seconds) {
#if defined(__AMX_BF16__) && defined(__AMX_INT8__) && defined(__linux__)
    return matrix_peak(seconds, 4, [] {
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        _tile_dpbusd(2, 5, 6);
        _tile_dpbusd(3, 5, 7);
    });
#else
    return seconds * 0;
#endif
}

// 0 where the processor has no instruction for it.
extern "C" double probe_bf16(double seconds) {
#if defined(__AVX512BF16__)
    const __m512i zero = _mm512_setzero_si512();
    return peak(zero, zero, seconds, 32, [](__m512i sum, __m512i a, __m512i b) {
        return (__m512i)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
    });
#else
    return seconds * 0;
#endif
}

extern "C" double probe_int8(double seconds) {
#if defined(__AVX512VNNI__)
    const __m512i zero = _mm512_setzero_si512();
    return peak(zero, zero, seconds, 64,
                [](__m512i sum, __m512i a, __m512i b) { return _mm512_dpbusd_epi32(sum, a, b); });
#else
    return seconds * 0;
#endif
}

// GB/s of reading `bytes` again and again.
extern "C" double probe_read(const float* from, size_t bytes, double seconds) {
    const size_t vectors = bytes / sizeof(Floats) / 8 * 8;
    const Floats* source = reinterpret_cast<const Floats*>(from);
    Floats sums[8] = {};
    double read = 0;
    const double begin = now();
    do {
        for (size_t i = 0; i < vectors; i += 8) {
#pragma GCC unroll 8
            for (int s = 0; s < 8; ++s) sums[s] += source[i + s];
        }
        for (auto& sum : sums) hide(sum);
        read += double(vectors) * sizeof(Floats);
    } while (now() - begin < seconds);
    return read / (now() - begin) / 1e9;
}
