// The open connections of an HTTP server: how many each address has, and which one to end for a new one.

import { Counts } from "../../base/counts.ts";
import type { Phase } from "./connection-host.ts";
import type { HttpConnection } from "./http-connection.ts";

/** A connection younger than this is ended last. */
const youngMs = 1_000;
/** If unfinished requests hold this share of all places, they are ended first: they may be an attack. */
const unfinishedShare = 0.25;
/** A client that reads an answer for longer than this may be ended, too. */
const slowMs = 5_000;

export class OpenConnections {
  private readonly all = new Set<HttpConnection>();
  private readonly byAddress = new Counts<string>();
  /** Connections that may be ended, with the start of their phase, the longest first. */
  private readonly lingering = new Map<HttpConnection, number>();
  private readonly unfinished = new Map<HttpConnection, number>();
  private readonly idle = new Map<HttpConnection, number>();
  private readonly sending = new Map<HttpConnection, number>();
  private readonly byPhase: { readonly [phase in Phase]?: Map<HttpConnection, number> } = {
    head: this.unfinished,
    body: this.unfinished,
    idle: this.idle,
    sending: this.sending,
    lingering: this.lingering,
  };

  get size(): number {
    return this.all.size;
  }

  /** Connections of the address that has most. */
  get sizeOfLargest(): number {
    return this.byAddress.most;
  }

  [Symbol.iterator](): Iterator<HttpConnection> {
    return this.all.values();
  }

  ofAddress(quota: string): number {
    return this.byAddress.of(quota);
  }

  /** `quota` is what the connection's address counts as; '' for one without a bound. */
  add(connection: HttpConnection, quota: string): void {
    this.all.add(connection);
    if (quota !== "") this.byAddress.add(quota);
  }

  remove(connection: HttpConnection, quota: string): void {
    this.all.delete(connection);
    if (quota !== "") this.byAddress.add(quota, -1);
  }

  /** The connection has entered its phase. */
  entered(connection: HttpConnection, nowMs: number): void {
    for (const group of [this.lingering, this.unfinished, this.idle, this.sending]) group.delete(connection);
    this.byPhase[connection.phase]?.set(connection, nowMs);
  }

  /** Returns the connection to end for a new one: never one that waits for its answer, or reads it fast enough. */
  longestSilent(nowMs: number, connectionsMax: number): HttpConnection | undefined {
    const isBesieged = this.unfinished.size >= connectionsMax * unfinishedShare;
    const first = (group: ReadonlyMap<HttpConnection, number>, atLeastMs: number): HttpConnection | undefined => {
      for (const [connection, sinceMs] of group) return nowMs - sinceMs >= atLeastMs ? connection : undefined;
      return undefined;
    };
    return (
      first(this.lingering, 0) ??
      first(this.unfinished, isBesieged ? 0 : youngMs) ??
      first(this.idle, 0) ??
      first(this.sending, slowMs) ??
      first(this.unfinished, 0)
    );
  }
}
