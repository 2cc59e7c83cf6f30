// The rows of a conversation: messages, the days between them, and the line above what is new. Pure.

import type { ChatMessage } from "../../sdk/messenger/messenger.ts";
import { dayOf } from "../texts/texts.ts";
import { overlap } from "./overlap.ts";

/** Messages of one author within this time are one group, in milliseconds. */
const groupMs = 5 * 60_000;

export interface Row {
  /** Of a message: stays while it comes from the outbox to the server. */
  readonly key: string;
  readonly kind: "day" | "new" | "message";
  /** Milliseconds since 1970, and its day in the reader's zone. */
  readonly time: number;
  readonly day: number;
  readonly message: ChatMessage | undefined;
  /** Whether it begins a group: it shows the author and the time. */
  readonly isFirst: boolean;
  /** In pixels, as it was measured last; 0: not yet. */
  height: number;
}

/** A message's time in milliseconds. */
export const timeOf = ({ sendTime }: ChatMessage): number => Number(sendTime / 1_000_000n);
export const keyOfMessage = ({ clientId, id }: ChatMessage): string => clientId || String(id);

/**
 * Makes the rows of one conversation; an unchanged message's row stays the same object, with its height. Rows are made
 * of messages that have come or changed, and of those behind them until they come out as before; the others are copied
 * with their list.
 */
export class Rows {
  /** Messages above it, of others, are new. */
  private readonly readId: bigint | undefined;
  private readonly me: string;
  private readonly cached = new WeakMap<ChatMessage, Row>();
  private readonly others = new Map<string, Row>();
  /** What was made last: the rows, which of them are no messages, and before which message the new ones begin. */
  private messages: readonly ChatMessage[] = [];
  private rows: readonly Row[] = [];
  private otherAts: readonly number[] = [];
  private newAt: number;

  constructor(me: string, readId: bigint | undefined) {
    this.me = me;
    this.readId = readId;
    this.newAt = readId === undefined ? -1 : Infinity;
  }

  of(messages: readonly ChatMessage[]): readonly Row[] {
    const { messages: formerMessages, rows: formerRows, otherAts: formerAts, newAt: formerNewAt } = this;
    const { start, end } = overlap(formerMessages, messages);
    const more = messages.length - formerMessages.length;
    let rows = start === 0 ? [] : formerRows.slice(0, this.rowAt(start - 1) + 1);
    let otherAts = formerAts.filter((at) => at < rows.length);
    let newAt = this.readId !== undefined && formerNewAt >= start ? Infinity : formerNewAt;
    let former = rows.at(-1);
    for (let at = start; at < messages.length; at++) {
      const message = messages[at];
      if (message === undefined) break;
      const formerAt = at - more;
      const known = at < messages.length - end ? undefined : this.rowAt(formerAt);
      const time = timeOf(message);
      const day = dayAfter(former, message, time);
      let isFirst = !continues(former, message, time);
      if (day !== former?.day) {
        otherAts.push(rows.length);
        rows.push(this.other("day", time, day));
        isFirst = true;
      }
      if (newAt === Infinity && message.sender !== this.me && message.id > (this.readId ?? 0n)) {
        otherAts.push(rows.length);
        rows.push(this.other("new", time, day));
        newAt = at;
        isFirst = true;
      }
      former = this.cached.get(message);
      const isSame = former?.isFirst === isFirst && former.day === day;
      if (former === undefined || !isSame) {
        former = { key: keyOfMessage(message), kind: "message", time, day, message, isFirst, height: 0 };
        this.cached.set(message, former);
      }
      rows.push(former);
      // From here on everything is as before, if the new messages have begun in both or in neither.
      if (known !== undefined && isSame && newAt <= at === formerNewAt <= formerAt) {
        const shift = rows.length - known - 1;
        rows = rows.concat(formerRows.slice(known + 1));
        otherAts = otherAts.concat(formerAts.filter((other) => other > known).map((other) => other + shift));
        if (newAt === Infinity) newAt = formerNewAt + more;
        break;
      }
    }
    this.messages = messages;
    this.rows = rows;
    this.otherAts = otherAts;
    this.newAt = newAt;
    return rows;
  }

  /** Where the row of a message is among those that were made last. */
  private rowAt(message: number): number {
    let row = message;
    for (const at of this.otherAts) {
      if (at > row) break;
      row++;
    }
    return row;
  }

  private other(kind: "day" | "new", time: number, day: number): Row {
    const key = kind === "day" ? `day ${day}` : kind;
    const known = this.others.get(key);
    const row = known ?? { key, kind, time, day, message: undefined, isFirst: true, height: 0 };
    this.others.set(key, row);
    return row;
  }
}

/**
 * Days only go on: clocks of servers differ a little. What waits to be sent has the time of this machine, which may be
 * wrong by days; it belongs to the day before it.
 */
function dayAfter(former: Row | undefined, { state }: ChatMessage, time: number): number {
  const day = dayOf(time);
  if (former === undefined) return day;
  return state === "stored" ? Math.max(day, former.day) : former.day;
}

/** Whether a message belongs to the group of the one before it. */
function continues(former: Row | undefined, { sender }: ChatMessage, time: number): boolean {
  return former?.message?.sender === sender && time - former.time <= groupMs;
}
