// Checks whether a node of the registry accepts writes from anybody. Such a registry cannot be believed: anybody who
// reaches it can list instances. Members of a cluster and nodes of a registry with keys check a node before they use
// it.
//
// The check renews an instance that does not exist, without a token. A node with a key refuses it (a proxy in front of
// a node may do so with HTTP status 401 or 403); any other node does not know the instance. It changes nothing, also at
// nodes of bilibili/discovery. A result holds until a request to the node fails, at most 5 minutes.

import { registryAnswerBytesMax } from "../../base/limits/fixed.ts";
import { boundedText } from "./bounded-text.ts";
import { Code } from "../codes.ts";
import { parseAnswer } from "./parse-instances.ts";
import { nodeSender, refusalOf, type SendToNode } from "./node-request.ts";
import { type Clock, systemClock } from "../../base/clock.ts";

const findingMsMax = 300_000;
/** Nodes whose results are remembered. */
const nodesMax = 1_024;

export class KeyChecks {
  private readonly clock: Pick<Clock, "monotonicMs">;
  /** When a node last refused a write without a token. */
  private readonly refusedAtMs = new Map<string, number>();
  private readonly openNodes = new Set<string>();
  private readonly send: SendToNode;

  constructor(clock: Pick<Clock, "monotonicMs"> = systemClock, send: SendToNode = nodeSender()) {
    this.send = send;
    this.clock = clock;
  }

  /**
   * Reports whether a node, `http://host:port` or `https://…`, accepts writes without a key. Rejects if that cannot be
   * determined, because the node is away or starting.
   */
  async isOpen(node: string, signal: AbortSignal): Promise<boolean> {
    const refusedAtMs = this.refusedAtMs.get(node);
    if (refusedAtMs !== undefined && this.clock.monotonicMs() - refusedAtMs < findingMsMax) return false;
    const isOpen = await acceptsUnsigned(node, this.send, signal);
    this.forget(node);
    for (const known of [this.refusedAtMs, this.openNodes]) if (known.size >= nodesMax) known.clear();
    if (isOpen) this.openNodes.add(node);
    else this.refusedAtMs.set(node, this.clock.monotonicMs());
    return isOpen;
  }

  /** Drops a node's result after a failed request: another node may return in its place. */
  forget(node: string): void {
    this.refusedAtMs.delete(node);
    this.openNodes.delete(node);
  }

  /** The nodes known to accept writes without a key. */
  get open(): readonly string[] {
    return [...this.openNodes];
  }
}

async function acceptsUnsigned(node: string, send: SendToNode, signal: AbortSignal): Promise<boolean> {
  const nobody = { region: "none", zone: "none", env: "none", appid: "roost.key-check", hostname: crypto.randomUUID() };
  const response = await send(`${node}/discovery/renew`, {
    method: "POST",
    headers: {},
    body: new URLSearchParams(nobody),
    signal,
  });
  if (response.status !== 200) {
    const refusal = await refusalOf(response);
    if (response.status === 401 || response.status === 403) return false;
    throw new Error(refusal);
  }
  const { code, message } = parseAnswer(await boundedText(response, registryAnswerBytesMax));
  if (code === Code.ServerError) throw new Error(`code ${code} ${message}`);
  return code !== Code.Unauthorized;
}
