// thinline's page: what the user does becomes a session, what the session says becomes the page.
//
// Address: #token=... (the right to join, docs/security.md), and the parameters room, name, autojoin=1 (join at once),
// raw=1 (no echo cancellation, noise suppression or gain control by the browser: for measuring), transport=rtp|channel|opus
// (the way of the sound, instead of the best there is).

import { processing } from "./audio.js";
import { CheckPanel } from "./check/panel.js";
import { offerDialog, offerLanguages, offerSwitch, offerThemes } from "./choices.js";
import { Devices } from "./devices.js";
import { Problem, missingSupport } from "./errors.js";
import { sinceFrame, suggestRoom } from "./format.js";
import { message, startLanguage } from "./i18n.js";
import { Pictures } from "./instruments/pictures.js";
import { Support } from "./instruments/support.js";
import { Keys } from "./keys.js";
import { Link, addressOf, linkTo } from "./link.js";
import { recall, remember } from "./memory.js";
import { newsFor } from "./news.js";
import { Session } from "./session.js";
import { Sounds } from "./sounds.js";
import { chooseTransports } from "./transports/choose.js";
import { readToken } from "./token.js";
import { Page } from "./ui.js";

const BITRATE_PAUSE_MS = 120; // a slider in motion asks the server once it rests this long
startLanguage();
const parameters = new URLSearchParams(location.search);
const token = readToken();
const page = new Page();
const { el } = page;
const devices = new Devices({
  microphone: el.microphone, speaker: el.speaker, speakerField: el["speaker-field"], status: el["devices-status"],
}, deviceProblem);
const check = new CheckPanel(el.check, {
  begin: endTrial,
  open: () => devices.open(processing(state)),
  use: (audio) => devices.use(audio),
  speaker: () => devices.speaker,
  join: () => ({ room: el.room.value.trim() || "check", bitrateKbps: Number(el.bitrate.value), token: token?.text ?? null }),
  transports: () => chooseTransports(parameters.get("transport")),
});
const pictures = new Pictures(el.pictures);
const support = new Support(el.support);
const link = new Link(page);
const sounds = new Sounds({ speaker: () => devices.speaker, allowed: parameters.get("raw") !== "1" });

const state = {
  raw: parameters.get("raw") === "1",
  attempt: 0, // counts joins and leaves, so that a slow join notices that it is no longer wanted
  session: null,
  audio: null,
  trial: null, // the audio of "Try it"
  peer: null,
  muted: false,
  denoise: false,
  bitrateTimer: null,
};

function start() {
  el.name.value = parameters.get("name") ?? recall("name") ?? "";
  el.room.value = parameters.get("room") || suggestRoom();
  if (token) fillIn(token);
  page.bitrate(Number(el.bitrate.value));
  page.lobby();
  offerLanguages();
  offerThemes();
  offerSwitch("sounds", sounds);
  offerKeys();
  showLink();
  listen();
  const lacking = missingSupport();
  if (lacking) {
    page.problem(lacking);
    el.join.disabled = el["try-microphone"].disabled = true;
    el.check.hidden = true;
    return;
  }
  devices.refresh();
  if (parameters.get("autojoin") === "1") join();
}

/** What the token says is not up to the user. */
function fillIn({ room, name }) {
  for (const [field, value] of [[el.room, room], [el.name, name]]) {
    if (!value) continue;
    field.value = value;
    field.readOnly = true;
  }
}

function listen() {
  el["join-form"].addEventListener("submit", (event) => {
    event.preventDefault();
    join();
  });
  el.room.addEventListener("input", () => showLink());
  el.leave.addEventListener("click", leave);
  el.mute.addEventListener("click", () => mute(!state.muted));
  el.denoise.addEventListener("click", () => denoise(!state.denoise));
  el.bitrate.addEventListener("input", slideBitrate);
  el["try-microphone"].addEventListener("click", () => (state.trial ? endTrial() : tryMicrophone()));
  el.sounds.addEventListener("change", () => sounds.play("arrive")); // what it would be like
  window.addEventListener("pagehide", () => state.session && end(""));
}

function offerKeys() {
  const keys = new Keys({
    actions: {
      m: () => mute(!state.muted),
      n: () => el.denoise.click(),
      "+": () => stepBitrate(1),
      "-": () => stepBitrate(-1),
      d: () => el.microphone.focus(),
      c: () => link.copy(),
      "shift+l": leave,
    },
    talk,
    ready: () => state.session !== null && document.body.dataset.phase === "call",
    help: offerDialog("keys"),
    dismiss: () => el.problem.hidden || el["problem-close"].click(),
  });
  offerSwitch("keys-on", keys);
}

async function join() {
  const [name, room] = [el.name.value.trim(), el.room.value.trim()];
  if (state.session || document.body.dataset.phase !== "lobby") return;
  if (!name || !room) {
    el["join-form"].reportValidity();
    return;
  }
  const attempt = (state.attempt += 1);
  endTrial();
  check.stop();
  page.clearProblem();
  page.phase = "joining";
  remember("name", name);
  try {
    const audio = await devices.open(processing(state));
    if (attempt !== state.attempt) {
      audio.close();
      return;
    }
    state.audio = audio;
    devices.use(audio);
  } catch (problem) {
    if (attempt === state.attempt) over(problem);
    return;
  }
  state.audio.muted = state.muted;
  state.audio.onSuspended = askForSound;
  const transports = chooseTransports(parameters.get("transport"));
  state.session = new Session(state.audio, transports, (type, detail) => on[type](detail));
  state.session.join({
    room, name, bitrateKbps: Number(el.bitrate.value), denoise: state.denoise, token: token?.text ?? null,
  });
}

function leave() {
  sounds.play("depart");
  end("lobby.left");
  el.join.focus();
}

/** The session ended by a fault. */
function over(problem) {
  end("");
  const full = problem.code === "room-full";
  const retry = full ? { onRetry: chooseRoom, action: "problem.other-room" } : { onRetry: join };
  page.problem(problem, { ...retry, focus: true });
}

function chooseRoom() {
  el.room.focus();
  el.room.select();
}

function end(status) {
  state.attempt += 1;
  clearTimeout(state.bitrateTimer);
  state.session?.leave();
  devices.use(null);
  state.session = state.audio = state.peer = pictures.audio = support.source = null;
  page.reconnecting(false);
  page.phase = "lobby";
  page.lobby(status);
  page.say("bitrate", "");
  page.say("denoise", "");
  page.clearProblem();
}

/** What the session says, by type. */
const on = {
  ...newsFor(page, state, sounds),

  joined({ room, codec }) {
    page.phase = "call";
    pictures.audio = state.audio;
    support.source = supportSource();
    page.clearNumbers();
    page.bitrates(room.bitrates_kbps);
    page.bitrate(room.bitrate_kbps);
    page.room(room.name);
    history.replaceState(null, "", addressOf(room.name, parameters));
    showLink(room.name);
    sounds.play("arrive");
    showMe();
    page.alone(message("call.invite", { room: room.name }));
    page.say("bitrate", "bitrate.call", { kbps: room.bitrate_kbps, preset: codec.preset });
    if (!state.audio.running) setTimeout(() => state.audio && !state.audio.running && askForSound(), 700);
  },

  denoise({ on: active, frame, mine }) {
    if (mine) {
      page.say("denoise", active ? "denoise.on" : "denoise.off", { since: sinceFrame(frame) });
      if (active !== state.denoise) treat(active); // whoever runs the server switched it
      return;
    }
    if (state.peer) state.peer = { ...state.peer, denoise: active };
    page.peer(state.peer);
  },

  numbers(numbers) {
    page.numbers(numbers);
    support.refresh();
  },

  problem: over,
};

/** What the support panel asks for this call. */
function supportSource() {
  const { session, audio } = state;
  const joinedAt = performance.now();
  return async () => ({
    facts: await session.facts(),
    audio: audio.describe(),
    state: {
      seconds: (performance.now() - joinedAt) / 1000,
      bitrateKbps: Number(el.bitrate.value),
      otherThere: state.peer !== null,
      muted: state.muted,
      denoise: state.denoise,
      otherDenoise: state.peer?.denoise ?? null,
      loudspeaker: devices.speakerName,
    },
  });
}

function showMe() {
  if (state.session) page.me(el.name.value.trim(), state);
}

function mute(muted) {
  state.muted = muted;
  if (state.audio) state.audio.muted = muted;
  showMe();
  page.say("heard", muted ? "mute.on" : "mute.off");
}

/** Lets the muted be heard for as long as the space bar is held. Returns whether it is for that. */
function talk(on) {
  if (on && !state.muted) return false;
  mute(!on);
  return on;
}

async function denoise(active) {
  state.session.setDenoise(active);
  await treat(active);
}

/** The button, and what the browser itself does about noise, follow the codec. */
async function treat(active) {
  state.denoise = active;
  showMe();
  await state.audio.treat(processing(state)).catch((problem) => page.problem(problem));
}

function slideBitrate() {
  page.bitrate(Number(el.bitrate.value));
  if (!state.session) return;
  clearTimeout(state.bitrateTimer);
  state.bitrateTimer = setTimeout(() => {
    state.bitrateTimer = null;
    state.session?.setBitrate(Number(el.bitrate.value));
  }, BITRATE_PAUSE_MS);
}

function stepBitrate(steps) {
  if (el.bitrate.disabled) return;
  if (steps > 0) el.bitrate.stepUp();
  else el.bitrate.stepDown();
  slideBitrate();
}

async function tryMicrophone() {
  check.stop();
  page.clearProblem();
  const attempt = (state.attempt += 1);
  try {
    const audio = await devices.open(processing(state));
    if (attempt !== state.attempt) {
      audio.close();
      return;
    }
    state.trial = audio;
    devices.use(audio);
    audio.onLevel = (level) => page.levels({ me: level });
    page.trying(true);
  } catch (problem) {
    page.problem(problem, { onRetry: tryMicrophone });
  }
}

function endTrial() {
  if (!state.trial) return;
  state.trial.close();
  devices.use(null);
  state.trial = null;
  page.trying(false);
}

/** `lost`: the microphone is gone, and there is no other one. */
function deviceProblem(problem, { lost = false } = {}) {
  if (lost) endTrial();
  const useDefault = () => state.audio?.useMicrophone("").catch((again) => page.problem(again));
  if (lost && state.audio) page.problem(new Problem("microphone-lost"), { onRetry: useDefault, action: "problem.default-microphone" });
  else page.problem(problem);
}

function askForSound() {
  const letThrough = { onRetry: () => state.audio?.resume(), action: "problem.let-sound" };
  page.problem(new Problem("suspended"), letThrough);
}

function showLink(room = el.room.value.trim()) {
  page.link(linkTo(room, token));
}

start();
