// The reads that answer at once: fetch, fetchs, fetch/all, nodes.

import { servicesPerRequestMax } from "../../base/limits/fixed.ts";
import { Code } from "../registrar.ts";
import type { RegistryNode } from "../registry-node.ts";
import type { App } from "../table.ts";
import { appView, envelope, instanceJson, pieceByPiece } from "./answers.ts";
import { BadParameter, type Parameters } from "./parameters.ts";

/** A service that a reader can see: it has instances, in that zone if one is named. */
export function visibleApp(node: RegistryNode, env: string, appid: string, zone: string): App | undefined {
  const app = node.table.app(env, appid);
  if (app === undefined || app.emptySinceMs !== undefined) return undefined;
  return zone === "" || app.zones.has(zone) ? app : undefined;
}

export function fetchOne(node: RegistryNode, parameters: Parameters): Response {
  const env = parameters.required("env");
  const appid = parameters.required("appid");
  const mask = requiredMask(parameters);
  const zone = parameters.text("zone");
  const app = visibleApp(node, env, appid, zone);
  if (app === undefined) return envelope(Code.NothingFound, undefined, "null", node.isServingStale);
  return envelope(Code.Ok, undefined, appView(app, env, zone, mask).json, node.isServingStale);
}

export function fetchSeveral(node: RegistryNode, parameters: Parameters): Response {
  const env = parameters.required("env");
  const appids = requiredAppids(parameters);
  const mask = requiredMask(parameters);
  const zone = parameters.text("zone");
  const found: string[] = [];
  for (const appid of new Set(appids)) {
    const app = visibleApp(node, env, appid, zone);
    if (app !== undefined) found.push(`${JSON.stringify(appid)}:${appView(app, env, zone, mask).json}`);
  }
  return envelope(Code.Ok, undefined, `{${found.join(",")}}`, node.isServingStale);
}

/**
 * Everything, of all envs: what a node of the original implementation starts with. It may be tens of megabytes, and anybody
 * may ask: it is made while it is read, and shows each service as it is at that moment. A bug that shows by then is told to `bugMet`.
 */
export function fetchAll(node: RegistryNode, bugMet: (error: unknown) => void): Response {
  const services = new Map<string, App[]>();
  for (const app of node.table.services()) {
    const [first] = app.entries();
    if (first === undefined) continue;
    const { appid } = first.identity;
    const known = services.get(appid);
    if (known === undefined) services.set(appid, [app]);
    else known.push(app);
  }
  return pieceByPiece(Code.Ok, listed(services), node.isServingStale, bugMet);
}

function* listed(services: ReadonlyMap<string, readonly App[]>): Generator<string, undefined> {
  let beforeService = "{";
  for (const [appid, apps] of services) {
    let before = `${beforeService}${JSON.stringify(appid)}:[`;
    // A copy: what is registered again while it is read is not shown twice.
    for (const entry of apps.flatMap((app) => [...app.entries()])) {
      if (entry.instance === undefined) continue;
      yield before + instanceJson(entry);
      before = ",";
    }
    if (before !== ",") continue;
    yield "]";
    beforeService = ",";
  }
  yield beforeService === "{" ? "{}" : "}";
}

/** The registry's nodes in this zone. */
export function nodes(node: RegistryNode): Response {
  const list = node.nodes().map(({ address, isUp, zone }) => ({ addr: address, status: isUp ? 0 : 1, zone }));
  return envelope(Code.Ok, undefined, JSON.stringify(list), node.isServingStale);
}

/** The services that are asked for: at least one, and not too many. */
export function requiredAppids(parameters: Parameters): string[] {
  const appids = parameters.list("appid");
  if (appids.length === 0) throw new BadParameter("appid is required");
  if (appids.length > servicesPerRequestMax)
    throw new BadParameter(`a request may name ${servicesPerRequestMax} services, this one names ${appids.length}`);
  return appids;
}

function requiredMask(parameters: Parameters): number {
  const mask = parameters.uint32("status");
  if (mask === 0) throw new BadParameter("status is required");
  return mask;
}
