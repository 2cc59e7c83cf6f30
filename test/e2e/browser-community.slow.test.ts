// The third entry of the client library in a real browser, where there is one: a page loads it when it needs it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { inPage } from "../support/browser-page.ts";
import { Messenger as Server } from "../support/messenger.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());

test.skipIf(chromium === undefined)(
  "a page that is signed in loads the community, and runs a group with it",
  async () => {
    const options = { url: `ws://${server.ws}`, token: await server.token("ann"), device: "page" };
    const seen = await inPage(`
      const client = await Messenger.connect(${JSON.stringify(options)});
      const Community = await loadCommunity();
      const community = Community.of(client);
      await community.groups.ready();
      const changes = [];
      community.on("groupChanged", ({ kind }) => changes.push(kind));
      const { id } = await client.newGroup({ name: "tea", members: ["bob"] });
      await until(() => community.groups.get(id) !== undefined);
      await community.group(id).update({ introduction: "in" });
      const watch = community.presence.watch(["ann"]);
      await watch.ready();
      await community.setProfile({ name: "Ann" });
      const profiles = await community.profiles.load(["ann", "bob"]);
      await until(() => changes.length >= 2);
      const { introduction } = await community.group(id).detail();
      const isSame = Community.of(client) === community;
      const { devices } = watch.states.get("ann");
      await client.close();
      return { changes, introduction, isSame, devices, name: profiles.get("ann").name };
    `);
    const changes = ["created", "updated"];
    expect(seen).toEqual({ changes, introduction: "in", isSame: true, devices: 1, name: "Ann" });
  },
  browserTestMsMax,
);
