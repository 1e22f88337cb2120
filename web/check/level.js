// What a microphone's sound is worth, in a plain word. Pure.

const SILENT_DB = -55; // the loudest frames of a voice that is there are far above
const QUIET_DB = -40;
const LOUD_SHARE = 0.95; // of the frames are quieter than the ones by which a voice is judged
const FULL_SCALE = 0.999;
const CLIPPED_SHARE = 0.01; // of the frames: from here it is no accident

/** Takes frames of samples (Int16Array) and says what they are: nothing, silent, quiet, clipping or fine. */
export class LevelJudge {
  #levels = [];
  #clipped = 0;
  #anything = false;

  /** Returns the level of this frame, root mean square of full scale. */
  add(samples) {
    let [energy, peak] = [0, 0];
    for (const sample of samples) {
      energy += sample * sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    const level = Math.sqrt(energy / samples.length) / 32768;
    this.#levels.push(level);
    this.#clipped += peak / 32767 >= FULL_SCALE ? 1 : 0;
    this.#anything ||= peak > 0;
    return level;
  }

  get verdict() {
    if (!this.#anything) return "nothing";
    if (this.#clipped > CLIPPED_SHARE * this.#levels.length) return "clipping";
    const sorted = [...this.#levels].sort((a, b) => a - b);
    const decibels = 20 * Math.log10(sorted[Math.floor(LOUD_SHARE * (sorted.length - 1))] + 1e-9);
    if (decibels < SILENT_DB) return "silent";
    return decibels < QUIET_DB ? "quiet" : "fine";
  }
}
