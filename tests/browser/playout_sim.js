// Drives the page's own playout buffer with a simulated network and a simulated loudspeaker; loaded by test_playout.py.

import { Playout } from "/static/worklets/playout.js";

const FRAME = 320;
const QUANTUM = 128;
const RATE = 24000;

/** A voiced sound whose loudness swells, at sample `n` of the sender. */
function voice(n) {
  const swell = 0.55 + 0.45 * Math.sin((2 * Math.PI * n) / 9000);
  return 0.3 * swell * (Math.sin((2 * Math.PI * 140 * n) / RATE) + 0.5 * Math.sin((2 * Math.PI * 280 * n) / RATE));
}

function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Gilbert's model, for each [from, to, share]: a fifth of the frames, say, in bursts of four on average. */
function bursty(chance, bursts) {
  let bad = false;
  return (now) => {
    const burst = bursts.find(([from, to]) => now >= from && now < to);
    bad = burst !== undefined && chance() < (bad ? 0.75 : burst[2] / (1 - burst[2]) / 4);
    return bad;
  };
}

/** When each frame reaches the loudspeaker's side: [{arrived, sequence, index}], in order of arrival. */
function network({ seconds, seed, first, jitter, loss, ppm, stalls, bursts, lost, repeat, restart }) {
  const chance = random(seed);
  const burst = bursty(chance, bursts);
  const arrivals = [];
  const pace = FRAME * (1 + ppm / 1e6);
  for (let index = 0; index * pace < seconds * RATE; index += 1) {
    let arrived = (index + 1) * pace + jitter * FRAME * chance();
    for (const [from, to] of stalls) {
      if (arrived >= from * RATE && arrived < to * RATE) arrived = to * RATE + index / 1000;
    }
    if (burst(arrived / RATE) || chance() < loss || lost.includes(index)) continue;
    const sequence = restart !== null && index >= restart ? index - restart : (first + index) >>> 0;
    for (let copy = 0; copy <= repeat; copy += 1) arrivals.push({ arrived, sequence, index });
  }
  return arrivals.sort((a, b) => a.arrived - b.arrived);
}

export function simulate(scenario) {
  const calm = { jitter: 0, loss: 0, ppm: 0, stalls: [], bursts: [], lost: [], repeat: 0, restart: null, noise: false };
  const settings = { seconds: 4, seed: 1, first: 0, ...calm, ...scenario };
  const arrivals = network(settings);
  const hiss = random(settings.seed + 1);
  const source = settings.noise ? () => 0.4 * hiss() - 0.2 : voice;
  const playout = new Playout({ frameSamples: FRAME });
  const total = Math.floor((settings.seconds * RATE) / QUANTUM) * QUANTUM;
  const out = new Float32Array(total);
  const delays = [];
  let next = 0;
  for (let now = 0; now < total; now += QUANTUM) {
    for (; next < arrivals.length && arrivals[next].arrived <= now; next += 1) {
      const { index, sequence } = arrivals[next];
      playout.push(sequence, Float32Array.from({ length: FRAME }, (_, i) => source(index * FRAME + i)), now);
    }
    playout.pull(out.subarray(now, now + QUANTUM), now);
    if (now % RATE < QUANTUM) delays.push(playout.takeDelay());
  }
  return { ...playout.counts, target: playout.target, delays, ...compare(out) };
}

/** Largest step between neighbouring samples and where, and the error against the voice in the first second heard. */
function compare(out) {
  let step = 0;
  let where = 0;
  for (let n = 1; n < out.length; n += 1) {
    if (Math.abs(out[n] - out[n - 1]) > step) [step, where] = [Math.abs(out[n] - out[n - 1]), n];
  }
  let loudest = 0;
  for (let n = 1; n < RATE; n += 1) loudest = Math.max(loudest, Math.abs(voice(n) - voice(n - 1)));
  const start = out.findIndex((sample) => sample !== 0);
  let error = Infinity; // the fade at the start hides where exactly the voice began
  for (let offset = 0; offset < 4; offset += 1) {
    let sum = 0;
    for (let n = start + FRAME; n < start + 0.9 * RATE; n += 1) sum += (out[n] - voice(n - start + offset)) ** 2;
    error = Math.min(error, sum);
  }
  return { step, stepSeconds: where / RATE, voiceStep: loudest, error };
}
