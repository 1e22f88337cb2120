// The playout buffer: frames in, in any order; sound out, in order and on time.
//
// A plain object without clock or port, so that a test can drive it; time is counted in samples of the loudspeaker. Its
// *target* is by how much frames come later than the luckiest one, but for a few; its *lead* is by how much the frame that
// is due next is played later than the target asks. The lead is brought back to zero by playing slightly faster or
// slower where nobody hears it, and for nothing where a frame is missing anyway. See docs/resilience.md.

import { Arrivals } from "./arrivals.js";
import { Concealment } from "./conceal.js";
import { crossfade, shrink, stretch } from "./splice.js";

const WINDOW_FRAMES = 150; // arrivals by which jitter is judged: a burst is forgotten after two seconds
const QUANTILE = 0.99; // of the frames that shall come in time
const FIRST_FRAMES = 75; // until so many came, the target is not below FIRST_TARGET_FRAMES
const FIRST_TARGET_FRAMES = 1.5;
const CAP_FRAMES = 15; // never more than this waits: from here sound is skipped instead of played faster
const LIMIT_FRAMES = CAP_FRAMES - 2; // a delay beyond this is not waited for
const TOO_EARLY_FRAMES = 0.25; // a lead below this grows: sound comes in grains, and some change all at once
const TOO_LATE_FRAMES = 1; // a lead beyond this shrinks: more than a splice takes away
const RESTART_FRAMES = 375; // a jump of the sequence beyond this is a new stream
const ALIKE = 0.6; // correlation from which a splice is inaudible in speech
const ALIKE_STEP = 0.004; // what a frame that had no such place takes off: noise has none, and hides splices
const JOIN_SAMPLES = 64;
const PAUSE_SAMPLES = 64; // the grain in which concealment is played, and so in which it can end

export class Playout {
  #arrivals;
  #frames = new Map(); // unwrapped sequence -> { samples, arrived }
  #next = null; // sequence of the frame that is due next
  #newest = null;
  #waiting = true; // for the first frame, or dry
  #drySince = null; // null while the delay is still, or again, to be built up
  #chunk = new Float32Array(0); // what is being played, from #at
  #at = 0;
  #concealment = new Concealment();
  #alike = ALIKE;
  #delays = { sum: 0, count: 0 };

  constructor({ frameSamples }) {
    this.frameSamples = frameSamples;
    this.counts = { played: 0, missing: 0, late: 0, underruns: 0, skipped: 0 };
    this.#arrivals = new Arrivals({ window: WINDOW_FRAMES, quantile: QUANTILE, limit: LIMIT_FRAMES * frameSamples });
  }

  /** Takes one frame (Float32Array) that came at `now`, in samples of the loudspeaker's clock. */
  push(sequence, samples, now) {
    const index = this.#unwrap(sequence);
    this.#arrivals.add(now - index * this.frameSamples);
    this.#newest = this.#newest === null ? index : Math.max(this.#newest, index);
    this.#next ??= index;
    if (this.#waiting && this.#drySince === null) this.#next = Math.min(this.#next, index);
    if (index < this.#next) this.counts.late += 1;
    else if (!this.#frames.has(index)) this.#frames.set(index, { samples, arrived: now });
  }

  /** Fills `out` (Float32Array) with the sound that is due at `now`. */
  pull(out, now) {
    let filled = 0;
    while (filled < out.length) {
      if (this.#at === this.#chunk.length) {
        this.#chunk = this.#nextChunk(now + filled);
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

  /** By how many samples a frame may come later than the luckiest and still be played in time. */
  get target() {
    const first = this.#arrivals.count < FIRST_FRAMES ? FIRST_TARGET_FRAMES * this.frameSamples : 0;
    return Math.max(this.#arrivals.spread, first);
  }

  get #waitingFrames() {
    return this.#frames.size ? this.#newest - this.#next + 1 : 0;
  }

  #unwrap(sequence) {
    if (this.#newest === null) return sequence;
    const step = (sequence - this.#newest) | 0; // the shorter way round the 32-bit circle
    if (Math.abs(step) <= RESTART_FRAMES) return this.#newest + step;
    this.#frames.clear();
    this.#next = null;
    this.#newest = null;
    this.#beginAnew();
    return sequence;
  }

  #beginAnew() {
    this.#waiting = true;
    this.#drySince = null;
    this.#arrivals.clear();
  }

  #nextChunk(now) {
    if (this.#waiting && !this.#ready(now)) return this.#concealment.next(PAUSE_SAMPLES);
    if (this.#waitingFrames > CAP_FRAMES) this.#skip();
    if (this.#frames.has(this.#next)) return this.#join(this.#adapt(this.#take(now), now));
    if (this.#frames.size) return this.#passMissing(now);
    this.#waiting = true;
    this.#drySince = now;
    return this.#concealment.next(PAUSE_SAMPLES);
  }

  /** Whether the wait is over. Dry, it ends when the first frame that is there would have been due; a frame that is late
   * is played at once, and the delay has grown. What was lost meanwhile has had its time. */
  #ready(now) {
    const dryFor = this.#drySince === null ? 0 : now - this.#drySince;
    if (dryFor > CAP_FRAMES * this.frameSamples && !this.#frames.size) this.#beginAnew();
    if (!this.#frames.size) return false;
    const first = Math.min(...this.#frames.keys());
    const early = this.#drySince === null
      ? TOO_EARLY_FRAMES * this.frameSamples - this.#lead(first, now)
      : (first - this.#next) * this.frameSamples - dryFor;
    if (early > 0) return false;
    if (this.#drySince !== null && first === this.#next) this.counts.underruns += 1;
    this.counts.missing += first - this.#next;
    this.#next = first;
    this.#waiting = false;
    return true;
  }

  #lead(index, now) {
    return now - index * this.frameSamples - this.#arrivals.earliest - this.target;
  }

  /** Conceals a frame, for longer or shorter where the delay is to change: nothing is ever as cheap as this. */
  #passMissing(now) {
    const lead = this.#lead(this.#next, now);
    this.#next += 1;
    this.counts.missing += 1;
    const most = 2 * this.frameSamples;
    return this.#concealment.next(Math.max(PAUSE_SAMPLES, Math.min(most, Math.round(this.frameSamples - lead))));
  }

  #take(now) {
    const { samples, arrived } = this.#frames.get(this.#next);
    this.#frames.delete(this.#next);
    this.#next += 1;
    this.counts.played += 1;
    this.#delays.sum += now - arrived;
    this.#delays.count += 1;
    return samples;
  }

  /** Makes this frame shorter or longer where the delay is to change, if nobody will hear it. */
  #adapt(samples, now) {
    const off = this.#lead(this.#next - 1, now) / this.frameSamples;
    if (off >= TOO_EARLY_FRAMES && off <= TOO_LATE_FRAMES) {
      this.#alike = ALIKE;
      return samples;
    }
    this.#alike -= ALIKE_STEP * Math.max(1, off * off); // much too late is urgent
    const changed = off < TOO_EARLY_FRAMES ? stretch(samples, this.#alike) : this.#shrunk(samples, now);
    if (changed === null) return samples;
    this.#alike = ALIKE;
    return changed;
  }

  /** This frame and the next as one that is shorter than both, or null. */
  #shrunk(samples, now) {
    if (!this.#frames.has(this.#next)) return null;
    const both = new Float32Array(2 * this.frameSamples);
    both.set(samples);
    both.set(this.#frames.get(this.#next).samples, this.frameSamples);
    const shorter = shrink(both, this.#alike);
    if (shorter !== null) this.#take(now + this.frameSamples);
    return shorter;
  }

  /** Fades from concealment, if any was played, into real sound. */
  #join(chunk) {
    let joined = chunk;
    if (this.#concealment.running) {
      joined = Float32Array.from(chunk);
      crossfade(joined, 0, this.#concealment.tail(JOIN_SAMPLES), 0, chunk, 0, JOIN_SAMPLES);
    }
    this.#concealment.observe(joined);
    return joined;
  }

  #skip() {
    const next = this.#newest - Math.ceil(this.target / this.frameSamples);
    this.counts.skipped += next - this.#next;
    for (const index of this.#frames.keys()) if (index < next) this.#frames.delete(index);
    this.#next = next;
    this.#concealment.tail(0); // marks the cut, so that it is crossfaded
  }
}
