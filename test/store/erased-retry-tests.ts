// What every store promises of retries of messages that are erased: their clientIds are gone, and known still.

import { expect, test } from "bun:test";
import { deletedAccount } from "../support/deleted-account.ts";
import type { ConversationAsks } from "./conversation-asks.ts";
import { ofTest, stored } from "./samples.ts";

export function erasedRetryTests(asks: ConversationAsks): void {
  const { send, sent, edit, recall, newGroup, message } = asks;
  const deleted = async (account: string): Promise<void> => {
    const operation = await deletedAccount(asks.store.backEnd.data, ofTest.app, account);
    expect(operation).toMatchObject({ state: "done", account: "" });
  };

  test("a retry of a recalled message is a repetition; with another receiver it is refused", async () => {
    await newGroup("g1", "ann", "bob");
    const talk = { body: "one", clientId: "personal: one" };
    const first = await send("ann", "bob", talk);
    const second = await send("ann", "@g1", { body: "two", clientId: "personal: two" });
    for (const id of [first, second]) expect(await recall("ann", id)).toMatchObject({ result: "stored" });
    expect(await sent("ann", "bob", talk)).toMatchObject({ result: "stored", messageId: first, repeated: true });
    expect(await sent("ann", "bob", { ...talk, body: "another text" })).toMatchObject({
      messageId: first,
      repeated: true,
    });
    expect(await sent("ann", "@g1", { clientId: "personal: two" })).toMatchObject({
      messageId: second,
      repeated: true,
    });
    for (const to of ["joe", "ann", "somebody new", "@g1"])
      expect([to, await sent("ann", to, talk)]).toEqual([to, { result: "conflict" }]);
    expect(await asks.names("somebody new")).toEqual([]);
    const fresh = stored(await sent("ann", "bob", { body: "three", clientId: "personal: three" }));
    expect(fresh).toMatchObject({ repeated: false });
    // The clientId is the sender's own: another one may have it.
    expect(await sent("bob", "ann", talk)).toMatchObject({ result: "stored", repeated: false });
    expect(await sent("ann", "bob", talk)).toMatchObject({ messageId: first, repeated: true });
    expect(await asks.opened.place.check?.()).toEqual([]);
  });

  test("who sends what the store keeps instead of a clientId repeats nothing", async () => {
    const first = await send("ann", "bob", { clientId: "c" });
    await recall("ann", first);
    for (const clientId of ["", "erased:", `erased:${"0".repeat(57)}`])
      expect(await sent("ann", "bob", { clientId })).toMatchObject({ result: "stored", repeated: false });
  });

  test("a retry of an edit is one also when the message is erased, and another edit is refused", async () => {
    const id = await send("ann", "bob");
    const change = { body: "edited", clientId: "personal: edit" };
    expect(await edit("ann", id, change)).toMatchObject({ result: "stored" });
    const repeat = await edit("ann", id, change);
    expect(repeat).toMatchObject({ result: "unchanged" });
    await recall("ann", id);
    expect(await edit("ann", id, change)).toEqual(repeat);
    expect(await edit("ann", id, { ...change, clientId: "another" })).toEqual({ result: "recalled" });
    expect(await message("bob", id)).toMatchObject({ recalled: true, body: "" });
  });

  test("a retry of a message to a deleted account goes to nobody who has its name now", async () => {
    const talk = { body: "for the former eve", clientId: "personal: to eve" };
    await send("bob", "eve", talk);
    await send("eve", "bob", { clientId: "personal: of eve" });
    await deleted("eve");
    expect(await sent("bob", "eve", talk)).toEqual({ result: "conflict" });
    await send("ann", "eve");
    expect(await sent("bob", "eve", talk)).toEqual({ result: "conflict" });
    expect(await asks.names("eve")).toEqual(["ann"]);
  });

  test("the clientIds of a deleted account are those of nobody who has its name next", async () => {
    const talk = { body: "x", clientId: "personal: of eve" };
    const former = await send("eve", "bob", talk);
    await deleted("eve");
    const next = await sent("eve", "bob", talk);
    expect(next).toMatchObject({ result: "stored", repeated: false });
    expect(stored(next).messageId).not.toBe(former);
    expect(await sent("eve", "bob", talk)).toMatchObject({ repeated: true });
  });
}
