// One who reads what is sent to it by a cursor, as clients do: behind the last message of the page before, again and
// again, also while servers fail. A message that appears before its cursor later is one that it never sees.

import type { RoostClient } from "../../src/sdk/roost-client.ts";

/** Between two looks at an index that had nothing new. */
const lookMs = 200;
/** An index that cannot be read for so long fails the run. */
const readMsMax = 120_000;
/** Messages have larger ids. */
const beginning = 1n;

export class CursorReader {
  readonly account: string;
  /** In the order in which its cursor met them. */
  readonly ids: bigint[] = [];
  private readonly client: RoostClient;
  private isOver = false;

  constructor(account: string, client: RoostClient) {
    this.account = account;
    this.client = client;
  }

  /** Reads until it is stopped and there is nothing more. Throws when the index cannot be read for long. */
  async read(): Promise<void> {
    for (;;) {
      const wasOver = this.isOver;
      const page = await this.page(this.ids.at(-1) ?? beginning);
      for (const { messageId } of page) this.ids.push(messageId);
      if (page.length === 0 && wasOver) return;
      if (page.length === 0) await Bun.sleep(lookMs * (0.5 + Math.random()));
    }
  }

  stop(): void {
    this.isOver = true;
  }

  /** All that its index holds now, from the beginning: the texts by id, in the order of ids. */
  async listed(): Promise<Map<bigint, string>> {
    const ids: bigint[] = [];
    for (let after: bigint | undefined = beginning; after !== undefined;) {
      const page = await this.page(after);
      ids.push(...page.map(({ messageId }) => messageId));
      after = page.at(-1)?.messageId;
    }
    const contents = await this.again(() => this.client.contents(ids));
    return new Map(contents.map(({ messageId, body }) => [messageId, body]));
  }

  private page(after: bigint): Promise<readonly { readonly messageId: bigint }[]> {
    return this.again(() => this.client.index(after, false));
  }

  private async again<T>(ask: () => Promise<T>): Promise<T> {
    for (const endMs = performance.now() + readMsMax; ;) {
      try {
        return await ask();
      } catch (error) {
        if (performance.now() > endMs) throw error;
        await Bun.sleep(lookMs);
      }
    }
  }
}
