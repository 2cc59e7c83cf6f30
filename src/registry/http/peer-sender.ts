// How a node of the registry sends requests to the others: over HTTPS if it has a certificate. While a cluster changes
// to TLS, a node that accepts plain text asks the others over HTTPS first, and over HTTP if they do not speak TLS.

import type { Clock } from "../../base/clock.ts";
import type { NodeTls } from "../../transport/tls/node-tls.ts";
import { isNoTls, nodeSender, type SendToNode } from "../client/node-request.ts";

/** A node without TLS is asked over HTTPS again after this long. */
const plainMsMax = 60_000;
/** Nodes without TLS that are remembered. */
const nodesMax = 1_024;

/** Returns a sender for `http://` URLs of nodes, which it changes to `https://` where TLS is spoken. */
export function peerSender(clock: Pick<Clock, "monotonicMs">, tls: NodeTls | undefined): SendToNode {
  const send = nodeSender(tls);
  if (tls === undefined) return send;
  /** Nodes without TLS, and until when that is believed. */
  const plainUntilMs = new Map<string, number>();
  return async (url, request) => {
    const { host } = new URL(url);
    if ((plainUntilMs.get(host) ?? -Infinity) > clock.monotonicMs()) return send(url, request);
    try {
      return await send(url.replace(/^http:/, "https:"), request);
    } catch (error) {
      if (tls.isRequired || !isNoTls(error)) throw error;
      if (plainUntilMs.size >= nodesMax) plainUntilMs.clear();
      plainUntilMs.set(host, clock.monotonicMs() + plainMsMax);
      return send(url, request);
    }
  };
}
