// What every store promises of the size of a page of an export: of accounts that block many others, and of messages
// with many reactions.

import { expect, test } from "bun:test";
import { exportNamesMax, reactionsExportedMax } from "../../src/base/limits/fixed.ts";
import type { ConversationAsks } from "./conversation-asks.ts";
import { ofTest } from "./samples.ts";

export function exportNamesTests(asks: ConversationAsks): void {
  test("a page of an export ends behind the account with which it names enough, and the next one goes on", async () => {
    const names = Array.from({ length: exportNamesMax / 2 }, (_, at) => `blocked${`${at}`.padStart(5, "0")}`);
    const { people, backEnd } = asks.store;
    const block = async (account: string, blocked: readonly string[]): Promise<void> => {
      for (let at = 0; at < blocked.length; at += 250) {
        const some = blocked.slice(at, at + 250);
        await Promise.all(some.map((one) => people.block({ app: ofTest.app, account, blocked: one, isOff: false })));
      }
    };
    // Accounts come in the order in which they were made.
    await asks.send("ann", "bob");
    await asks.send("cid", "cid");
    await block("ann", names);
    await block("bob", names);
    await block("cid", ["ann"]);
    const found: string[][] = [];
    for (let cursor = ""; ;) {
      const page = await backEnd.data.export({ app: ofTest.app, cursor, limit: 500 });
      if (page.result !== "page") throw new Error(page.result);
      const accounts = page.records.flatMap(({ account }) => account ?? []);
      if (accounts.length > 0) found.push(accounts.map(({ account, blocked }) => `${account} ${blocked.length}`));
      if (page.isEnd) break;
      ({ cursor } = page);
    }
    expect(found).toEqual([["ann 5000", "bob 5000"], ["cid 1"]]);
  });

  test("a page of an export ends behind the message with which it has enough reactions", async () => {
    const app = `${ofTest.app} imported`;
    const { data } = asks.store.backEnd;
    const reactions = Array.from({ length: reactionsExportedMax / 2 }, (_, at) => ({
      account: `a${at}`,
      reaction: "👍",
    }));
    for (const [at, given] of [reactions, [], reactions, reactions, []].entries()) {
      const message = { sender: "ann", account: "bob", sendTime: "5", body: `${at}`, reactions: given };
      const cursor = at === 0 ? "" : `${at}`;
      const page = { app, name: "first", cursor, records: [{ message }], isLast: false };
      expect(await data.import(page)).toMatchObject({ result: "stored" });
    }
    for (const query of [{}, { account: "ann" }]) {
      const found: string[] = [];
      for (let cursor = "m0"; ;) {
        const page = await data.export({ app, ...query, cursor, limit: 500 });
        if (page.result !== "page") throw new Error(page.result);
        const messages = page.records.flatMap(({ message }) => message ?? []);
        if (messages.length > 0)
          found.push(messages.map(({ body, reactions: given = [] }) => `${body}: ${given.length}`).join(", "));
        if (page.isEnd) break;
        ({ cursor } = page);
      }
      expect(found).toEqual(["0: 5000, 1: 0, 2: 5000", "3: 5000, 4: 0"]);
    }
  });
}
