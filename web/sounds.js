// Short sounds for coming and going, made of two notes each: nothing is loaded. They are quiet, have an audio context of
// their own and so never enter the call; of what a microphone hears of them the echo cancellation takes out most.

import { recall, remember } from "./memory.js";

const NOTES_HZ = { arrive: [587.33, 880], depart: [880, 587.33] }; // D5 and A5: up, down
const PEAK = 0.05; // 26 dB below full scale
const NOTE_SECONDS = 0.32;
const STAGGER_SECONDS = 0.11;
const ATTACK_SECONDS = 0.012;
export const SOUND_SECONDS = STAGGER_SECONDS + NOTE_SECONDS;

export class Sounds {
  /** `speaker()` is the loudspeaker to play by, "" the system's own. `allowed`: false keeps them silent whatever the user
   * chose, as where a call is measured. */
  constructor({ speaker, allowed }) {
    this.speaker = speaker;
    this.allowed = allowed;
  }

  get on() {
    return recall("sounds") !== "off";
  }

  set on(on) {
    remember("sounds", on ? null : "off");
  }

  /** `name` is arrive or depart. Where the browser wants a touch of the page first, nothing is heard. */
  play(name) {
    if (!this.on || !this.allowed) return;
    const sinkId = this.speaker() || undefined;
    const context = new AudioContext({ latencyHint: "playback", sinkId });
    ring(context, name);
    setTimeout(() => context.close(), 1000 * (SOUND_SECONDS + 1));
  }
}

/** Plays the two notes on a context's destination, from now on. */
export function ring(context, name) {
  NOTES_HZ[name].forEach((frequency, index) => {
    const from = context.currentTime + index * STAGGER_SECONDS;
    const loudness = new GainNode(context, { gain: 0 });
    loudness.gain.setValueAtTime(0, from);
    loudness.gain.linearRampToValueAtTime(PEAK / 2, from + ATTACK_SECONDS);
    loudness.gain.setTargetAtTime(0, from + ATTACK_SECONDS, NOTE_SECONDS / 6);
    loudness.gain.linearRampToValueAtTime(0, from + NOTE_SECONDS);
    const note = new OscillatorNode(context, { frequency });
    note.connect(loudness).connect(context.destination);
    note.start(from);
    note.stop(from + NOTE_SECONDS);
  });
}
