// The port of the registry's HTTP API: connections, their limits, and which client a request belongs to. api.ts
// answers.

import { descriptorsMax } from "../../base/descriptors.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { LimitName, LimitValues } from "../../base/limits/table.ts";
import type { ContainedBugs } from "../../observe/contained-bugs.ts";
import type { SocketAddress } from "../../transport/address.ts";
import { browserGuard } from "../../transport/http/browser-guard.ts";
import type { HttpRequest } from "../../transport/http/http-handler.ts";
import { type HttpBound, HttpServer } from "../../transport/http/http-server.ts";
import { peerQuota } from "../../transport/quota-address.ts";
import type { TrustedProxies } from "../../transport/trusted-proxies.ts";
import { Code } from "../codes.ts";
import { envelope } from "./answers.ts";
import { Api, type RegistryHttpOptions } from "./api.ts";

/** A connection without a request is closed after this long: longer than any client's pause between two renewals. */
const idleMs = 120_000;
/** What is being answered when the server stops has this long to end. */
const closingMs = 200;
/** Files that this process may need open beside its connections: DNS, other nodes, health checks, the snapshot. */
const otherDescriptors = 384;

/**
 * The API on its port. Until it is opened it answers as a node that is starting does: a node has to know its port
 * first.
 */
export interface RegistryHttp {
  /** `host:port` as bound. */
  readonly address: string;
  /** Answers from now on. */
  open(options: RegistryHttpOptions): void;
  /** Long polls that wait. */
  readonly pollsWaiting: number;
  /** Sends those who wait to another node, and closes. */
  stop(): Promise<void>;
}

const boundNames: Readonly<Record<HttpBound, LimitName>> = {
  connections: "registryConnections",
  connectionsPerAddress: "registryConnectionsPerAddress",
  headMs: "registryHeadMs",
  bodyMs: "registryBodyMs",
  headBytes: "registryHeadBytes",
  receivedBytes: "registryReceivedBytes",
  unreadBytes: "registryUnreadBytes",
  unreadBytesPerAddress: "registryUnreadBytesPerAddress",
};

/**
 * Listens. A bug costs its request a status of 500. `names` are hosts under which the node is advertised. Throws if the
 * address cannot be bound.
 */
export function bindRegistryHttp(
  address: SocketAddress,
  parts: {
    readonly bugs: ContainedBugs;
    readonly limits: Limits;
    readonly names: readonly string[];
    /** As in HttpServerOptions. */
    readonly quotaOf?: (remoteAddress: string) => string;
    /** Proxies in front of the API: a request of theirs counts as one of the client that X-Forwarded-For names. */
    readonly proxies?: TrustedProxies | undefined;
  },
): RegistryHttp {
  const { bugs, limits, proxies, quotaOf = peerQuota } = parts;
  const { values } = limits;
  let api: Api | undefined;
  const guard = browserGuard(address, parts.names);
  const connectionsMax = connectionsWithin(values.registryConnections);
  const server = new HttpServer(address, {
    limits: {
      connections: connectionsMax,
      connectionsPerAddress: connectionsOfOne(values, connectionsMax),
      headMs: values.registryHeadMs,
      bodyMs: values.registryBodyMs,
      idleMs,
      headBytes: values.registryHeadBytes,
      receivedBytes: values.registryReceivedBytes,
      unreadBytes: values.registryUnreadBytes,
      unreadBytesPerAddress: values.registryUnreadBytesPerAddress,
    },
    // The connections of a proxy are those of many clients.
    quotaOf: (remoteAddress) => (proxies?.trusts(remoteAddress) === true ? "" : quotaOf(remoteAddress)),
    bugAnswer: { status: 500, fields: {}, body: "" },
    bug: (error) => bugs.met("http", error),
    peerGone: () => api?.peerGone(),
    mayReadLong: () => api?.hasRoom !== false,
    met: (bound, remote) => limits.met(boundNames[bound], { address: remote }),
    handler: (request) =>
      api?.respond(proxies === undefined ? request : ofClient(request, proxies)) ??
      envelope(Code.ServerError, undefined),
  });
  limits.measure("registryConnections", () => server.size);
  limits.measure("registryConnectionsPerAddress", () => server.sizeOfLargest);
  limits.measure("registryReceivedBytes", () => server.receivedBytes);
  limits.measure("registryUnreadBytes", () => server.unread.bytes);
  limits.measure("registryUnreadBytesPerAddress", () => server.unread.bytesOfLargest);
  return {
    address: server.address,
    open(options) {
      // Whose the requests are is known already: the file's own proxies say no more about it.
      const trustedByFile = proxies === undefined ? options.lookup : undefined;
      api = new Api({ ...options, limits, guard, connectionsMax, quotaOf, trustedByFile });
    },
    get pollsWaiting() {
      return api?.pollsWaiting ?? 0;
    },
    async stop() {
      api?.stop();
      await server.stop(closingMs);
    },
  };
}

/** Connections that the process may have: fewer than the limit where the system allows fewer open files. */
function connectionsWithin(limit: number, descriptors = descriptorsMax() ?? Infinity): number {
  return Math.max(1, Math.min(limit, descriptors - Math.min(otherDescriptors, Math.floor(descriptors / 2))));
}

/** Connections that one address may have: where open files are short, it leaves half of them to others. */
export function connectionsOfOne(
  limits: Pick<LimitValues, "registryConnections" | "registryConnectionsPerAddress">,
  connectionsMax: number,
): number {
  const { registryConnections, registryConnectionsPerAddress } = limits;
  const isShort = connectionsMax < registryConnections;
  return isShort
    ? Math.min(registryConnectionsPerAddress, Math.ceil(connectionsMax / 2))
    : registryConnectionsPerAddress;
}

/** The request with the address of the client that a proxy has made it for. */
function ofClient(request: HttpRequest, proxies: TrustedProxies): HttpRequest {
  const forwardedFor = request.header("x-forwarded-for") ?? null;
  return { ...request, remoteAddress: proxies.clientOf(request.remoteAddress, forwardedFor) };
}
