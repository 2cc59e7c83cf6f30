// The gateway: client listeners on one side, links to services on the other.

import { readFileSync } from "node:fs";
import type { TokenVerifier } from "../../auth/token.ts";
import { clientFrameBytesMax, clientUnsentBytesMax, linkFrameBytesMax } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { systemRandom } from "../../base/random.ts";
import type { TimerWheel } from "../../base/timer-wheel.ts";
import { Link, Links, type NodeAttributes } from "../../container/links.ts";
import { type Reload, reloadRouteFile } from "../../container/selectors/reload-route-file.ts";
import { RouteSelector } from "../../container/selectors/route.ts";
import { createSelector, type Selection } from "../../container/selectors/selection.ts";
import type { Selector } from "../../container/selectors/selector.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import type { Flusher } from "../../transport/flusher.ts";
import { listenTcp } from "../../transport/tcp.ts";
import type { Connection, FrameHandler, Server, TransportOptions } from "../../transport/transport.ts";
import { listenWebSocket } from "../../transport/websocket.ts";
import { closeLeaving } from "../../wire/close-reason.ts";
import type { ListenAddress } from "../settings.ts";
import { AddressLimits } from "./address-limits.ts";
import type { Channel } from "./channel.ts";
import { ClientAcceptor } from "./client-acceptor.ts";
import { Downlink } from "./downlink.ts";
import { Gateway } from "./gateway.ts";

/** The services that a gateway depends on. */
export const gatewayDependencies = ["login", "chat"] as const;

/** Descriptors kept for everything that is not a client's connection: listeners, the store, links, logs. */
const descriptorsReserved = 200;

/** How many clients this process can hold: what `nofile` allows, less a reserve. */
function connectionsMax(): number {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  const descriptors = line === undefined || line === "unlimited" ? 1_000_000 : Number(line);
  return Math.max(1, descriptors - descriptorsReserved);
}

/** Opens a connection to a node; the handler is made with it. */
export type Dial = (handlerOf: (connection: Connection) => FrameHandler) => Promise<Connection>;

/** A gateway as its process holds it. */
export class GatewayRole {
  private readonly gateway: Gateway;
  private readonly acceptor: ClientAcceptor;
  private readonly transport: TransportOptions;
  private readonly servers: Server[] = [];
  private readonly route: { readonly path: string; readonly selector: RouteSelector } | undefined;

  constructor(parts: {
    serviceId: string;
    verifier: TokenVerifier;
    wheel: TimerWheel;
    flusher: Flusher;
    metrics: ServiceMetrics;
    log: Log;
    readWaitMs: number;
    writeWaitMs: number;
    loginWaitMs: number;
    /** How nodes are chosen; by hash unless said otherwise. */
    selection?: Selection;
  }) {
    const { serviceId, verifier, wheel, flusher, metrics, log, readWaitMs, writeWaitMs, loginWaitMs } = parts;
    const { selection = { name: "hash" } } = parts;
    let selectorOf: () => Selector;
    if (selection.name === "route") {
      const selector = new RouteSelector(selection.rules, systemRandom, metrics);
      this.route = { path: selection.path, selector };
      selectorOf = () => selector;
    } else {
      const { name } = selection;
      selectorOf = () => createSelector(name, systemRandom);
    }
    const links = new Links<Channel>(gatewayDependencies, selectorOf);
    const limits = new AddressLimits(connectionsMax());
    this.gateway = new Gateway({ serviceId, links, verifier, wheel, limits, metrics, log, loginWaitMs });
    this.acceptor = new ClientAcceptor(this.gateway);
    this.transport = {
      frameBytesMax: clientFrameBytesMax,
      sentFrameBytesMax: linkFrameBytesMax,
      unsentBytesMax: clientUnsentBytesMax,
      closeWhenSlow: true,
      readWaitMs,
      writeWaitMs,
      wheel,
      flusher,
      observer: metrics,
    };
  }

  /** Links this gateway to one node of a service. Rejects as `dial` does. */
  async connect(
    service: (typeof gatewayDependencies)[number],
    nodeId: string,
    dial: Dial,
    attributes: NodeAttributes = {},
  ): Promise<void> {
    const downlinks: { link?: Link<Channel> } = {};
    const connection = await dial((dialled) => {
      const link = new Link<Channel>(service, nodeId, dialled, attributes);
      downlinks.link = link;
      return new Downlink(this.gateway, link);
    });
    if (downlinks.link !== undefined && connection.isOpen) this.gateway.links.add(downlinks.link);
  }

  /** Opens a client listener; returns `host:port` as bound. Throws when the address cannot be bound. */
  listen(kind: "ws" | "tcp", address: ListenAddress): string {
    const listen = kind === "ws" ? listenWebSocket : listenTcp;
    const server = listen(address, this.acceptor, this.transport);
    this.servers.push(server);
    return server.address;
  }

  /** Services without a node that can be chosen: the gateway is ready when there are none. */
  missingServices(): readonly string[] {
    return this.gateway.links.missing();
  }

  /** Reads the route file again; undefined when there is none. */
  reloadRouteFile(): Reload | undefined {
    if (this.route === undefined) return undefined;
    const { path, selector } = this.route;
    return reloadRouteFile(path, (rules) => {
      selector.replaceRules(rules);
      this.gateway.links.forgetChoices();
    });
  }

  /** Client connections, signed in or not yet. */
  get connections(): number {
    return this.gateway.metrics.channels;
  }

  /**
   * Stops accepting, lets what was read be answered for at most `answerMsMax`, then closes every client with 1012.
   * Requests that are read meanwhile are refused with ServiceUnavailable.
   */
  async drain(answerMsMax: number): Promise<void> {
    const { gateway } = this;
    gateway.isDraining = true;
    for (const server of this.servers) server.stopAccepting();
    const endMs = performance.now() + answerMsMax;
    while (this.unanswered() > 0 && performance.now() < endMs) await Bun.sleep(5);
    await Promise.all(this.servers.map((server) => server.close(closeLeaving)));
    for (const link of [...gateway.links.all()]) link.connection.close(closeLeaving);
  }

  private unanswered(): number {
    let requests = 0;
    for (const link of this.gateway.links.all()) requests += link.pending.size;
    return requests;
  }
}
