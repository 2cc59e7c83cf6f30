// How a simulated client reads the index: all above its cursor, with the contents of what it does not know, and an
// acknowledgement of each page.

import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  EntryKind,
  MessageAckReqSchema,
  MessageContentReqSchema,
  MessageContentRespSchema,
  type MessageIndex,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import type { Known } from "./phone-disk.ts";
import type { ConnectionOwner } from "./phone-owner.ts";
import type { PhoneWire } from "./phone-wire.ts";

const contentsAtOnce = 200;

export class PhoneIndex {
  private readonly phone: ConnectionOwner;
  private readonly wire: PhoneWire;
  /** Between the begin of a read and its end; `again`: something came up meanwhile. */
  private reading: "no" | "once" | "again" = "no";
  /** Is told when entries or messages have been read. */
  private readonly done: () => void;

  constructor(phone: ConnectionOwner, wire: PhoneWire, done: () => void) {
    this.phone = phone;
    this.wire = wire;
    this.done = done;
  }

  get isReading(): boolean {
    return this.reading !== "no";
  }

  /** Reads all above the cursor. */
  read(): void {
    if (this.reading !== "no") {
      this.reading = "again";
      return;
    }
    this.reading = "once";
    this.readPage();
  }

  private readPage(): void {
    const { disk, hasFeature } = this.phone;
    const after = disk.cursor;
    const body = { messageId: after, includeSent: true, includeEvents: hasFeature };
    this.wire.ask(Command.OfflineIndex, "", MessageIndexReqSchema, body, (status, answer) => {
      if (status !== Status.Success) {
        this.wire.later(status, () => this.readPage());
        return;
      }
      const { indexes, reset } = fromBinary(MessageIndexRespSchema, answer);
      // An empty log has no id that is as high as the first cursor.
      if (reset && after > 1n) this.phone.broken("the index resets although nothing was deleted");
      let last = after;
      for (const { messageId: id, kind, refersTo } of indexes) {
        if (id <= last) this.phone.broken(`the index has ${id} behind ${last}`);
        last = id;
        if (kind === EntryKind.EntryMessage) continue;
        if (!hasFeature) this.phone.broken("the index shows an entry to a client without the feature");
        if (!disk.entries.has(id)) this.phone.learn(id, kind, refersTo);
      }
      const messages = indexes.filter(({ kind }) => kind === EntryKind.EntryMessage);
      this.readContents(messages, last);
    });
  }

  private readContents(indexes: readonly MessageIndex[], last: bigint): void {
    const { disk, confirmed } = this.phone;
    const wanted = new Map(
      indexes
        .filter(({ messageId }) => !disk.known.has(messageId))
        .slice(0, contentsAtOnce)
        .map((index) => [index.messageId, index]),
    );
    if (wanted.size === 0) {
      this.finishPage(last);
      return;
    }
    const began = confirmed.begin();
    this.wire.ask(
      Command.OfflineContent,
      "",
      MessageContentReqSchema,
      { messageIds: [...wanted.keys()] },
      (status, answer) => {
        if (status !== Status.Success) {
          this.wire.later(status, () => this.readContents(indexes, last));
          return;
        }
        const { contents } = fromBinary(MessageContentRespSchema, answer);
        if (contents.length < wanted.size) this.phone.broken("a message of the index has no content");
        for (const { messageId, body } of contents) {
          confirmed.shown(this.phone.label, messageId, body, began);
          const index = wanted.get(messageId);
          if (index !== undefined) this.phone.got(this.knownOf(index, body));
        }
        if (contents.length > 0) this.readContents(indexes, last);
        else this.finishPage(last);
      },
    );
  }

  private knownOf({ messageId, direction, accountB, group }: MessageIndex, text: string): Known {
    const sender = direction === 1 ? this.phone.account : accountB;
    const toGroup = group !== "";
    return { messageId, sender, toGroup, dest: toGroup ? group : accountB, text, isRecalled: text === "" };
  }

  private finishPage(last: bigint): void {
    const { disk } = this.phone;
    const isMore = last > disk.cursor;
    if (isMore) {
      disk.cursor = last;
      this.wire.ask(Command.TalkAck, "", MessageAckReqSchema, { messageId: last }, (status) => {
        if (status !== Status.Success && status < 300) this.phone.broken(`ack of ${last} is answered with ${status}`);
      });
    }
    const isAgain = this.reading === "again" || isMore;
    this.reading = isAgain ? "once" : "no";
    if (isAgain) this.readPage();
    else this.done();
  }
}
