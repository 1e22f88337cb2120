// How long sound takes from here through encoder, line and decoder back to here, measured on the sound itself.

import { SAMPLE_RATE } from "../audio.js";

const BEAT_SECONDS = 1; // the signal repeats, so that no longer way can be told
const VOICED_SECONDS = 0.3;
const PITCH_HZ = 140;
const HARMONICS = 20;
const STEP_SAMPLES = 48; // 2 ms: how finely it is measured
const LEAST_LIKENESS = 0.5; // below, what came back was something else

/** A node that hums like a voice, three tenths of every second. */
export function hum(context) {
  const samples = Float32Array.from({ length: BEAT_SECONDS * SAMPLE_RATE }, (_, i) => {
    const seconds = i / SAMPLE_RATE;
    if (seconds > VOICED_SECONDS) return 0;
    let sum = 0;
    for (let n = 1; n <= HARMONICS; n += 1) sum += Math.sin(2 * Math.PI * n * PITCH_HZ * seconds + n * n) / n;
    return 0.15 * sum * Math.min(1, seconds / 0.01, (VOICED_SECONDS - seconds) / 0.01);
  });
  const buffer = new AudioBuffer({ length: samples.length, sampleRate: SAMPLE_RATE });
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer, loop: true });
  source.start();
  return source;
}

/** Writes down what two analysers hear while it is polled, several times before their windows are over. */
export class EchoMeter {
  #taps;
  #at;
  #heard = { said: [], heard: [] }; // levels, one a step

  constructor(taps) {
    this.#taps = taps;
    this.#at = taps.said.context.currentTime;
  }

  poll() {
    const { context, fftSize } = this.#taps.said;
    const steps = Math.floor(((context.currentTime - this.#at) * SAMPLE_RATE) / STEP_SAMPLES);
    if (steps < 1) return;
    this.#at += (steps * STEP_SAMPLES) / SAMPLE_RATE;
    for (const [name, analyser] of [["said", this.#taps.said], ["heard", this.#taps.heard]]) {
      const samples = new Float32Array(fftSize);
      analyser.getFloatTimeDomainData(samples);
      this.#heard[name].push(...levels(samples, steps));
    }
  }

  /** The way's delay in ms, or null where nothing that was said came back. */
  get delayMs() {
    const step = delaySteps(this.#heard.said, this.#heard.heard, (BEAT_SECONDS * SAMPLE_RATE) / STEP_SAMPLES);
    return step === null ? null : (1000 * step * STEP_SAMPLES) / SAMPLE_RATE;
  }
}

/** The levels of the last `steps` steps; what the window no longer holds is silence. */
function levels(samples, steps) {
  return Array.from({ length: steps }, (_, i) => {
    const from = samples.length - (steps - i) * STEP_SAMPLES;
    if (from < 0) return 0;
    let energy = 0;
    for (let j = from; j < from + STEP_SAMPLES; j += 1) energy += samples[j] ** 2;
    return Math.log10(Math.sqrt(energy / STEP_SAMPLES) + 1e-3);
  });
}

/** By how many steps, up to `most`, `heard` follows `said`; null where it does not look like it. */
export function delaySteps(said, heard, most) {
  let best = { likeness: LEAST_LIKENESS, steps: null };
  for (let steps = 0; steps < most && steps < said.length / 2; steps += 1) {
    const likeness = correlation(said.slice(0, said.length - steps), heard.slice(steps));
    if (likeness > best.likeness) best = { likeness, steps };
  }
  return best.steps;
}

function correlation(a, b) {
  const [meanA, meanB] = [mean(a), mean(b)];
  let [product, powerA, powerB] = [0, 0, 0];
  for (let i = 0; i < a.length; i += 1) {
    product += (a[i] - meanA) * (b[i] - meanB);
    powerA += (a[i] - meanA) ** 2;
    powerB += (b[i] - meanB) ** 2;
  }
  return product / Math.sqrt(powerA * powerB + 1e-12);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
