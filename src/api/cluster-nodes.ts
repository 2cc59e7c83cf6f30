// The processes of a cluster, as its registry lists them.

import { Code, ConnectError } from "@connectrpc/connect";
import { gatewayServices } from "../registry/lookup/gateway-services.ts";
import { type Listed, type Naming, RegistryAway } from "../registry/client/naming.ts";
import { discoveryAppid, Status } from "../registry/instance.ts";
import type { NodeState, NodeView } from "./controls.ts";

const services = [...gatewayServices, "login", "chat", discoveryAppid] as const;

/**
 * Returns all that the registry knows, also those that take no work; it does not tell how many connections they have.
 * Throws Unavailable if no node of the registry answers.
 */
export async function nodesIn(naming: Pick<Naming, "listAll">): Promise<NodeView[]> {
  const listed = await Promise.all(services.map((service) => naming.listAll(service))).catch((error: unknown) => {
    if (error instanceof RegistryAway)
      throw new ConnectError("the registry does not answer, try again", Code.Unavailable);
    throw error;
  });
  // A gateway is listed once for each of its listeners.
  const nodes = new Map<string, NodeView>();
  for (const one of listed.flat()) {
    const { appid, hostname: id, addrs, version, zone } = one.instance;
    const role = roleOf(appid);
    const key = JSON.stringify([role, zone, id]);
    const former = nodes.get(key);
    // What is wrong with one listener is wrong with the gateway.
    if (former !== undefined && former.state !== "ready") continue;
    const state = stateOf(one);
    const address = former?.address ?? addrs[0] ?? "";
    const flags = { ready: state === "ready", draining: state === "leaving" };
    nodes.set(key, { id, role, address, version, ...flags, state, connections: 0, zone });
  }
  return [...nodes.values()];
}

function roleOf(appid: string): string {
  if (appid === discoveryAppid) return "discovery";
  return gatewayServices.some((service) => service === appid) ? "gateway" : appid;
}

/** What an operator has to know first. */
function stateOf({ instance: { status, metadata }, isStale, isProven }: Listed): NodeState {
  if (!isProven) return "unproven";
  if (isStale) return "silent";
  if (status !== Status.Up) return "waiting";
  const told = metadata.get("state");
  if (told === "leaving") return "leaving";
  return told === "young" ? "unready" : "ready";
}
