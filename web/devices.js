// Which microphone and which loudspeaker: the lists on the page, what is remembered of the choice, and what happens when
// devices come and go in mid-call.

import { AudioPath } from "./audio.js";
import { write } from "./i18n.js";
import { recall, remember } from "./memory.js";

const ALIASES = ["default", "communications"]; // Chromium lists these devices twice

/** `fields`: the page's elements {microphone, speaker, speakerField, status}. `onProblem(problem, options)` shows a fault. */
export class Devices {
  #fields;
  #onProblem;
  #audio = null; // the path that is open, if any
  #wanted = { microphone: recall("microphone") ?? "", speaker: recall("speaker") ?? "" }; // "" is the system's own
  #standIn = false; // another microphone than the wanted one is in use, since that one is gone
  #names = new Map();

  constructor(fields, onProblem) {
    this.#fields = fields;
    this.#onProblem = onProblem;
    fields.microphone.addEventListener("change", () => this.#choose("microphone"));
    fields.speaker.addEventListener("change", () => this.#choose("speaker"));
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#changed());
  }

  /** The loudspeaker to play by, as `setSinkId` wants it. */
  get speaker() {
    return this.#fields.speaker.value;
  }

  /** What the loudspeaker is called, or "". */
  get speakerName() {
    return this.#names.get(this.speaker) ?? "";
  }

  /** Opens the chosen microphone, or the system's own where that is not there. Throws a Problem. */
  async open(treatment) {
    return AudioPath.open({ deviceId: this.#wanted.microphone, treatment }).catch((problem) => {
      if (problem.code !== "microphone-gone") throw problem;
      return AudioPath.open({ deviceId: "", treatment });
    });
  }

  /** From now on it is this path whose devices are chosen; null: none. */
  async use(audio) {
    this.#audio = audio;
    this.#standIn = false;
    this.#say("");
    if (audio === null) return;
    audio.onLost = () => this.#lost(audio);
    this.#standIn = this.#wanted.microphone !== "" && audio.deviceId !== this.#wanted.microphone;
    if (this.#standIn) this.#say("devices.absent", { name: audio.microphoneName });
    await this.refresh();
    await this.#useSpeaker();
  }

  /** Lists what there is now. Names are there once the microphone was allowed. */
  async refresh() {
    const all = await navigator.mediaDevices.enumerateDevices();
    const named = all.filter(({ label, deviceId }) => label && !ALIASES.includes(deviceId));
    this.#names = new Map(named.map(({ deviceId, label }) => [deviceId, label]));
    const speakers = named.filter(({ kind }) => kind === "audiooutput");
    list(this.#fields.microphone, "microphone.default", named.filter(({ kind }) => kind === "audioinput"), this.#wanted.microphone);
    list(this.#fields.speaker, "speaker.default", speakers, this.#wanted.speaker);
    this.#fields.speakerField.hidden = speakers.length === 0 || !AudioPath.choosesSpeakers;
  }

  async #choose(which) {
    const select = this.#fields[which];
    this.#wanted[which] = select.value;
    remember(which, select.value || null);
    if (which === "speaker") await this.#useSpeaker();
    else await this.#useMicrophone(select.value).catch((problem) => this.#onProblem(problem));
  }

  async #useMicrophone(deviceId) {
    const audio = this.#audio;
    if (audio === null) return;
    await audio.useMicrophone(deviceId);
    if (audio !== this.#audio) return;
    this.#standIn = false;
    this.#say("devices.now", { name: audio.microphoneName });
  }

  async #useSpeaker() {
    await this.#audio?.useSpeaker(this.speaker).catch(() => {
      this.#fields.speaker.value = ""; // it went away in this moment: the system's own plays on
      return this.#audio?.useSpeaker("");
    });
  }

  /** Something was plugged in or out. A microphone that was missed is taken up again. */
  async #changed() {
    const speaker = this.speaker;
    await this.refresh();
    if (this.speaker !== speaker) {
      await this.#useSpeaker();
      if (this.#audio !== null && this.speaker === "") this.#say("devices.speaker-gone");
    }
    if (this.#standIn && this.#fields.microphone.value !== "") {
      await this.#useMicrophone(this.#wanted.microphone).catch(() => {}); // then the stand-in stays
    }
  }

  /** The microphone in use was unplugged or taken away: the system's own takes over. */
  async #lost(audio) {
    if (audio !== this.#audio) return;
    const gone = audio.microphoneName;
    try {
      await audio.useMicrophone("");
    } catch (problem) {
      if (audio === this.#audio) this.#onProblem(problem, { lost: true });
      await this.refresh();
      return;
    }
    if (audio !== this.#audio) return;
    this.#standIn = this.#wanted.microphone !== "";
    await this.refresh();
    this.#say("devices.fell-back", { gone, name: audio.microphoneName });
  }

  #say(key, names) {
    write(this.#fields.status, key, names);
  }
}

function list(select, standard, devices, wanted) {
  const first = new Option("", "");
  write(first, standard);
  select.replaceChildren(first, ...devices.map(({ deviceId, label }) => new Option(label, deviceId)));
  select.value = devices.some(({ deviceId }) => deviceId === wanted) ? wanted : "";
}
