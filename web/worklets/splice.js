// Making a piece of sound a little shorter or longer without a click: one period of it is taken out or repeated,
// with a crossfade where the two halves look most alike.

const MIN_LAG = 80; // 3.3 ms at 24 kHz
const QUIET = 0.006; // RMS, about -44 dBFS: nobody hears a splice there

/** Takes one period out of `x` (at least 640 samples). Returns null where that would be heard: where the sound is not
 * quiet, and the halves correlate less than `alike` (up to 1). */
export function shrink(x, alike) {
  const overlap = 200;
  const lag = bestLag(x, overlap, 240, alike);
  if (lag === null) return null;
  const y = new Float32Array(x.length - lag);
  crossfade(y, 0, x, 0, x, lag, overlap);
  y.set(x.subarray(lag + overlap), overlap);
  return y;
}

/** Repeats one period of `x` (at least 320 samples). Returns null as `shrink` does. */
export function stretch(x, alike) {
  const overlap = 160;
  const lag = bestLag(x, overlap, 160, alike);
  if (lag === null) return null;
  const y = new Float32Array(x.length + lag);
  y.set(x.subarray(0, lag));
  crossfade(y, lag, x, lag, x, 0, overlap);
  y.set(x.subarray(overlap), lag + overlap);
  return y;
}

/** Writes a fade from `a` to `b`, each from its offset, into `y` at `at`. */
export function crossfade(y, at, a, fromA, b, fromB, samples) {
  for (let i = 0; i < samples; i += 1) {
    const weight = (i + 0.5) / samples;
    y[at + i] = a[fromA + i] * (1 - weight) + b[fromB + i] * weight;
  }
}

function bestLag(x, overlap, maxLag, alike) {
  let best = maxLag;
  let likeness = -1;
  const power = energy(x, 0, overlap);
  for (let lag = MIN_LAG; lag <= maxLag; lag += 1) {
    let product = 0;
    for (let i = 0; i < overlap; i += 1) product += x[i] * x[lag + i];
    const correlation = product / Math.sqrt(power * energy(x, lag, overlap) + 1e-12);
    if (correlation > likeness) {
      likeness = correlation;
      best = lag;
    }
  }
  const quiet = Math.sqrt(energy(x, 0, x.length) / x.length) < QUIET;
  return quiet || likeness >= alike ? best : null;
}

function energy(x, from, samples) {
  let sum = 0;
  for (let i = from; i < from + samples; i += 1) sum += x[i] * x[i];
  return sum;
}
