import { join } from "node:path";
import type { Store } from "../../src/store/store.ts";

/**
 * Reads bob's index page by page while two processes append to the store. Returns the ids in the order in which they
 * were shown, and those that the processes got. `words`: for store-child.ts.
 */
export async function readBesideTwoWriters(
  store: Store,
  ...words: readonly string[]
): Promise<{ readonly shown: bigint[]; readonly written: bigint[] }> {
  const children = [0, 1].map(() =>
    Bun.spawn([process.execPath, join(import.meta.dir, "store-child.ts"), ...words], {
      stdout: "pipe",
      stderr: "inherit",
    }),
  );
  let isDone = false;
  const outputs = Promise.all(children.map((child) => new Response(child.stdout).text())).then((texts) => {
    isDone = true;
    return texts;
  });
  const shown: bigint[] = [];
  for (let after = 1n, wasDone = false; ; wasDone = isDone) {
    const page = await store.index({ app: "app", account: "bob", device: "", after, includeSent: false, limit: 100 });
    for (const { messageId } of page) shown.push(messageId);
    after = page.at(-1)?.messageId ?? after;
    if (page.length === 0 && wasDone) break;
  }
  const written = (await outputs).flatMap((text) => text.split("\n").slice(0, -1)).map(BigInt);
  return { shown, written };
}
