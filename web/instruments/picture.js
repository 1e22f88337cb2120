// One voice as a picture that scrolls: its wave above, its spectrum below. Columns are a fixed time; the canvas has a
// pixel for each, and the style sheet stretches it, so that a picture costs the same on every screen.

import { bands, fillColumn, reach, rowOf } from "./spectrum.js";

export const COLUMNS = 400;
const WAVE_ROWS = 41; // odd: one is the middle
const GAP_ROWS = 2;
const SPECTRUM_ROWS = 96;
const ROWS = WAVE_ROWS + GAP_ROWS + SPECTRUM_ROWS;
const SHADES = 254; // of the spectrum; then come the paper and the wave
const PAPER = 254;
const WAVE = 255;
const WAVE_POWER = 0.6; // quiet speech shall be seen too
const VOICE_SHARE = 0.6; // of the shades run from paper to the voice's colour, the others on to ink

/** `voice` names the custom property of the style sheet that has this voice's colour. */
export class Picture {
  #context;
  #voice;
  #shades = new Uint8Array(COLUMNS * ROWS).fill(PAPER); // row by row, the newest column on the right
  #image;
  #pixels;
  #palette = new Uint32Array(256);
  #bands = null;
  #column = new Uint8Array(SPECTRUM_ROWS);
  #bins = null;
  #samples = null;

  constructor(canvas, voice) {
    [canvas.width, canvas.height] = [COLUMNS, ROWS];
    this.#context = canvas.getContext("2d", { alpha: false });
    this.#voice = voice;
    this.#image = this.#context.createImageData(COLUMNS, ROWS);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
    this.readColours();
  }

  /** How far down the picture, as a share of its height, this frequency lies. */
  static placeOf(hertz, highestHz) {
    return (WAVE_ROWS + GAP_ROWS + rowOf(hertz, SPECTRUM_ROWS, highestHz)) / ROWS;
  }

  /** Moves on by `count` columns that all show what `analyser` has heard last. */
  add(analyser, count, samplesPerColumn) {
    this.#measure(analyser);
    const { low, high } = reach(this.#samples, count * samplesPerColumn);
    this.#scroll(count, (row) => {
      if (row < WAVE_ROWS) return this.#inWave(row, low, high) ? WAVE : PAPER;
      return row < WAVE_ROWS + GAP_ROWS ? PAPER : (this.#column[row - WAVE_ROWS - GAP_ROWS] * (SHADES - 1)) / 255;
    });
  }

  /** Moves on by `count` columns of which nothing is known. */
  skip(count) {
    this.#scroll(Math.min(count, COLUMNS), () => PAPER);
  }

  paint() {
    for (let i = 0; i < this.#pixels.length; i += 1) this.#pixels[i] = this.#palette[this.#shades[i]];
    this.#context.putImageData(this.#image, 0, 0);
  }

  /** The theme is another one. */
  readColours() {
    const style = getComputedStyle(document.documentElement);
    const [paper, voice, ink] = ["--paper", this.#voice, "--ink"].map((name) => rgb(style.getPropertyValue(name)));
    for (let shade = 0; shade < SHADES; shade += 1) {
      const share = shade / (SHADES - 1);
      const colour = share < VOICE_SHARE ? mix(paper, voice, share / VOICE_SHARE)
        : mix(voice, ink, (share - VOICE_SHARE) / (1 - VOICE_SHARE));
      this.#palette[shade] = packed(colour);
    }
    this.#palette[PAPER] = packed(paper);
    this.#palette[WAVE] = packed(voice);
  }

  #measure(analyser) {
    if (this.#bins?.length !== analyser.frequencyBinCount) {
      this.#bins = new Uint8Array(analyser.frequencyBinCount);
      this.#samples = new Float32Array(analyser.fftSize);
      const { sampleRate } = analyser.context;
      this.#bands = bands(SPECTRUM_ROWS, sampleRate / analyser.fftSize, sampleRate / 2);
    }
    analyser.getByteFrequencyData(this.#bins);
    analyser.getFloatTimeDomainData(this.#samples);
    fillColumn(this.#column, this.#bins, this.#bands);
  }

  #inWave(row, low, high) {
    const middle = (WAVE_ROWS - 1) / 2;
    const place = (value) => middle - Math.sign(value) * Math.min(1, Math.abs(value)) ** WAVE_POWER * middle;
    return row >= Math.round(place(high)) && row <= Math.round(place(low));
  }

  #scroll(count, shadeOf) {
    this.#shades.copyWithin(0, count); // what wraps into the row above is overwritten now
    for (let row = 0; row < ROWS; row += 1) {
      const end = (row + 1) * COLUMNS;
      this.#shades.fill(shadeOf(row), end - count, end);
    }
  }
}

/** [red, green, blue] of any colour that a style sheet knows. */
function rgb(text) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = text;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
}

function mix(from, to, share) {
  return from.map((value, i) => Math.round(value + (to[i] - value) * share));
}

/** As ImageData has it on every machine with a browser: little-endian RGBA. */
function packed([red, green, blue]) {
  return (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
}
