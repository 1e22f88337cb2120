// The playout buffer: frames in, in any order; sound out, in order and on time.
//
// A plain object without clock or port, so that a test can drive it; time is counted in samples of the loudspeaker. Its
// delay is steered by the *reserve*: how long the luckiest frame may have waited when it is due, or in other words how
// much later it could have come. An underrun or a late frame raises the reserve, a long quiet time lowers it again; the
// delay follows by playing slightly faster or slower, where nobody hears it. A frame that is missing is replaced by the
// fading mirror image of what was last heard.

import { crossfade, shrink, stretch } from "./splice.js";

const RESERVE_MIN_FRAMES = 1;
const RESERVE_MAX_FRAMES = 14;
const START_FRAMES = 2; // wait for so many above the reserve before the first is played
const OVERFULL_FRAMES = 12; // above the reserve: from here sound is skipped instead of played faster
const TOLERANCE_FRAMES = 0.5; // the delay is changed only if it is off by more
const WINDOW_FRAMES = 75; // how long the frames are watched before the delay is changed
const CALM_FRAMES = 750; // how long nothing must go wrong before the reserve shrinks
const RESTART_FRAMES = 375; // a jump of the sequence beyond this is a new stream
const ALIKE = 0.6; // correlation from which a splice is inaudible in speech
const ALIKE_STEP = 0.004; // what a frame that had no such place takes off: noise has none, and hides splices
const JOIN_SAMPLES = 64;
const PAUSE_SAMPLES = 64; // the grain in which silence is played, and so in which it can end

export class Playout {
  #frames = new Map(); // unwrapped sequence -> { samples, arrived }
  #next = null; // sequence of the frame that is due next
  #newest = null;
  #waiting = true;
  #chunk = new Float32Array(0); // what is being played, from #at
  #at = 0;
  #heard; // the last two frames' worth of what was played
  #mirror; // the same at the moment when concealment began
  #concealed; // samples of concealment played since then
  #leastWait = Infinity; // of the frames played in this window
  #window = 0;
  #calm = 0;
  #debt = 0; // samples to take out (above 0) or to put in (below)
  #alike = ALIKE;
  #delays = { sum: 0, count: 0 };

  constructor({ frameSamples }) {
    this.frameSamples = frameSamples;
    this.reserve = RESERVE_MIN_FRAMES;
    this.counts = { played: 0, missing: 0, late: 0, underruns: 0, skipped: 0 };
    this.#heard = new Float32Array(2 * frameSamples);
    this.#mirror = this.#heard.slice();
    this.#concealed = this.#mirror.length;
  }

  /** Takes one frame (Float32Array) that came at `now`, in samples of the loudspeaker's clock. */
  push(sequence, samples, now) {
    const index = this.#unwrap(sequence);
    if (this.#next !== null && index < this.#next) {
      this.counts.late += 1;
      this.#raiseReserve();
      return;
    }
    if (this.#frames.has(index)) return;
    this.#frames.set(index, { samples, arrived: now });
    this.#newest = this.#newest === null ? index : Math.max(this.#newest, index);
    this.#next ??= index;
  }

  /** Fills `out` (Float32Array) with the sound that is due at `now`. */
  pull(out, now) {
    let filled = 0;
    while (filled < out.length) {
      if (this.#at === this.#chunk.length) {
        this.#chunk = this.#nextChunk(now + filled);
        this.#remember(this.#chunk);
        this.#at = 0;
      }
      const count = Math.min(out.length - filled, this.#chunk.length - this.#at);
      out.set(this.#chunk.subarray(this.#at, this.#at + count), filled);
      this.#at += count;
      filled += count;
    }
  }

  /** Mean wait of the frames played since the last call, in samples; null if none was played. */
  takeDelay() {
    const { sum, count } = this.#delays;
    this.#delays = { sum: 0, count: 0 };
    return count ? sum / count : null;
  }

  get waitingFrames() {
    return this.#newest === null ? 0 : Math.max(0, this.#newest - this.#next + 1);
  }

  #unwrap(sequence) {
    if (this.#newest === null) return sequence;
    const step = (sequence - this.#newest) | 0; // the shorter way round the 32-bit circle
    if (Math.abs(step) <= RESTART_FRAMES) return this.#newest + step;
    this.#frames.clear();
    this.#next = null;
    this.#newest = null;
    this.#waiting = true;
    return sequence;
  }

  #nextChunk(now) {
    if (this.#waiting) {
      if (this.waitingFrames < this.reserve + START_FRAMES) return this.#conceal(PAUSE_SAMPLES);
      this.#waiting = false;
      this.#settle();
      this.#passHoles();
    }
    if (this.waitingFrames > this.reserve + OVERFULL_FRAMES) this.#skip();
    if (this.#frames.has(this.#next)) return this.#join(this.#adapt(this.#take(now), now));
    if (this.waitingFrames > 0) {
      this.#next += 1;
      this.counts.missing += 1;
      return this.#conceal(this.frameSamples);
    }
    this.counts.underruns += 1;
    this.#raiseReserve();
    this.#waiting = true;
    return this.#conceal(PAUSE_SAMPLES);
  }

  /** After an underrun: what was lost meanwhile has had its time. */
  #passHoles() {
    for (; !this.#frames.has(this.#next); this.#next += 1) this.counts.missing += 1;
  }

  #take(now) {
    const { samples, arrived } = this.#frames.get(this.#next);
    this.#frames.delete(this.#next);
    this.#next += 1;
    this.counts.played += 1;
    this.#delays.sum += now - arrived;
    this.#delays.count += 1;
    this.#watch(now - arrived);
    return samples;
  }

  /** Pays a part of the debt with this frame, if nobody will hear it. */
  #adapt(samples, now) {
    if (this.#debt === 0) return samples;
    this.#alike -= ALIKE_STEP;
    if (this.#debt > 0 && this.#frames.has(this.#next)) {
      const both = new Float32Array(2 * this.frameSamples);
      both.set(samples);
      both.set(this.#frames.get(this.#next).samples, this.frameSamples);
      const shorter = shrink(both, this.#alike);
      if (shorter === null) return samples;
      this.#take(now);
      return this.#paid(shorter, both.length - shorter.length);
    }
    const longer = this.#debt < 0 ? stretch(samples, this.#alike) : null;
    return longer === null ? samples : this.#paid(longer, samples.length - longer.length);
  }

  #paid(chunk, samples) {
    this.#alike = ALIKE;
    const before = Math.sign(this.#debt);
    this.#debt -= samples;
    if (Math.sign(this.#debt) !== before) this.#settle();
    return chunk;
  }

  /** Fades from concealment, if any was played, into real sound. */
  #join(chunk) {
    if (this.#concealed > 0) {
      const joined = Float32Array.from(chunk);
      crossfade(joined, 0, this.#conceal(JOIN_SAMPLES), 0, chunk, 0, JOIN_SAMPLES);
      chunk = joined;
    }
    this.#concealed = 0;
    return chunk;
  }

  #remember(chunk) {
    const kept = Math.min(chunk.length, this.#heard.length);
    this.#heard.copyWithin(0, kept);
    this.#heard.set(chunk.subarray(chunk.length - kept), this.#heard.length - kept);
  }

  #conceal(samples) {
    if (this.#concealed === 0) this.#mirror.set(this.#heard);
    const out = new Float32Array(samples);
    const last = this.#mirror.length - 1;
    for (let i = 0; i < samples && this.#concealed < last; i += 1) {
      this.#concealed += 1;
      out[i] = this.#mirror[last - this.#concealed] * (1 - this.#concealed / last);
    }
    return out;
  }

  #skip() {
    const next = this.#newest - this.reserve;
    this.counts.skipped += next - this.#next;
    for (const index of this.#frames.keys()) if (index < next) this.#frames.delete(index);
    this.#next = next;
    this.#conceal(1); // marks the cut, so that it is crossfaded
    this.#settle();
  }

  #watch(wait) {
    this.#leastWait = Math.min(this.#leastWait, wait);
    this.#window += 1;
    this.#calm += 1;
    if (this.#calm >= CALM_FRAMES && this.reserve > RESERVE_MIN_FRAMES) {
      this.reserve -= 1;
      this.#calm = 0;
    }
    if (this.#window < WINDOW_FRAMES || this.#debt !== 0) return;
    const excess = this.#leastWait - this.reserve * this.frameSamples;
    this.#settle();
    if (Math.abs(excess) > TOLERANCE_FRAMES * this.frameSamples) this.#debt = excess;
  }

  #settle() {
    this.#debt = 0;
    this.#alike = ALIKE;
    this.#leastWait = Infinity;
    this.#window = 0;
  }

  #raiseReserve() {
    if (this.#calm < WINDOW_FRAMES && this.reserve > RESERVE_MIN_FRAMES) return; // one mishap, one step
    this.reserve = Math.min(RESERVE_MAX_FRAMES, this.reserve + 1);
    this.#calm = 0;
  }
}
