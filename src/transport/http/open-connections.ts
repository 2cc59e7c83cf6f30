// The open connections of an HTTP server: how many each address has, and which one to end for a new one.

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
  private readonly byAddress = new Map<string, number>();
  /** Connections that may be ended, with the start of their phase, the longest first. */
  private readonly lingering = new Map<HttpConnection, number>();
  private readonly unfinished = new Map<HttpConnection, number>();
  private readonly idle = new Map<HttpConnection, number>();
  private readonly sending = new Map<HttpConnection, number>();

  get size(): number {
    return this.all.size;
  }

  /** Connections of the address that has most. */
  get sizeOfLargest(): number {
    let largest = 0;
    for (const count of this.byAddress.values()) largest = Math.max(largest, count);
    return largest;
  }

  [Symbol.iterator](): Iterator<HttpConnection> {
    return this.all.values();
  }

  ofAddress(quota: string): number {
    return this.byAddress.get(quota) ?? 0;
  }

  /** `quota` is what the connection's address counts as; '' for one without a bound. */
  add(connection: HttpConnection, quota: string): void {
    this.all.add(connection);
    if (quota !== "") this.byAddress.set(quota, this.ofAddress(quota) + 1);
  }

  remove(connection: HttpConnection, quota: string): void {
    this.all.delete(connection);
    if (quota === "") return;
    const count = this.ofAddress(quota) - 1;
    if (count > 0) this.byAddress.set(quota, count);
    else this.byAddress.delete(quota);
  }

  /** The connection has entered its phase. */
  entered(connection: HttpConnection, nowMs: number): void {
    for (const group of [this.lingering, this.unfinished, this.idle, this.sending]) group.delete(connection);
    this.groupOf(connection.phase)?.set(connection, nowMs);
  }

  private groupOf(phase: Phase): Map<HttpConnection, number> | undefined {
    switch (phase) {
      case "head":
      case "body":
        return this.unfinished;
      case "idle":
        return this.idle;
      case "sending":
        return this.sending;
      case "lingering":
        return this.lingering;
      default:
        return undefined;
    }
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
