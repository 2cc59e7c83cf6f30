// Whether a node of the registry takes writes from anybody. A registry that does cannot be believed: whoever reaches it
// can list an instance of theirs. Members of a cluster and nodes of a registry with keys find it out before they use a
// node.
//
// They say a renewal of an instance that does not exist, without a token. A node with a key refuses it (as does what
// may stand in front of a node, with HTTP status 401 or 403); any other node does not know the instance. Nothing is
// changed by it, at nodes of bilibili/discovery neither. A finding holds until a request to the node fails, and no
// longer than 5 minutes.

import { registryAnswerBytesMax } from "../../base/limits/fixed.ts";
import { boundedText } from "./bounded-text.ts";
import { Code } from "../codes.ts";
import { parseAnswer } from "./parse-instances.ts";
import { sendToNode } from "./node-request.ts";
import { type Clock, systemClock } from "../../base/clock.ts";

const findingMsMax = 300_000;
/** More nodes than this are not remembered. */
const nodesMax = 1_024;

export class KeyChecks {
  private readonly clock: Pick<Clock, "monotonicMs">;
  /** When a node last refused a write without a token. */
  private readonly refusedAtMs = new Map<string, number>();
  private readonly openNodes = new Set<string>();

  constructor(clock: Pick<Clock, "monotonicMs"> = systemClock) {
    this.clock = clock;
  }

  /**
   * Returns true if a node, `http://host:port`, takes writes without a key. Rejects when it does not say: it is away,
   * or starting.
   */
  async isOpen(node: string, signal: AbortSignal): Promise<boolean> {
    const refusedAtMs = this.refusedAtMs.get(node);
    if (refusedAtMs !== undefined && this.clock.monotonicMs() - refusedAtMs < findingMsMax) return false;
    const isOpen = await takesUnsigned(node, signal);
    this.forget(node);
    for (const known of [this.refusedAtMs, this.openNodes]) if (known.size >= nodesMax) known.clear();
    if (isOpen) this.openNodes.add(node);
    else this.refusedAtMs.set(node, this.clock.monotonicMs());
    return isOpen;
  }

  /** A request to the node has failed: it may come back as another one. */
  forget(node: string): void {
    this.refusedAtMs.delete(node);
    this.openNodes.delete(node);
  }

  /** The nodes that were found to take writes without a key. */
  get open(): readonly string[] {
    return [...this.openNodes];
  }
}

async function takesUnsigned(node: string, signal: AbortSignal): Promise<boolean> {
  const nobody = { region: "none", zone: "none", env: "none", appid: "roost.key-check", hostname: crypto.randomUUID() };
  const response = await sendToNode(`${node}/discovery/renew`, {
    method: "POST",
    headers: {},
    body: new URLSearchParams(nobody),
    signal,
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    if (response.status === 401 || response.status === 403) return false;
    throw new Error(`HTTP status ${response.status}`);
  }
  const { code, message } = parseAnswer(await boundedText(response, registryAnswerBytesMax));
  if (code === Code.ServerError) throw new Error(`code ${code} ${message}`);
  return code !== Code.Unauthorized;
}
