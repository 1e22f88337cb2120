// Which way the sound takes between this page and the server, as docs/transports.md describes them.

import { ChannelTransport } from "./channel.js";
import { RtpTransport } from "./rtp.js";

export const TRANSPORTS = { rtp: RtpTransport, channel: ChannelTransport };

/** The name of the first that this browser has, best first; `forced`, if it names one, is taken unseen. */
export function chooseTransport(forced, scope = globalThis) {
  if (forced in TRANSPORTS) return forced;
  return Object.keys(TRANSPORTS).find((name) => TRANSPORTS[name].supported(scope)) ?? "channel";
}
