// A MUSHRA test in one page. test.js says which trials there are; a trial's sounds come in a script of their own,
// because a page that is opened from a disk may not fetch. All sounds of a trial run side by side and silent but one,
// so that switching is instant and goes on at the same place.
"use strict";

const test = window.mushraTest;
const BANDS = ["bad", "poor", "fair", "good", "excellent"];
const FADE_SECONDS = 0.01;
const STORE = `mushra-${test.id}`;
const HEADER = ["test", "listener", "trial", "condition", "score", "position", "trial_order", "seconds", "finished"];

const $ = (id) => document.getElementById(id);
const plain = (text) => new TextDecoder().decode(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
const letter = (index) => String.fromCharCode(65 + index);
const shuffled = (things) => {
  const mixed = [...things];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = crypto.getRandomValues(new Uint32Array(1))[0] % (last + 1);
    [mixed[last], mixed[other]] = [mixed[other], mixed[last]];
  }
  return mixed;
};

// ---- what is kept: survives a reload, belongs to this test alone

let state = null;

function newState(listener) {
  const order = shuffled(test.trials).map((trial) => ({
    number: trial.number,
    stimuli: shuffled(trial.stimuli).map((stimulus) => stimulus.id),
  }));
  // Practice has the first trial's sounds; its judgements are not kept.
  return { listener, order: [{ ...order[0], practice: true }, ...order], at: 0, ratings: [], current: {} };
}

function keep() {
  try {
    localStorage.setItem(STORE, JSON.stringify(state));
  } catch {
    // Without storage a reload begins anew; the test itself works.
  }
}

function recall() {
  try {
    return JSON.parse(localStorage.getItem(STORE));
  } catch {
    return null;
  }
}

// ---- sound

let context = null;
let voices = new Map(); // id -> gain
let playing = null;
let started = 0;
let duration = 1;
const arrived = new Map(); // trial number -> sounds in base64
window.mushraSounds = (number, sounds) => arrived.set(number, sounds);

function script(source) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = source;
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${source} could not be loaded.`));
    document.head.append(element);
  });
}

async function load(trial) {
  if (!arrived.has(trial.number)) await script(trial.file);
  context ??= new AudioContext();
  await context.suspend();
  const sounds = Object.entries(arrived.get(trial.number));
  const decoded = await Promise.all(
    sounds.map(([, text]) => context.decodeAudioData(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer)),
  );
  for (const { source, gain } of voices.values()) {
    source.stop();
    gain.disconnect();
  }
  voices = new Map();
  started = context.currentTime;
  duration = decoded[0].duration;
  sounds.forEach(([id], index) => {
    const source = new AudioBufferSourceNode(context, { buffer: decoded[index], loop: true });
    const gain = new GainNode(context, { gain: 0 });
    source.connect(gain).connect(context.destination);
    source.start(started);
    voices.set(id, { source, gain });
  });
  playing = null;
}

async function play(id) {
  playing = id;
  const now = context.currentTime;
  for (const [other, { gain }] of voices) gain.gain.setTargetAtTime(other === id ? 1 : 0, now, FADE_SECONDS / 3);
  show();
  if (context.state !== "running") await context.resume();
}

async function pause() {
  playing = null;
  show();
  if (context) await context.suspend();
}

// ---- the page

function only(name) {
  for (const id of ["welcome", "trial", "end"]) $(id).hidden = id !== name;
  $(name).querySelector("h1").focus();
}

const entry = () => state.order[state.at];
const trialOf = (place) => test.trials.find((trial) => trial.number === place.number);

async function showTrial() {
  const place = entry();
  await load(trialOf(place));
  const count = test.trials.length;
  $("place").textContent = place.practice ? "Practice: nothing here is kept" : `Clip ${state.at} of ${count}`;
  $("heading").textContent = place.practice ? "Try it out" : "Compare with the reference";
  $("missing").textContent = "";
  $("next").textContent = place.practice ? "Begin the test" : state.at === count ? "Finish" : "Next";
  $("stimuli").replaceChildren(...place.stimuli.map(row));
  state.current = state.current.at === state.at ? state.current : { at: state.at, scores: {}, heard: [], since: Date.now() };
  for (const [id, score] of Object.entries(state.current.scores)) rate(id, score);
  only("trial");
  show();
}

function row(id, index) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const slider = document.createElement("input");
  const output = document.createElement("output");
  item.dataset.id = id;
  item.className = "unrated";
  button.type = "button";
  button.className = "play";
  button.append(`Sound ${letter(index)}`);
  button.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-keyshortcuts", letter(index));
  button.addEventListener("click", () => hear(id));
  Object.assign(slider, { type: "range", min: 0, max: 100, step: 1, value: 0, id: `score-${id}` });
  slider.setAttribute("aria-label", `Sound ${letter(index)}`);
  slider.setAttribute("aria-valuetext", "not judged yet");
  output.htmlFor = slider.id;
  output.textContent = "–";
  // Whoever means 0 presses or clicks where the slider already stands: no input event comes then.
  for (const event of ["input", "pointerup", "keyup"]) {
    slider.addEventListener(event, (what) => {
      if (what.type !== "keyup" || /^(Arrow|Page|Home|End)/.test(what.key)) rate(id, slider.valueAsNumber);
    });
  }
  item.append(button, slider, output);
  return item;
}

function rate(id, score) {
  const item = document.querySelector(`[data-id="${id}"]`);
  const slider = item.querySelector("input");
  slider.value = score;
  slider.setAttribute("aria-valuetext", `${score}, ${BANDS[Math.min(4, Math.floor(score / 20))]}`);
  item.querySelector("output").textContent = score;
  item.classList.remove("unrated");
  state.current.scores[id] = score;
  keep();
}

function hear(id) {
  if (playing === id) return pause();
  if (id !== "open" && !state.current.heard.includes(id)) state.current.heard.push(id);
  keep();
  return play(id);
}

function show() {
  $("reference").setAttribute("aria-pressed", String(playing === "open"));
  for (const item of $("stimuli").children) {
    item.querySelector("button").setAttribute("aria-pressed", String(playing === item.dataset.id));
  }
}

function progress() {
  if (context && playing) {
    const part = ((context.currentTime - started) % duration) / duration;
    $("progress").firstElementChild.style.transform = `scaleX(${part})`;
  }
  requestAnimationFrame(progress);
}

function missing() {
  const { scores, heard } = state.current;
  const letters = (keepIt) => entry().stimuli.map((id, index) => [id, letter(index)]).filter(([id]) => keepIt(id))
    .map(([, name]) => name).join(", ");
  const unheard = letters((id) => !heard.includes(id));
  const unrated = letters((id) => !(id in scores));
  return [unheard && `Please listen to ${unheard} first.`, unrated && `Please judge ${unrated}.`].filter(Boolean).join(" ");
}

async function next() {
  const text = missing();
  $("missing").textContent = text;
  if (text) return;
  await pause();
  if (!entry().practice) finishTrial();
  state.at += 1;
  state.current = {};
  keep();
  if (state.at < state.order.length) await showTrial();
  else {
    showEnd();
    save();
  }
}

function finishTrial() {
  const trial = trialOf(entry());
  const names = new Map(trial.stimuli.map((stimulus) => [stimulus.id, plain(stimulus.is)]));
  const seconds = Math.round((Date.now() - state.current.since) / 1000);
  entry().stimuli.forEach((id, index) => {
    const score = state.current.scores[id];
    const finished = new Date().toISOString();
    state.ratings.push([test.id, state.listener, plain(trial.name), names.get(id), score, index + 1, state.at, seconds, finished]);
  });
}

const cell = (value) => (/[",\n\r]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
const csv = () => [HEADER, ...state.ratings].map((row) => row.map(cell).join(",") + "\r\n").join("");

function showEnd() {
  $("csv").value = csv();
  only("end");
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.download = `mushra-${state.listener.replace(/[^\p{L}\p{N}]+/gu, "-").toLowerCase()}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function welcome() {
  const count = test.trials.length;
  $("count").textContent = `${count} clip${count === 1 ? "" : "s"}, after one for practice`;
  only("welcome");
}

const guarded = (action) => async (...given) => {
  try {
    $("problem").textContent = "";
    await action(...given);
  } catch (error) {
    $("problem").textContent = `Something went wrong: ${error.message} Please reload the page; what you did is kept.`;
  }
};

document.title = test.title;
$("start").addEventListener("submit", (event) => {
  event.preventDefault();
  state = newState($("listener").value.trim());
  keep();
  guarded(showTrial)();
});
$("reference").addEventListener("click", () => hear("open"));
$("pause").addEventListener("click", pause);
$("next").addEventListener("click", guarded(next));
$("save").addEventListener("click", save);
$("again").addEventListener("click", () => {
  localStorage.removeItem(STORE);
  $("listener").value = "";
  welcome();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=range], [type=checkbox]), textarea");
  if ($("trial").hidden || !$("keys").checked || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toUpperCase();
  const index = key.length === 1 ? key.charCodeAt(0) - 65 : -1;
  if (key === "R") hear("open");
  else if (key === "P") pause();
  else if (index >= 0 && index < entry().stimuli.length) hear(entry().stimuli[index]);
  else return;
  event.preventDefault();
});
requestAnimationFrame(progress);

state = recall();
if (!state) welcome();
else if (state.at >= state.order.length) showEnd();
else guarded(showTrial)();
