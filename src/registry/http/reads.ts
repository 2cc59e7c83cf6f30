// Reads that answer at once: fetch, fetchs, fetch/all, nodes.

import type { Limits } from "../../base/limits/limits.ts";
import type { BodyParts, HttpAnswer } from "../../transport/http/http-answer.ts";
import { Code } from "../codes.ts";
import type { RegistryNode } from "../node/registry-node.ts";
import type { App } from "../table/apps.ts";
import { envelope, instanceJson, pieceByPiece, sharedEnvelope } from "./answers.ts";
import { BadParameter, type Parameters } from "./parameters.ts";
import { AnswerTooLong, RenderingBusy, type Rendered, type Renderings } from "./renderings.ts";

export interface Reading {
  readonly node: RegistryNode;
  readonly renderings: Renderings;
  readonly limits: Limits;
}

/** Returns a service if it has instances, in `zone` if one is named. */
export function visibleApp(node: RegistryNode, env: string, appid: string, zone: string): App | undefined {
  const app = node.table.app(env, appid);
  if (app === undefined || app.emptySinceMs !== undefined) return undefined;
  return zone === "" || app.zones.has(zone) ? app : undefined;
}

export function fetchOne(
  { node, renderings, limits }: Reading,
  parameters: Parameters,
): HttpAnswer | Promise<HttpAnswer> {
  const env = parameters.required("env");
  const appid = parameters.required("appid");
  const mask = requiredMask(parameters);
  const zone = parameters.text("zone");
  const app = visibleApp(node, env, appid, zone);
  if (app === undefined) return envelope(Code.NotFound, undefined, "null", node.isServingStale);
  return unlessTooMuch(
    limits,
    () => renderings.of(app, env, zone, mask),
    ({ parts }) => sharedEnvelope(parts, node.isServingStale),
  );
}

export function fetchSeveral(reading: Reading, parameters: Parameters): HttpAnswer | Promise<HttpAnswer> {
  const { node } = reading;
  const env = parameters.required("env");
  const appids = requiredAppids(parameters, reading.limits);
  const mask = requiredMask(parameters);
  const zone = parameters.text("zone");
  const apps = new Map<string, App>();
  for (const appid of appids) {
    const app = visibleApp(node, env, appid, zone);
    if (app !== undefined) apps.set(appid, app);
  }
  const { limits } = reading;
  return unlessTooMuch(
    limits,
    () => renderAll(reading, apps, env, zone, mask),
    ({ found, isCut }) => {
      if (isCut)
        throw new AnswerTooLong(`the answer is longer than ${limits.values.registryAnswerBytes} bytes; ask for less`);
      return sharedEnvelope(joined(found), node.isServingStale);
    },
  );
}

/** Rendered services, by appid. */
export interface RenderedServices {
  readonly found: ReadonlyMap<string, Rendered>;
  /** There were more than an answer may hold. */
  readonly isCut: boolean;
}

/** Renders services as far as they fit into an answer; synchronously if they are small. Rendered ones are kept. */
export function renderAll(
  { renderings, limits }: Reading,
  apps: ReadonlyMap<string, App | Rendered>,
  env: string,
  zone: string,
  mask: number,
): RenderedServices | Promise<RenderedServices> {
  const found = new Map<string, Rendered>();
  const bytesMax = limits.values.registryAnswerBytes;
  let bytes = 0;
  const left = [...apps];
  const next = (): RenderedServices | Promise<RenderedServices> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      const [appid, app] = one;
      const rendered = "zones" in app ? renderings.of(app, env, zone, mask) : app;
      if (rendered instanceof Promise) return rendered.then((ready) => (take(appid, ready) ? next() : over(true)));
      if (!take(appid, rendered)) return over(true);
    }
    return over(false);
  };
  const over = (isCut: boolean): RenderedServices => ({ found, isCut });
  const take = (appid: string, rendered: Rendered): boolean => {
    // At least one is included; no service is longer than an answer.
    if (bytes > 0 && bytes + rendered.bytes > bytesMax) return false;
    bytes += rendered.bytes;
    found.set(appid, rendered);
    return true;
  };
  return next();
}

/** Returns a JSON object of services by appid. */
export function joined(found: ReadonlyMap<string, Rendered>): BodyParts {
  const parts: Uint8Array[] = [];
  let before = "{";
  for (const [appid, { parts: own }] of found) {
    parts.push(Buffer.from(`${before}${JSON.stringify(appid)}:`), ...own);
    before = ",";
  }
  parts.push(Buffer.from(before === "{" ? "{}" : "}"));
  return parts;
}

/** Answers with what `render` returned, or with code -509 if it is too much. */
export function unlessTooMuch<Made>(
  limits: Limits,
  render: () => Made | Promise<Made>,
  answerOf: (made: Made) => HttpAnswer,
): HttpAnswer | Promise<HttpAnswer> {
  const refusal = (error: unknown): HttpAnswer => {
    if (!(error instanceof AnswerTooLong || error instanceof RenderingBusy)) throw error;
    if (error instanceof AnswerTooLong) limits.met("registryAnswerBytes");
    return envelope(Code.LimitExceeded, error.message);
  };
  try {
    const made = render();
    return made instanceof Promise ? made.then(answerOf).catch(refusal) : answerOf(made);
  } catch (error) {
    return refusal(error);
  }
}

/**
 * Answers with all instances of all envs, as original nodes read at their start. They may have hundreds of megabytes,
 * and anybody may ask: the answer is created as it is read, and shows each service as it is at that moment. `ended` is
 * called at the end.
 */
export function fetchAll(node: RegistryNode, ended: () => void): HttpAnswer {
  const services = new Map<string, App[]>();
  for (const app of node.table.apps.listed()) {
    const [first] = app.entries();
    if (first === undefined) continue;
    services.getOrInsertComputed(first.identity.appid, () => []).push(app);
  }
  return pieceByPiece(Code.Ok, listed(services), node.isServingStale, ended);
}

function* listed(services: ReadonlyMap<string, readonly App[]>): Generator<string, undefined> {
  let beforeService = "{";
  for (const [appid, apps] of services) {
    let before = `${beforeService}${JSON.stringify(appid)}:[`;
    // A copy, so that an instance registered again meanwhile is not shown twice.
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

/** Answers with the registry's nodes in this zone. */
export function nodes(node: RegistryNode): HttpAnswer {
  const list = node.nodes().map(({ address, isUp, zone }) => ({ addr: address, status: isUp ? 0 : 1, zone }));
  return envelope(Code.Ok, undefined, JSON.stringify(list), node.isServingStale);
}

/** Returns the requested services: at least one, and not too many. */
export function requiredAppids(parameters: Parameters, limits: Limits): string[] {
  const appids = parameters.list("appid");
  const servicesMax = limits.values.servicesPerRequest;
  if (appids.length === 0) throw new BadParameter("appid is required");
  if (appids.length <= servicesMax) return appids;
  limits.met("servicesPerRequest");
  throw new BadParameter(`a request may name ${servicesMax} services, this one names ${appids.length}`);
}

function requiredMask(parameters: Parameters): number {
  const mask = parameters.uint32("status");
  if (mask === 0) throw new BadParameter("status is required");
  return mask;
}
