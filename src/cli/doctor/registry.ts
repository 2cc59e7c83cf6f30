// Whether the nodes of the registry answer, take this process's key, and have the same time.

import { registryToken } from "../../auth/registry-token.ts";
import { silentLog } from "../../base/log.ts";
import { systemTimers } from "../../base/timers.ts";
import { Code } from "../../registry/codes.ts";
import { NodeClient, NodeFailure, OpenRegistry } from "../../registry/client/node-client.ts";
import { nodeSender, type SendToNode } from "../../registry/client/node-request.ts";
import { formatAddress } from "../../transport/address.ts";
import type { NodeTls } from "../../transport/tls/node-tls.ts";
import { readClusterKeys } from "../secrets.ts";
import { registryAddress, requireSecureRegistry, warnOfOpenRegistry } from "../serve/requirements.ts";
import { readNodeTls } from "../tls.ts";
import { clockFindings } from "./clocks.ts";
import { type Finding, Notes, ok, problem, type Subject, warning } from "./finding.ts";

const answerMsMax = 2_000;
/** The resolution of the header `date` (RFC 9110, 5.6.7). */
const dateMs = 1_000;

/** Asks each node of --discovery, or --peers, without changing anything there. */
export async function checkRegistry(subject: Subject): Promise<readonly Finding[]> {
  const { values, role } = subject;
  const { keys } = readClusterKeys(values, silentLog);
  const tls = readNodeTls(values, role, silentLog);
  const notes = new Notes();
  if (role !== "discovery") {
    requireSecureRegistry(values.required("discovery"), tls);
    warnOfOpenRegistry(values, notes);
  }
  const nodes = role === "discovery" ? peersOf(subject, tls) : values.required("discovery");
  const tokens = keys.map(registryToken);
  const requiresKey = keys.length > 0 && !values.required("insecure");
  const client = new NodeClient(systemTimers.after, () => tokens, requiresKey, tls);
  const send = nodeSender(tls);
  const found = await Promise.all(nodes.map((node) => checkNode(client, send, node)));
  const isAnyUp = found.some((findings) => findings.every(({ level }) => level !== "problem"));
  // A registry lives on with one of its nodes, and a node of the registry starts alone.
  const mayMiss = isAnyUp || role === "discovery";
  const judged = found
    .flat()
    .map((finding) => (finding.isAway && mayMiss ? { ...finding, level: "warning" as const } : finding));
  return [...judged, ...notes.findings];
}

/** The other nodes as URLs. */
function peersOf({ values }: Subject, tls: NodeTls | undefined): readonly string[] {
  const { host, port } = values.optional("advertise") ?? registryAddress(values);
  const own = formatAddress(host, port ?? registryAddress(values).port);
  return values
    .required("peers")
    .filter((peer) => peer !== own)
    .map((peer) => `${tls?.isRequired === true ? "https" : "http"}://${peer}`);
}

type NodeFinding = Finding & { readonly isAway?: boolean };

async function checkNode(client: NodeClient, send: SendToNode, node: string): Promise<readonly NodeFinding[]> {
  // The renewal of an instance that does not exist: refused without the right key, else unknown.
  const nobody = { region: "none", zone: "none", env: "none", appid: "roost.doctor", hostname: crypto.randomUUID() };
  const parameters = new URLSearchParams(nobody);
  try {
    const call = { method: "POST", endpoint: "renew", parameters, limitMs: answerMsMax } as const;
    const { code } = await client.ask(node, call, new AbortController().signal);
    if (code === Code.Unauthorized)
      return [problem(`${node} refuses the cluster key; give this process and the registry the same key`)];
    const clocks = await clockOf(send, node);
    return clocks.length > 0 ? clocks : [ok(node)];
  } catch (error) {
    if (error instanceof OpenRegistry) return [problem(error.message)];
    if (error instanceof NodeFailure)
      return [{ ...problem(`${error.message}; start it, or name others`), isAway: true }];
    throw error;
  }
}

async function clockOf(send: SendToNode, node: string): Promise<readonly Finding[]> {
  const askedMs = Date.now();
  try {
    const signal = AbortSignal.timeout(answerMsMax);
    const response = await send(`${node}/health`, { method: "GET", headers: {}, signal });
    const heardMs = Date.now();
    await response.body?.cancel();
    const sentMs = Date.parse(response.headers.get("date") ?? "");
    return Number.isNaN(sentMs) ? [] : clockFindings(node, { fromMs: sentMs, toMs: sentMs + dateMs, askedMs, heardMs });
  } catch {
    // It has answered just now: that it is away is for the next look.
    return [warning(`${node} does not show its time`)];
  }
}
