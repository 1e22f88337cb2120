// The operators' page: signs in with a token, then asks the server once a second and passes orders on.

import { offerThemes } from "../choices.js";
import { count, kbps, sinceFrame } from "../format.js";
import { t } from "../i18n.js";
import { ask, keepToken, keptToken, nameIn } from "./api.js";
import { CallTable } from "./calls.js";
import { byId, write } from "./dom.js";

const EVERY_MS = 1000;

const table = new CallTable(byId("calls"), {
  bitrate: (call, value) => order(async () => {
    const { sessions } = await ask("PUT", `/calls/${call}/bitrate`, { bitrate_kbps: value });
    return `The call runs at ${kbps(value)} kbit/s${t(sinceFrame(sessions[0]?.frame ?? null))}.`;
  }),
  denoise: (session, name, on) => order(async () => {
    const { frame } = await ask("PUT", `/sessions/${session}/denoise`, { denoise: on });
    return `Noise is ${on ? "taken out of" : "left in"} the voice of ${name}${t(sinceFrame(frame))}.`;
  }),
  end: (session, name) => order(async () => {
    await ask("DELETE", `/sessions/${session}`);
    return `The session of ${name} has ended.`;
  }),
});

let draining = false;
let timer = null;
let round = 0; // the newest one counts; what came of older ones is thrown away

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(byId("token").value.trim());
  byId("token").value = "";
  enter();
});
byId("forget").addEventListener("click", () => signOut(null));
byId("drain-form").addEventListener("submit", (event) => {
  event.preventDefault();
  order(drain);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && keptToken()) refresh();
});

offerThemes();
if (keptToken()) enter();

function enter() {
  byId("sign-in").hidden = true;
  byId("who").hidden = false;
  write(byId("operator"), nameIn(keptToken()));
  refresh();
}

/** `why`: a Fault, or null where the operator wished it. */
function signOut(why) {
  keepToken(null);
  clearTimeout(timer);
  round += 1;
  for (const id of ["board", "who"]) byId(id).hidden = true;
  byId("sign-in").hidden = false;
  write(byId("headline"), "Who keeps the line?");
  say("");
  complain(why && "This token does not open the page", why?.message);
  byId("token").focus();
}

/** Asks for everything, and again a second later, for as long as somebody looks. */
async function refresh() {
  clearTimeout(timer);
  const mine = (round += 1);
  try {
    const [{ calls }, capacity] = await Promise.all([ask("GET", "/calls"), ask("GET", "/capacity")]);
    if (mine !== round) return;
    show(calls, capacity);
    complain(null);
  } catch (fault) {
    if (mine !== round) return;
    if (fault.signedOut) return void signOut(fault);
    complain("What you see is old", fault.message);
  }
  if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
}

function show(calls, capacity) {
  byId("board").hidden = false;
  write(byId("headline"), headline(calls.length, capacity.draining));
  byId("nothing").hidden = calls.length > 0;
  table.show(calls, capacity.bitrates_kbps);
  showNode(capacity);
}

function showNode(capacity) {
  const { seats, seats_taken: taken, late_frames: late } = capacity;
  write(byId("seats"), count(seats));
  write(byId("seats-taken"), count(taken));
  const gauge = byId("gauge");
  gauge.setAttribute("aria-valuemax", seats);
  gauge.setAttribute("aria-valuenow", taken);
  gauge.dataset.full = String(taken >= seats);
  byId("gauge-fill").style.transform = `scaleX(${Math.min(1, taken / seats)})`;
  const lateness = late === 0 ? "no frame was ever late" : `${count(late)} frames were late since the start`;
  write(byId("node-note"), `Engine ${capacity.engine}, model ${capacity.model_id.slice(0, 8)}; ${lateness}.`);
  draining = capacity.draining;
  byId("drain").setAttribute("aria-pressed", String(draining));
  write(byId("drain"), draining ? "Draining" : "Drain");
  byId("drain-minutes").disabled = draining;
  const reasons = capacity.reasons.map((reason) => `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`);
  write(byId("drain-note"), reasons.join(" ")
    || "A drained node takes no new calls and lets those that run come to their end.");
}

function headline(calls, isDraining) {
  const line = { 0: "The line is quiet.", 1: "One call on the line." }[calls] ?? `${count(calls)} calls on the line.`;
  return isDraining ? `${line.slice(0, -1)}, and no more to come.` : line;
}

async function drain() {
  if (draining) {
    await ask("DELETE", "/drain");
    return "The node takes calls again.";
  }
  const minutes = Number(byId("drain-minutes").value);
  await ask("PUT", "/drain", { seconds: 60 * minutes });
  return `The node takes no new calls; those that run may go on for ${minutes} minutes.`;
}

/** Carries out what gives a sentence, says it, and shows what came of it at once. */
async function order(action) {
  try {
    say(await action());
    await refresh();
  } catch (fault) {
    if (fault.signedOut) signOut(fault);
    else say(fault.message);
  }
}

function say(text) {
  write(byId("status"), text);
}

function complain(title, text = "") {
  byId("problem").hidden = !title;
  write(byId("problem-title"), title ?? "");
  write(byId("problem-text"), text);
}
