// The processes of a cluster, as its registry lists them.

import { gatewayServices } from "../registry/lookup/gateway-services.ts";
import type { Naming } from "../registry/client/naming.ts";
import { Status } from "../registry/instance.ts";
import type { NodeView } from "./controls.ts";

const services = [...gatewayServices, "login", "chat"] as const;

/**
 * Returns those that take work; the registry does not tell how many connections they have. Rejects if no node of the
 * registry answers and nothing is known from before.
 */
export async function nodesIn(naming: Pick<Naming, "find">): Promise<NodeView[]> {
  const listed = (await Promise.all(services.map((service) => naming.find(service)))).flat();
  // A gateway is listed once for each of its listeners.
  const nodes = new Map<string, NodeView>();
  for (const { appid, hostname: id, addrs, version, status, zone } of listed) {
    const role = gatewayServices.some((service) => service === appid) ? "gateway" : appid;
    const key = JSON.stringify([role, id]);
    if (nodes.has(key)) continue;
    const ready = status === Status.Up;
    nodes.set(key, { id, role, address: addrs[0] ?? "", version, ready, draining: false, connections: 0, zone });
  }
  return [...nodes.values()];
}
