// The registry's HTTP server: connections, their limits, and the client behind a proxy. api.ts answers.

import { descriptorsMax } from "../../base/descriptors.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { LimitName, LimitValues } from "../../base/limits/table.ts";
import type { ContainedBugs } from "../../observe/contained-bugs.ts";
import type { SocketAddress } from "../../transport/address.ts";
import { browserGuard } from "../../transport/http/browser-guard.ts";
import type { HttpRequest } from "../../transport/http/http-handler.ts";
import { type HttpBound, HttpServer } from "../../transport/http/http-server.ts";
import { peerQuota } from "../../transport/quota-address.ts";
import type { NodeTls } from "../../transport/tls/node-tls.ts";
import type { TrustedProxies } from "../../transport/trusted-proxies.ts";
import { Code } from "../codes.ts";
import { envelope } from "./answers.ts";
import { Api, type RegistryHttpOptions } from "./api.ts";

/** Idle connections are closed after this long: longer than any client's pause between two renewals. */
const idleMs = 120_000;
/** The time that answers under way have when the server stops. */
const closingMs = 200;
/** Descriptors for other uses: DNS, other nodes, health checks, the snapshot. */
const otherDescriptors = 384;

/** The bound API. Until `open` it answers like a node that is starting, because a node must know its port first. */
export interface RegistryHttp {
  /** `host:port` as bound. */
  readonly address: string;
  /** Starts answering. */
  open(options: RegistryHttpOptions): void;
  /** Long polls that wait. */
  readonly pollsWaiting: number;
  /** Sends waiting clients to another node, and closes. */
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
 * Binds the port. A bug answers its request with status 500. `names` are host names under which the node is advertised.
 * Throws if the address cannot be bound.
 */
export function bindRegistryHttp(
  address: SocketAddress,
  parts: {
    readonly bugs: ContainedBugs;
    readonly limits: Limits;
    readonly names: readonly string[];
    /** The certificate of this node, for HTTPS; undefined: HTTP. */
    readonly tls?: Pick<NodeTls, "http" | "isRequired"> | undefined;
    /** As in HttpServerOptions. */
    readonly quotaOf?: (remoteAddress: string) => string;
    /** Proxies in front of the API: their requests count as those of the client in X-Forwarded-For. */
    readonly proxies?: TrustedProxies | undefined;
  },
): RegistryHttp {
  const { bugs, limits, proxies, tls, quotaOf = peerQuota } = parts;
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
    tls: tls?.http,
    acceptsPlain: tls?.isRequired === false,
    // A proxy's connections belong to many clients.
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
      // The client is known already, so the file's proxies do not apply.
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

/** Returns the connections that the process may have: fewer than the limit if the system allows fewer open files. */
function connectionsWithin(limit: number, descriptors = descriptorsMax() ?? Infinity): number {
  return Math.max(1, Math.min(limit, descriptors - Math.min(otherDescriptors, Math.floor(descriptors / 2))));
}

/** Returns the connections that one address may have: half of all if open files are scarce. */
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

/** Returns the request with the address of the client behind a proxy. */
function ofClient(request: HttpRequest, proxies: TrustedProxies): HttpRequest {
  const forwardedFor = request.header("x-forwarded-for") ?? null;
  return { ...request, remoteAddress: proxies.clientOf(request.remoteAddress, forwardedFor) };
}
