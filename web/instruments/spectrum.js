// From an analyser's bins to what is drawn: bands as the ear spaces them, and the wave's reach. Pure functions.

const LOWEST_HZ = 60; // below lies rumble, and no voice

/** Where in `rows` rows, the highest first, a frequency lies: 0 at the top. The spacing is mel (O'Shaughnessy). */
export function rowOf(hertz, rows, highestHz) {
  const share = (mel(hertz) - mel(LOWEST_HZ)) / (mel(highestHz) - mel(LOWEST_HZ));
  return rows * (1 - share);
}

/** For each row, the highest first, the bins [from, to) that it shows; at least one. `binHz` is the width of a bin. */
export function bands(rows, binHz, highestHz) {
  const step = (mel(highestHz) - mel(LOWEST_HZ)) / rows;
  const edges = Array.from({ length: rows + 1 }, (_, row) => Math.round(hertzOf(mel(highestHz) - row * step) / binHz));
  return edges.slice(1).map((from, row) => ({ from, to: Math.max(from + 1, edges[row]) }));
}

/** The loudest bin of each band, into `column`. Bins are bytes. */
export function fillColumn(column, bins, rows) {
  rows.forEach(({ from, to }, row) => {
    let loudest = 0;
    for (let bin = from; bin < to && bin < bins.length; bin += 1) loudest = Math.max(loudest, bins[bin]);
    column[row] = loudest;
  });
}

/** The lowest and highest of the last `count` samples. */
export function reach(samples, count) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = Math.max(0, samples.length - count); i < samples.length; i += 1) {
    if (samples[i] < low) low = samples[i];
    if (samples[i] > high) high = samples[i];
  }
  return low > high ? { low: 0, high: 0 } : { low, high };
}

function mel(hertz) {
  return 2595 * Math.log10(1 + hertz / 700);
}

function hertzOf(mels) {
  return 700 * (10 ** (mels / 2595) - 1);
}
