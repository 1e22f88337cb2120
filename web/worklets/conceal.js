// What is played while a frame is missing: the last sound goes on, period by period, and fades into noise as loud as the
// background was. The server's concealment (codec/conceal.py) does the same.

const MIN_LAG = 60; // samples: 400 Hz at 24 kHz
const MAX_LAG = 480; // 50 Hz
const TEMPLATE = 480;
const COARSE = 4; // the lag is looked for in every fourth sample first
const SUBPERIOD = 0.85; // as alike as this share of the best: then a shorter period is the true one
const EASE_SAMPLES = 48; // in which the joint with the last sound is made even
const HOLD_SAMPLES = 320; // at full loudness
const FADE_SAMPLES = 1600;
const FLOOR_RISE = 1.00002; // a sample: half as loud again in a second
const LOUDEST_FLOOR = 0.01; // -40 dBFS
const DULL = 0.9; // the noise's one pole: a quiet room, not hiss

const HISTORY = MAX_LAG + TEMPLATE;

export class Concealment {
  #heard = new Float32Array(HISTORY);
  #cycle = null; // one period that repeats without a step; null while nothing is missing
  #step = 0; // between the last sample and what would have come before the cycle
  #played = 0;
  #floor = 0; // before the first sound there is silence
  #noise = 0;
  #random = 1;

  get running() {
    return this.#cycle !== null;
  }

  /** Takes what is played and is real; its background is the quietest level heard. */
  observe(pcm) {
    const level = Math.sqrt(dot(pcm, 0, pcm, 0, pcm.length) / pcm.length);
    const risen = (this.#floor || LOUDEST_FLOOR / 10) * FLOOR_RISE ** pcm.length;
    this.#floor = Math.min(Math.max(level, 1e-5), risen, LOUDEST_FLOOR);
    this.#cycle = null;
    this.#remember(pcm);
  }

  /** The next `samples` of what stands in for the missing sound, to be played. */
  next(samples) {
    const out = this.tail(samples);
    this.#remember(out);
    return out;
  }

  /** The same, to be faded into real sound. */
  tail(samples) {
    if (this.#cycle === null) this.#begin();
    return Float32Array.from({ length: samples }, () => this.#sample());
  }

  #remember(pcm) {
    const kept = Math.min(pcm.length, HISTORY);
    this.#heard.copyWithin(0, kept);
    this.#heard.set(pcm.subarray(pcm.length - kept), HISTORY - kept);
  }

  #begin() {
    const lag = findLag(this.#heard);
    const joint = Math.max(8, lag >> 2);
    this.#cycle = this.#heard.slice(HISTORY - lag);
    for (let i = 0; i < joint; i += 1) {
      const weight = (i + 0.5) / joint;
      this.#cycle[lag - joint + i] += weight * (this.#heard[HISTORY - lag - joint + i] - this.#cycle[lag - joint + i]);
    }
    this.#step = this.#heard[HISTORY - 1] - this.#heard[HISTORY - lag - 1];
    this.#played = 0;
  }

  #sample() {
    const gain = Math.max(0, Math.min(1, 1 - (this.#played - HOLD_SAMPLES) / FADE_SAMPLES));
    let sound = this.#cycle[this.#played % this.#cycle.length];
    if (this.#played < EASE_SAMPLES) {
      sound += this.#step * (0.5 + 0.5 * Math.cos((Math.PI * (this.#played + 0.5)) / EASE_SAMPLES));
    }
    this.#played += 1;
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) | 0;
    const white = (this.#random / 2 ** 31) * Math.sqrt(3); // of power 1
    this.#noise = DULL * this.#noise + Math.sqrt(1 - DULL * DULL) * white;
    return sound * gain + this.#floor * this.#noise * (1 - gain);
  }
}

/** The period of the end of `x` (`HISTORY` samples) in samples. */
function findLag(x) {
  const small = Float32Array.from({ length: HISTORY / COARSE }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < COARSE; j += 1) sum += x[COARSE * i + j];
    return sum;
  });
  const coarse = COARSE * bestLag(small, TEMPLATE / COARSE, MIN_LAG / COARSE, MAX_LAG / COARSE).lag;
  const best = near(x, coarse);
  for (const parts of [4, 3, 2]) {
    const shorter = Math.round(best.lag / parts);
    if (shorter < MIN_LAG) continue;
    const found = near(x, shorter);
    if (found.likeness > SUBPERIOD * best.likeness) return found.lag;
  }
  return best.lag;
}

function near(x, lag) {
  return bestLag(x, TEMPLATE, Math.max(MIN_LAG, lag - COARSE), Math.min(MAX_LAG, lag + COARSE));
}

/** How long ago the last `template` samples of `x` sounded most alike: {lag, likeness}, the likeness up to 1. */
function bestLag(x, template, shortest, longest) {
  const from = x.length - template;
  const power = dot(x, from, x, from, template);
  let best = { lag: shortest, likeness: -1 };
  for (let lag = shortest; lag <= longest; lag += 1) {
    const before = from - lag;
    const scale = Math.sqrt(power * dot(x, before, x, before, template) + 1e-12);
    const likeness = dot(x, from, x, before, template) / scale;
    if (likeness > best.likeness) best = { lag, likeness };
  }
  return best;
}

function dot(a, fromA, b, fromB, samples) {
  let sum = 0;
  for (let i = 0; i < samples; i += 1) sum += a[fromA + i] * b[fromB + i];
  return sum;
}
