// Fetches messages that have changed, many with one request. One that changes again while it is being fetched is
// fetched again.

import { Command } from "../../wire/commands.ts";
import { HistoryReq } from "../../wire/gen/messages/history-req.ts";
import { HistoryResp } from "../../wire/gen/messages/history-resp.ts";
import { contentIdsAsked } from "../../base/limits/fixed.ts";
import { Disconnected } from "../client-errors.ts";
import { type Deferred, deferred } from "../deferred.ts";
import type { Environment } from "../environment.ts";
import type { Ask } from "../ask.ts";
import { messageNow } from "./chat-message.ts";
import type { ChatMessage, Partner } from "./messenger-types.ts";
import { partnerOf } from "./partner.ts";

/** How long changes are collected, in milliseconds. */
const collectMs = 20;
/** The bound on messages that wait to be fetched; those beyond it are not. */
const waitingMax = 10_000;

export interface Found {
  readonly partner: Partner;
  readonly message: ChatMessage;
}

type Waiter = Deferred<Found | undefined>;

export class MessageFetcher {
  private readonly ask: Ask;
  private readonly environment: Environment;
  private readonly fetched: (id: bigint, found: Found | undefined) => void;
  private readonly queued = new Map<bigint, Waiter>();
  private isOnline = false;
  private isBusy = false;

  /**
   * `ask` rejects with Disconnected, or if a request is refused for good. `fetched` gets each message before those that
   * wait for it do; undefined: this account may not read it.
   */
  constructor(ask: Ask, environment: Environment, fetched: (id: bigint, found: Found | undefined) => void) {
    this.ask = ask;
    this.environment = environment;
    this.fetched = fetched;
  }

  /** Resolves when the message has been fetched, from now on; after the next sign-in if need be. */
  fetch(id: bigint): Promise<Found | undefined> {
    const waiter = this.queued.get(id) ?? deferred<Found | undefined>();
    if (this.queued.size < waitingMax) this.queued.set(id, waiter);
    else if (!this.queued.has(id)) waiter.resolve(undefined);
    this.later();
    return waiter.promise;
  }

  online(): void {
    this.isOnline = true;
    this.later();
  }

  offline(): void {
    this.isOnline = false;
  }

  private later(): void {
    if (this.isBusy || !this.isOnline || this.queued.size === 0) return;
    this.isBusy = true;
    this.environment.after(collectMs, () => void this.next());
  }

  private async next(): Promise<void> {
    const batch = [...this.queued].slice(0, contentIdsAsked);
    for (const [id] of batch) this.queued.delete(id);
    try {
      const messageIds = batch.map(([id]) => id);
      const { messages } = await this.ask(Command.History, HistoryReq, { messageIds }, HistoryResp);
      const found = new Map(
        messages.map((sent): [bigint, Found] => [
          sent.messageId,
          { partner: partnerOf(sent), message: messageNow(sent) },
        ]),
      );
      for (const [id, waiter] of batch) {
        this.fetched(id, found.get(id));
        waiter.resolve(found.get(id));
      }
    } catch (error) {
      for (const [id, waiter] of batch)
        if (error instanceof Disconnected) void this.fetch(id).then(waiter.resolve);
        else waiter.resolve(undefined);
    }
    this.isBusy = false;
    this.later();
  }
}
