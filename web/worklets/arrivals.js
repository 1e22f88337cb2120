// How late frames come, compared with the luckiest one: what the playout delay must cover. The same measure as the
// server's (server/media/arrivals.py): docs/resilience.md.

/** The transits of the newest `window` frames: when each came, less when it was spoken, in samples. The two clocks have
 * nothing to do with each other, so that only differences between transits mean something. */
export class Arrivals {
  #window;
  #quantile;
  #limit;
  #inTurn = [];
  #bySize = [];

  constructor({ window, quantile, limit }) {
    this.#window = window;
    this.#quantile = quantile;
    this.#limit = limit;
  }

  get count() {
    return this.#inTurn.length;
  }

  add(transit) {
    if (this.count === this.#window) this.#bySize.splice(this.#place(this.#inTurn.shift()), 1);
    this.#inTurn.push(transit);
    this.#bySize.splice(this.#place(transit), 0, transit);
  }

  clear() {
    this.#inTurn = [];
    this.#bySize = [];
  }

  get earliest() {
    return this.#bySize[0];
  }

  /** How much later than the luckiest all frames come but for a few. Those beyond the limit don't count: no delay that is
   * allowed would save them. */
  get spread() {
    if (this.count === 0) return 0;
    const within = this.#place(this.earliest + this.#limit + 1);
    return this.#bySize[Math.floor(this.#quantile * (within - 1))] - this.earliest;
  }

  /** The first place whose transit is not less. */
  #place(transit) {
    let low = 0;
    let high = this.#bySize.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#bySize[middle] < transit) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
