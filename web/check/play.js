// Short sounds from the browser itself, by the chosen loudspeaker: nothing is loaded, nothing goes anywhere.

import { SAMPLE_RATE } from "../audio.js";

const CHIME_HZ = [523.25, 659.25, 783.99]; // C E G
const NOTE_SECONDS = 0.45;
const CHIME_PEAK = 0.2;

/** Plays samples (Float32Array at SAMPLE_RATE) and resolves when they are over, or were stopped by `signal`. */
export async function playSamples(samples, speaker, signal) {
  const context = new AudioContext({ sampleRate: SAMPLE_RATE });
  try {
    if (speaker && "setSinkId" in context) await context.setSinkId(speaker).catch(() => {}); // then the system's own
    await context.resume();
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: SAMPLE_RATE });
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(context.destination);
    await new Promise((resolve) => {
      source.onended = resolve;
      signal.addEventListener("abort", resolve);
      source.start();
    });
  } finally {
    context.close();
  }
}

/** Three notes that rise. */
export function chime() {
  const note = Math.round(NOTE_SECONDS * SAMPLE_RATE);
  return Float32Array.from({ length: CHIME_HZ.length * note }, (_, i) => {
    const [seconds, turn] = [(i % note) / SAMPLE_RATE, 2 * Math.PI * CHIME_HZ[Math.floor(i / note)]];
    return CHIME_PEAK * Math.min(1, seconds / 0.02, (NOTE_SECONDS - seconds) / 0.05) * Math.exp(-3 * seconds) * Math.sin(turn * seconds);
  });
}
