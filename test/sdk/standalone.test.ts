// The client library against the real server in this process.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { RequestRefused } from "../../src/sdk/client-errors.ts";
import type { ClientOptions } from "../../src/sdk/client-options.ts";
import type { Message } from "../../src/sdk/message.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { until } from "../../scripts/harness/until.ts";
import { Messenger } from "../support/messenger.ts";

let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start();
});
afterAll(() => messenger.stop());

for (const transport of ["ws", "tcp"] as const) {
  describe(`over ${transport}`, () => {
    async function connect(account: string, options: Partial<ClientOptions> = {}) {
      const messages: Message[] = [];
      const client = await RoostClient.connect({
        url: `${transport}://${messenger[transport]}`,
        token: await messenger.token(account),
        ...options,
        on: { message: (message) => messages.push(message), ...options.on },
      });
      return { client, messages };
    }
    const name = (account: string): string => `${account}-${transport}`;

    test("two people talk, and what was sent to one who was away comes once", async () => {
      const { client: alice } = await connect(name("alice"));
      const early = await alice.talkToUser(name("bob"), { body: "are you there?" });
      let isSynced = false;
      const { client: bob, messages } = await connect(name("bob"), { on: { synced: () => void (isSynced = true) } });
      await until(() => isSynced, "the missed message");
      const live = await alice.talkToUser(name("bob"), { body: "good", type: 2, extra: "x" });
      await until(() => messages.length === 2, "the live message");
      const common = { sender: name("alice"), receiver: name("bob"), group: "", mentions: [], replyTo: 0n, media: [] };
      expect(messages).toEqual([
        {
          ...common,
          id: early.id,
          sendTime: early.sendTime,
          type: 1,
          body: "are you there?",
          extra: "",
          isOffline: true,
        },
        { ...common, id: live.id, sendTime: live.sendTime, type: 2, body: "good", extra: "x", isOffline: false },
      ]);
      await bob.close();
      const again = await connect(name("bob"));
      expect(await again.client.index(0n, false)).toEqual([]);
      expect(again.messages).toEqual([]);
      await Promise.all([alice.close(), again.client.close()]);
    });

    test("a group is created, joined, talked in and left", async () => {
      const { client: alice, messages } = await connect(name("ann"));
      const created: string[] = [];
      const { client: bob } = await connect(name("ben"), { on: { groupCreated: ({ group }) => created.push(group) } });
      const group = await alice.createGroup({ name: "team", members: [name("ben")] });
      await until(() => created.length === 1, "the notice");
      const { client: carol } = await connect(name("cat"));
      await carol.joinGroup(group);
      expect((await bob.members(group)).map(({ account }) => account).toSorted()).toEqual([
        name("ann"),
        name("ben"),
        name("cat"),
      ]);
      await bob.talkToGroup(group, { body: "hello all" });
      await until(() => messages.length === 1, "the message");
      expect(messages[0]).toMatchObject({ sender: name("ben"), receiver: "", group, body: "hello all" });
      await carol.quitGroup(group);
      const error = await carol.talkToGroup(group, { body: "still here?" }).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(RequestRefused);
      expect(error).toMatchObject({ status: Status.Forbidden });
      await Promise.all([alice.close(), bob.close(), carol.close()]);
    });

    test("a repeated clientId stores nothing again", async () => {
      const { client } = await connect(name("dan"));
      const [one, two] = await Promise.all([
        client.talkToUser(name("eve"), { body: "once" }, { clientId: "the same" }),
        client.talkToUser(name("eve"), { body: "once" }, { clientId: "the same" }),
      ]);
      expect(two).toEqual(one);
      await client.close();
    });

    test("a newer sign-in of the same device kicks the older, which stays away", async () => {
      const events: string[] = [];
      const { client: older } = await connect(name("fay"), {
        on: {
          kicked: () => events.push("kicked"),
          offline: ({ reason, returnsInMs }) => events.push(`${reason.code} ${returnsInMs ?? "for good"}`),
        },
      });
      const { client: newer } = await connect(name("fay"));
      await until(() => events.length === 2, "the kick");
      expect(events).toEqual(["kicked", "4001 for good"]);
      expect([older.isOnline, newer.isOnline]).toEqual([false, true]);
      await newer.close();
    });

    test("a bad token is refused with a sentence", async () => {
      const error = await connect("x", { token: "nonsense" }).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(RequestRefused);
      expect(error).toMatchObject({ status: Status.Unauthorized, message: "this is not a token" });
    });
  });
}
