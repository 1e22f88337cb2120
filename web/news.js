// What a session says while a call runs, as the page tells it.

import { Problem, serverDraining } from "./errors.js";
import { sinceFrame } from "./format.js";
import { message } from "./i18n.js";

/** Handlers by the type of what the session emits (session.js). They keep `state.peer`, who is at the other end. */
export function newsFor(page, state, sounds) {
  return {
    reconnecting() {
      page.reconnecting(true);
      page.headline("call.reconnecting", "call.reconnecting.why");
    },

    back({ room }) {
      page.reconnecting(false);
      page.bitrate(room.bitrate_kbps);
    },

    peer({ participant, reason, there }) {
      const before = { name: state.peer?.name ?? message("call.somebody") };
      state.peer = participant;
      page.peer(participant);
      if (!there) sounds.play(participant ? "arrive" : "depart");
      const news = there ? "call.you-joined" : "call.they-joined";
      if (participant) page.headline(message("call.there", { name: participant.name }), news);
      else if (there) page.alone("call.back-alone");
      else page.alone(message(reason === "left" ? "call.they-left" : "call.they-vanished", before));
    },

    bitrate({ kbps: value, frame, mine }) {
      if (state.bitrateTimer === null) page.bitrate(value);
      const name = state.peer?.name ?? message("bitrate.other-side");
      const change = { kbps: value, name, since: sinceFrame(frame) };
      page.say("bitrate", mine ? "bitrate.mine" : "bitrate.theirs", change);
    },

    draining({ seconds }) {
      if (seconds === null) page.clearProblem();
      else page.problem(serverDraining(seconds));
    },

    level: (levels) => page.levels(levels),
    refused: ({ code, text }) => page.problem(new Problem(code, {}, { texts: "refused", said: text })),
  };
}
