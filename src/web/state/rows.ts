// The rows of a conversation: messages, the days between them, and the line above what is new. Pure.

import type { ChatMessage } from "../../sdk/messenger/messenger.ts";
import { dayOf } from "../texts/texts.ts";

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

type Part<Element> = readonly Element[];

/** The rows of a part, and on what else they depend: the row before them, and whether what is new has begun by then. */
interface Made {
  readonly rows: Part<Row>;
  readonly former: Row | undefined;
  readonly wasNew: boolean;
  /** Whether it has begun behind them. */
  readonly isNew: boolean;
}

/**
 * Makes the rows of one conversation, in the parts that its messages come in. A part that has not changed, behind the
 * same row, keeps its array; an unchanged message keeps its row, with its height.
 */
export class Rows {
  /** Messages above it, of others, are new. */
  private readonly readId: bigint | undefined;
  private readonly me: string;
  private readonly made = new WeakMap<Part<ChatMessage>, Made>();
  private readonly cached = new WeakMap<ChatMessage, Row>();
  private readonly others = new Map<string, Row>();

  constructor(me: string, readId: bigint | undefined) {
    this.me = me;
    this.readId = readId;
  }

  of(parts: Part<Part<ChatMessage>>): Part<Part<Row>> {
    let former: Row | undefined;
    let isNew = this.readId === undefined;
    return parts.map((part) => {
      let made = this.made.get(part);
      if (made === undefined || made.former !== former || made.wasNew !== isNew) {
        made = this.make(part, former, isNew);
        this.made.set(part, made);
      }
      former = made.rows.at(-1) ?? former;
      ({ isNew } = made);
      return made.rows;
    });
  }

  private make(part: Part<ChatMessage>, before: Row | undefined, wasNew: boolean): Made {
    const rows: Row[] = [];
    let [former, isNew] = [before, wasNew];
    for (const message of part) {
      const time = timeOf(message);
      const day = dayAfter(former, message, time);
      let isFirst = !continues(former, message, time);
      if (day !== former?.day) {
        rows.push(this.other("day", time, day));
        isFirst = true;
      }
      if (!isNew && message.sender !== this.me && message.id > (this.readId ?? 0n)) {
        rows.push(this.other("new", time, day));
        isNew = isFirst = true;
      }
      former = this.cached.get(message);
      if (former?.isFirst !== isFirst || former.day !== day) {
        former = { key: keyOfMessage(message), kind: "message", time, day, message, isFirst, height: 0 };
        this.cached.set(message, former);
      }
      rows.push(former);
    }
    return { rows, former: before, wasNew, isNew };
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
