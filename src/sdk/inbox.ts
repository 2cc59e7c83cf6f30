// What a client has received: each message is delivered once, whether a push or the index brings it, and the cursor that
// is acknowledged never passes a hole. A push delivers at once; only a read of the index proves that nothing is missing.

import type { MessagePush } from "../wire/gen/pkt_pb.ts";

/** A message as an application sees it. */
export interface Message {
  readonly id: bigint;
  readonly sender: string;
  /** '' for a direct message. */
  readonly group: string;
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  /** Nanoseconds since 1970. */
  readonly sendTime: bigint;
  /** True when the index brought it, false when a push did. */
  readonly isOffline: boolean;
}

/** What the inbox reads from the server. */
export interface InboxSource {
  /** Received messages above `after` in id order, at most a page; 0n: above the last acknowledged one. */
  index(after: bigint): Promise<readonly { id: bigint; sender: string; group: string; sendTime: bigint }[]>;
  contents(ids: readonly bigint[]): Promise<readonly { id: bigint; type: number; body: string; extra: string }[]>;
  acknowledge(id: bigint): Promise<void>;
}

/** Ids above the cursor that were delivered by pushes; beyond this many the index is read. */
const pushedIdsMax = 200;

/** Delivers messages once and keeps the cursor. */
export class Inbox {
  private readonly source: InboxSource;
  private readonly deliver: (message: Message) => void;
  /** Everything up to here is delivered. 0n: not known yet. */
  private cursor = 0n;
  private acknowledged = 0n;
  private readonly pushed = new Set<bigint>();
  private running: Promise<void> | undefined;
  private again = false;

  constructor(source: InboxSource, deliver: (message: Message) => void) {
    this.source = source;
    this.deliver = deliver;
  }

  /** True when pushes came that no read of the index has confirmed. */
  get isUnconfirmed(): boolean {
    return this.pushed.size > 0;
  }

  /** Takes a push. True when the index should be read now: the push names a message that has not been seen. */
  push(message: MessagePush, group: string): boolean {
    const { messageId: id, previousId, sender, type, body, extra, sendTime } = message;
    if (id <= this.cursor || this.pushed.has(id)) return false;
    this.pushed.add(id);
    this.deliver({ id, sender, group, type, body, extra, sendTime, isOffline: false });
    const isHole = previousId > this.cursor && !this.pushed.has(previousId);
    return isHole || this.pushed.size >= pushedIdsMax;
  }

  /** Reads the index up to its end, delivers what is new, acknowledges. One read at a time; a call meanwhile repeats it. */
  sync(): Promise<void> {
    if (this.running !== undefined) {
      this.again = true;
      return this.running;
    }
    this.running = this.run().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async run(): Promise<void> {
    do {
      this.again = false;
      await this.readToEnd();
    } while (this.again);
  }

  private async readToEnd(): Promise<void> {
    for (;;) {
      const page = await this.source.index(this.cursor);
      const last = page.at(-1);
      if (last === undefined) break;
      const unseen = page.filter(({ id }) => !this.pushed.has(id));
      const contents = new Map((await this.source.contents(unseen.map(({ id }) => id))).map((content) => [content.id, content]));
      for (const { id, sender, group, sendTime } of unseen) {
        const content = contents.get(id);
        // A push may have brought it while the contents were on their way.
        if (content === undefined || this.pushed.has(id)) continue;
        const { type, body, extra } = content;
        this.deliver({ id, sender, group, type, body, extra, sendTime, isOffline: true });
      }
      this.cursor = last.id;
      for (const id of this.pushed) if (id <= this.cursor) this.pushed.delete(id);
    }
    // A message of our own (from another device) is pushed but not in the index of what was received.
    if (this.cursor > this.acknowledged) {
      await this.source.acknowledge(this.cursor);
      this.acknowledged = this.cursor;
    }
  }
}
