// One service that a gateway depends on: watches its nodes in the registry, and dials each one, repeatedly as long as
// the registry lists it. It keeps an established link whatever the registry lists: a wrong or empty registry must not
// end a working link.
//
// Of two processes with one id exactly one stays, in whatever order nodes hear of them. The lesser incarnation exits as
// soon as a node refuses it, unless it is established: it has a link that is older than the time for which the greater
// one tries. The greater one exits after that time, when the lesser one must be established.

import { reasonOf } from "../base/reason-of.ts";
import type { Clock } from "../base/clock.ts";
import { hasProof } from "../auth/instance-proof.ts";
import type { ClusterKeys } from "../auth/cluster-keys.ts";
import type { LinkIdentity } from "../auth/link-proof.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Naming } from "../registry/client/naming.ts";
import { instanceWeight } from "../registry/client/zone-balance.ts";
import type { Instance } from "../registry/instance.ts";
import type { Cancel, Timers } from "../base/timers.ts";
import type { Connection, FrameHandler } from "../transport/transport.ts";
import { closeLeaving } from "../wire/close-reason.ts";
import { Link, type Links } from "./links.ts";
import type { SameStores } from "./same-stores.ts";
import { DiallingHandshake, LinkRefused, type Met } from "../link/dialling-handshake.ts";
import type { Dial } from "../link/link-network.ts";
import type { LinkState } from "../link/link-state.ts";

/** The first and the maximum delay of a redial: half of it fixed, half random. */
const redialMsMin = 50;
const redialMsMax = 2_000;
/** A link that has lasted this long resets the back-off. */
const steadyMs = 1_000;

/** The gateway does not wait for a node after this many failed attempts in a row. */
const deadAfterFailures = 3;

/**
 * How long this process asks again for an id that a lesser incarnation holds: longer than a lesser one that started at
 * the same moment takes to be refused elsewhere (a node waits a second for a sign of life) and to end. A process that
 * has had a link for longer is established: it serves clients, and does not end for a newcomer, which has to give up.
 */
const contestMsMax = 3_000;

const noOwner: FrameHandler = { frame() {}, closed() {} };

/** The parts that all dependencies of a process share. */
interface DependencyHost<Owner> {
  readonly identity: LinkIdentity;
  readonly keys: Pick<ClusterKeys, "all">;
  readonly naming: Naming;
  readonly dial: Dial;
  readonly links: Links<Owner>;
  /** Decides whether a node may be linked. */
  readonly stores: SameStores;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly timers: Timers;
  readonly random: Random;
  readonly limits: Limits;
  readonly log: Log;
  /** Makes the reader of a link; its `closed` removes the link from `links`. */
  readonly handlerOf: (link: Link<Owner>) => FrameHandler;
  /** Called if another live process holds this process's id and stays: this one has to exit. */
  readonly idTaken: (sentence: string) => void;
}

interface Node<Owner> {
  readonly id: string;
  /** The registry's entry; undefined if it is no longer listed. */
  instance: Instance | undefined;
  connection: Connection | undefined;
  /** The current link, or the last one. */
  link: Link<Owner> | undefined;
  isDialling: boolean;
  failures: number;
  /** Why the last attempt failed, for an operator. */
  reason: string;
  /** When the node began to refuse this process for a lesser incarnation, on the monotonic clock; else undefined. */
  contestedSinceMs: number | undefined;
  cancel: Cancel | undefined;
}

export class Dependency<Owner> {
  readonly service: string;
  private readonly host: DependencyHost<Owner>;
  private readonly nodes = new Map<string, Node<Owner>>();
  private isStopped = false;

  constructor(service: string, host: DependencyHost<Owner>) {
    this.service = service;
    this.host = host;
  }

  /** Starts watching and dialling. */
  start(): void {
    this.host.naming.subscribe(this.service, (instances) => this.listed(instances));
  }

  /** Stops dialling; links stay until they are closed. */
  stop(): void {
    this.isStopped = true;
    this.host.naming.unsubscribe(this.service);
    for (const { cancel } of this.nodes.values()) cancel?.();
  }

  /** Ends all links. */
  close(): void {
    for (const { connection } of this.nodes.values()) connection?.close(closeLeaving);
  }

  /** Whether there is a node, and each listed one is linked, or counts as dead after several failed attempts. */
  get isComplete(): boolean {
    const listed = [...this.nodes.values()].filter(({ instance }) => instance !== undefined);
    const isSettled = ({ connection, failures, instance }: Node<Owner>): boolean =>
      connection?.isOpen === true || failures >= deadAfterFailures || !instance || linkAddress(instance) === undefined;
    return listed.some(({ connection }) => connection?.isOpen === true) && listed.every(isSettled);
  }

  /** Listed nodes that count as dead after several failed attempts, and why the last one failed. */
  get gone(): { readonly id: string; readonly reason: string }[] {
    const isGone = ({ instance, connection, failures }: Node<Owner>): boolean =>
      instance !== undefined && connection === undefined && failures >= deadAfterFailures;
    return [...this.nodes.values()].filter(isGone).map(({ id, reason }) => ({ id, reason }));
  }

  private listed(instances: readonly Instance[]): void {
    this.host.stores.listed(this.service, instances);
    const ids = new Set(instances.map(({ hostname }) => hostname));
    for (const node of this.nodes.values()) {
      if (ids.has(node.id)) continue;
      node.instance = undefined;
      this.forgetIfGone(node);
    }
    for (const instance of instances) {
      const { hostname: id } = instance;
      let node = this.nodes.get(id);
      if (node === undefined) {
        node = {
          id,
          instance,
          connection: undefined,
          link: undefined,
          isDialling: false,
          failures: 0,
          reason: "",
          contestedSinceMs: undefined,
          cancel: undefined,
        };
        this.nodes.set(id, node);
      }
      // A node that has moved is dialled at its new address at once.
      const isNew = node.instance?.metadata.get("incarnation") !== instance.metadata.get("incarnation");
      node.instance = instance;
      if (node.link !== undefined) this.host.links.setWeight(node.link, instanceWeight(instance));
      if (node.connection === undefined && (isNew || node.failures === 0)) this.plan(node, 0);
    }
  }

  private plan(node: Node<Owner>, delayMs: number): void {
    if (this.isStopped || node.isDialling) return;
    node.cancel?.();
    node.cancel = this.host.timers.after(delayMs, () => {
      node.cancel = undefined;
      void this.dial(node);
    });
  }

  private async dial(node: Node<Owner>): Promise<void> {
    const { instance } = node;
    const address = instance && linkAddress(instance);
    if (this.isStopped || instance === undefined || address === undefined || node.connection !== undefined) return;
    node.isDialling = true;
    try {
      await this.link(node, address, hasProof(instance.metadata));
    } catch (error) {
      forgetIfClosed(node);
      this.failed(node, address, error);
    } finally {
      node.isDialling = false;
    }
    if (node.connection === undefined) this.retry(node);
  }

  /** Dials and runs the handshake; resolves when the link is established. */
  private async link(node: Node<Owner>, address: string, isProven: boolean): Promise<void> {
    const { host, service } = this;
    const handshakes: DiallingHandshake[] = [];
    await host.dial(address, (connection) => {
      const declines = ({ stores }: LinkState): string | undefined =>
        host.stores.admits({ service, id: node.id }, stores);
      const parts = { ...host, clusterKeys: host.keys.all, expectedId: node.id, address, isProven, declines };
      const handshake = new DiallingHandshake(connection, parts, (met) => this.stands(node, connection, met));
      handshakes.push(handshake);
      return handshake;
    });
    const met = await handshakes[0]?.met;
    host.log.info("linked", { service, node: node.id, address, ready: met?.state.isReady });
  }

  /** The link is established: from now on its owner reads it. */
  private stands(node: Node<Owner>, connection: Connection, { state }: Met): FrameHandler {
    const { host, service } = this;
    const { instance } = node;
    if (this.isStopped) {
      host.stores.left({ service, id: node.id });
      connection.close(closeLeaving);
      return noOwner;
    }
    const link = new Link<Owner>(service, node.id, connection, {
      zone: instance?.metadata.get("zone") ?? instance?.zone ?? "",
      weight: instance === undefined ? 1 : instanceWeight(instance),
      isReady: state.isReady,
      sinceMs: host.clock.monotonicMs(),
      requestsMax: host.limits.values.requestsPerLink,
    });
    link.load = state.load;
    const owner = host.handlerOf(link);
    node.connection = connection;
    node.link = link;
    node.contestedSinceMs = undefined;
    host.links.add(link);
    return {
      frame: (bytes, start, end) => owner.frame(bytes, start, end),
      closed: (reason) => {
        try {
          host.stores.left({ service, id: node.id });
          owner.closed(reason);
        } finally {
          // Also after a bug in the owner: a listed node is dialled again.
          if (node.connection === connection) node.connection = undefined;
          // A link that ends at once counts as a failed attempt.
          node.failures = host.clock.monotonicMs() - link.sinceMs < steadyMs ? node.failures + 1 : 0;
          node.reason = `it closed the link: ${reason.code} ${reason.text}`;
          if (!this.isStopped) this.retry(node);
        }
      },
    };
  }

  private failed(node: Node<Owner>, address: string, error: unknown): void {
    const { host, service } = this;
    const nowMs = host.clock.monotonicMs();
    if (error instanceof LinkRefused && error.isContested) {
      node.contestedSinceMs ??= nowMs;
      // Not a failure of the node: clients are not accepted while the id is contested.
      if (nowMs - node.contestedSinceMs > contestMsMax) host.idTaken(error.message);
      return;
    }
    node.contestedSinceMs = undefined;
    if (error instanceof LinkRefused && error.isIdTaken && !this.isEstablished(nowMs)) {
      host.idTaken(error.message);
      return;
    }
    if (error instanceof LinkRefused && error.isDeclined) {
      // The state is known: there is nothing to wait for, and the log has its line.
      node.failures = Math.max(node.failures + 1, deadAfterFailures);
      node.reason = error.message;
      return;
    }
    const reason = reasonOf(error);
    const isOther = reason !== node.reason;
    node.reason = reason;
    // Two lines at most for each loss: a node that is away for long is tried often.
    const count = ++node.failures;
    if (count > 1 && !(count === deadAfterFailures && isOther)) return;
    host.log.warn("a node cannot be linked; trying on", { service, node: node.id, address, reason });
  }

  /** Whether this process has held its id at a node of any service for longer than another process contests it. */
  private isEstablished(nowMs: number): boolean {
    for (const { sinceMs } of this.host.links.all()) if (nowMs - sinceMs > contestMsMax) return true;
    return false;
  }

  private retry(node: Node<Owner>): void {
    if (this.forgetIfGone(node)) return;
    const boundMs = Math.min(redialMsMin * 2 ** Math.min(node.failures, 30), redialMsMax);
    this.plan(node, boundMs / 2 + ((this.host.random.uint32() / 2 ** 32) * boundMs) / 2);
  }

  /** Forgets a node that is neither listed nor linked. */
  private forgetIfGone(node: Node<Owner>): boolean {
    // A node that is being dialled is checked at the end of the attempt.
    if (node.instance !== undefined || node.connection !== undefined || node.isDialling) return false;
    node.cancel?.();
    this.nodes.delete(node.id);
    return true;
  }
}

/** Clears a connection that has ended unnoticed, after a bug while the link was set up. */
function forgetIfClosed(node: Pick<Node<unknown>, "connection">): void {
  if (node.connection?.isOpen === false) node.connection = undefined;
}

/** Returns the address at which a node accepts links: `host:port`, or `tls://host:port`. */
export function linkAddress({ metadata, addrs }: Instance): string | undefined {
  const link = metadata.get("link") ?? addrs.find((address) => /^(?:tcp|tls):\/\//.test(address));
  return link?.replace(/^tcp:\/\//, "");
}
