// How long to wait before trying again: soon at first, then less and less often, and not for ever.

const FIRST_MS = 250;
const LONGEST_MS = 4000;
const SPREAD = 0.25; // so that not all clients of a server that restarts come back in the same moment
const GIVE_UP_MS = 120_000;

export class Backoff {
  #nextMs = FIRST_MS;
  #since = null;

  /** How long to wait now, or null when it is time to give up. `now` in ms, `chance` from 0 to 1. */
  nextMs(now = performance.now(), chance = Math.random()) {
    this.#since ??= now;
    if (now - this.#since > GIVE_UP_MS) return null;
    const wait = this.#nextMs * (1 + SPREAD * (2 * chance - 1));
    this.#nextMs = Math.min(LONGEST_MS, 2 * this.#nextMs);
    return wait;
  }
}
