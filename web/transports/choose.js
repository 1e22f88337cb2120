// Which way the sound takes between this page and the server, as docs/transports.md describes them.

import { ChannelTransport } from "./channel.js";
import { OpusTransport } from "./opus.js";
import { RtpTransport } from "./rtp.js";

export const TRANSPORTS = { rtp: RtpTransport, channel: ChannelTransport, opus: OpusTransport };

/** The names of those that this browser has, best first; `forced`, if it names one, is the only one, and taken unseen. */
export function chooseTransports(forced, scope = globalThis) {
  if (Object.hasOwn(TRANSPORTS, forced ?? "")) return [forced];
  const known = Object.keys(TRANSPORTS).filter((name) => TRANSPORTS[name].supported(scope));
  return known.length > 0 ? known : ["channel"];
}
