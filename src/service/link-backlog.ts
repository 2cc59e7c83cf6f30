// The packets for a gateway whose link is full. They are sent when the link has sent half of its bytes. Answers are
// queued, because each frees a request's ticket at the gateway, and so are packets that are sent only once. Pushes of
// messages are dropped, and their receivers are told to read the index.
//
// Memory: an empty backlog is one object for each link. The queue is bounded; beyond the bound the link is closed, and
// its gateway answers its clients itself and tells them to read the index.

import { pushChannelsCharactersMax } from "../base/limits/fixed.ts";
import type { Cancel, Timers } from "../base/timers.ts";
import type { Connection } from "../transport/transport.ts";
import { type CloseReason, CloseCode } from "../wire/close-reason.ts";
import { Command } from "../wire/commands.ts";
import { writePush } from "../wire/packet-stamp.ts";

/** The maximum size of the queued packets, in bytes. */
export const backlogBytesMax = 16 * 1024 * 1024;
/** The overhead of a queued packet, in bytes. */
const packetBytes = 128;
/** If more connections than this have missed a push, the link is closed. */
const missedMax = 50_000;
/** The interval at which a full link is checked. */
const lookMs = 10;

const noBody = new Uint8Array(0);
const closeFull: CloseReason = { code: CloseCode.Overload, text: "the link reads too slowly" };

interface Waiting {
  readonly packet: Uint8Array;
  readonly isAnswer: boolean;
}

/** The backlog of one link. */
export class LinkBacklog {
  private readonly gateway: string;
  private readonly connection: Connection;
  private waiting: Waiting[] = [];
  private bytes = 0;
  /** The connections that have missed a push. */
  private readonly missed = new Set<string>();
  /** The unsent bytes of the link when it was full. */
  private fullBytes = 0;
  private readonly timers: Pick<Timers, "after">;
  private cancelLook: Cancel | undefined;
  /** The number of queued answers. */
  answers = 0;

  constructor(gateway: string, connection: Connection, timers: Pick<Timers, "after">) {
    this.gateway = gateway;
    this.connection = connection;
    this.timers = timers;
  }

  /** Whether packets wait, or connections that missed a push are to be told. */
  get isWaiting(): boolean {
    return this.waiting.length > 0 || this.missed.size > 0;
  }

  /** Queues an answer that the link had no room for. The backlog owns the packet from now on. */
  answer(packet: Uint8Array): void {
    if (this.keep({ packet, isAnswer: true })) this.answers++;
  }

  /** Queues another packet that the link had no room for. */
  add(packet: Uint8Array): void {
    this.keep({ packet, isAnswer: false });
  }

  /** Records that connections, comma-joined, have missed a push. */
  missedBy(channels: string): void {
    const { connection, missed } = this;
    if (!connection.isOpen) return;
    for (const id of channels.split(",")) missed.add(id);
    if (missed.size > missedMax) connection.close(closeFull);
    else this.lookLater();
  }

  /** Drops everything; call when the link has ended. */
  clear(): void {
    this.cancelLook?.();
    this.cancelLook = undefined;
    this.waiting = [];
    this.bytes = 0;
    this.answers = 0;
    this.missed.clear();
  }

  private keep(item: Waiting): boolean {
    const { connection } = this;
    if (!connection.isOpen) return false;
    this.bytes += item.packet.length + packetBytes;
    if (this.bytes > backlogBytesMax) {
      connection.close(closeFull);
      return false;
    }
    this.waiting.push(item);
    this.lookLater();
    return true;
  }

  private lookLater(): void {
    if (this.cancelLook !== undefined) return;
    this.fullBytes = this.connection.unsentBytes;
    this.cancelLook = this.timers.after(lookMs, this.look);
  }

  private readonly look = (): void => {
    this.cancelLook = undefined;
    const { connection, fullBytes } = this;
    if (!connection.isOpen) return;
    if (connection.unsentBytes <= fullBytes / 2) {
      try {
        this.send();
      } catch (bug) {
        connection.fail(bug);
        return;
      }
    }
    if (this.waiting.length === 0 && this.missed.size === 0) return;
    this.cancelLook = this.timers.after(lookMs, this.look);
    // The link may be full again, with more bytes.
    this.fullBytes = Math.max(fullBytes, connection.unsentBytes);
  };

  private send(): void {
    const { connection, waiting } = this;
    let sent = 0;
    for (const { packet, isAnswer } of waiting) {
      if (!connection.send(packet)) break;
      sent++;
      this.bytes -= packet.length + packetBytes;
      if (isAnswer) this.answers--;
    }
    this.waiting = waiting.slice(sent);
    if (this.waiting.length === 0) this.sendHints();
  }

  /** Tells the connections that missed a push to read the index, as many at a time as a header has room for. */
  private sendHints(): void {
    const { connection, gateway, missed } = this;
    while (missed.size > 0) {
      const ids: string[] = [];
      let characters = 0;
      for (const id of missed) {
        characters += id.length + 1;
        if (ids.length > 0 && characters > pushChannelsCharactersMax) break;
        ids.push(id);
      }
      if (!writePush(connection, Command.Sync, "", 0, "", noBody, gateway, ids.join(","))) return;
      for (const id of ids) missed.delete(id);
    }
  }
}
