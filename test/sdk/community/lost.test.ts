// A connection that is lost in the middle of a request, after the server has executed it: the request rejects, and a
// repetition does what its docstring says.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { Disconnected, RequestRefused } from "../../../src/sdk/client-errors.ts";
import { Status } from "../../../src/wire/gen/pkt_pb.ts";
import { Messenger as Server } from "../../support/messenger.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { fresh, same } from "../messenger/support.ts";
import { afterwards, endAll } from "../support.ts";
import { allOf, person } from "./support.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());
afterEach(endAll);

test("each request rejects when its answer is lost, and can be repeated as it says", async () => {
  const port = Number(server.tcp.split(":")[1]);
  const proxy = await TcpProxy.start(port);
  afterwards(() => proxy.stop());
  // Without back-off, which grows while connections are lost one after the other.
  const environment = { random: () => 0 };
  const ann = await person(server, fresh("ann"), "phone", { url: `tcp://127.0.0.1:${proxy.port}`, environment });
  const bob = await person(server, fresh("bob"));
  const cyd = await person(server, fresh("cyd"));
  const { community, client } = ann;
  const [of, peer] = [{ account: bob.account }, { account: ann.account }];
  const message = await client.talkToUser(bob.account, { body: "x" });
  const { id } = await client.newGroup({ name: "tea", members: [bob.account] });
  const theirs = await bob.client.newGroup({ name: "theirs", members: [] });
  const [group, other] = [community.group(id), community.group(theirs.id)];
  await community.groups.ready();
  await community.ready();

  /** Has the answer lost; `isDone` tells that the server has executed the request. Returns what the repetition does. */
  const lost = async <T>(request: () => Promise<T>, isDone: () => boolean | Promise<boolean>): Promise<unknown> => {
    proxy.losesAnswers = true;
    const first = request().then(
      () => "answered",
      (error: unknown) => error,
    );
    for (let tries = 0; !(await isDone()); tries++) {
      if (tries === 200) throw new Error("the request was not executed");
      await Bun.sleep(10);
    }
    proxy.losesAnswers = false;
    proxy.switchTo(port);
    expect(await first).toBeInstanceOf(Disconnected);
    await same(() => client.isOnline, true, "back", 20_000);
    return request().then(
      (value) => value ?? "done",
      (error: unknown) => (error instanceof RequestRefused ? error.status : error),
    );
  };
  const ofBob = bob.community.group(id);
  await bob.community.groups.ready();
  await cyd.community.groups.ready();

  expect(
    await lost(
      () => group.update({ name: "one" }),
      () => ofBob.state?.name === "one",
    ),
  ).toBe(0n);
  const nobody = { entryId: 0n, leftOut: [], unwilling: [] };
  expect(
    await lost(
      () => group.add([cyd.account]),
      () => ofBob.state?.memberCount === 3,
    ),
  ).toEqual(nobody);
  const isAdmin = () => ofBob.state?.role === "admin";
  expect(await lost(() => group.setRole(bob.account, "admin"), isAdmin)).toBe(0n);
  const inAnHour = new Date(Date.now() + 3_600_000);
  const isMuted = () => ofBob.state?.mutedUntil !== undefined;
  expect(await lost(() => group.mute(bob.account, inAnHour), isMuted)).toBe(0n);
  const pages = () => allOf(ofBob.members(), ({ members }) => members);
  const hasAlias = async () => (await pages()).some(({ alias }) => alias === "A");
  expect(await lost(() => group.setAlias("A"), hasAlias)).toBe(0n);
  const pinned = async (count: number) => (await bob.community.pinnedMessages(peer)).length === count;
  expect(
    await lost(
      () => community.pinMessage(of, message.id),
      () => pinned(1),
    ),
  ).toBe(0n);
  expect(
    await lost(
      () => community.pinMessage(of, message.id, false),
      () => pinned(0),
    ),
  ).toBe(0n);
  const invitations = async (count: number) => (await ofBob.invitations()).length === count;
  await group.setRole(bob.account, "admin");
  const made = await lost(
    () => group.invite(),
    () => invitations(1),
  );
  // The first one is there, too.
  const codes = (await group.invitations()).map(({ code }) => code);
  expect([codes.length, codes.some((code) => JSON.stringify(made).includes(code))]).toEqual([2, true]);
  expect(
    await lost(
      () => group.revoke(codes[0] ?? ""),
      () => invitations(1),
    ),
  ).toBe("done");
  const isOut = () => cyd.community.groups.get(id) === undefined;
  await same(() => !isOut(), true, "cyd is in");
  expect(await lost(() => group.remove([cyd.account]), isOut)).toBe(0n);

  await bob.community.group(theirs.id).update({ hasApproval: true });
  const asks = async (count: number) => {
    const { requests } = (await Array.fromAsync(bob.community.group(theirs.id).requests()))[0] ?? { requests: [] };
    return requests.length === count;
  };
  expect(
    await lost(
      () => other.request("me"),
      () => asks(1),
    ),
  ).toBe("done");
  expect(
    await lost(
      () => other.withdraw(),
      () => asks(0),
    ),
  ).toBe("done");
  const count = () => bob.community.groups.get(theirs.id)?.memberCount;
  const { code } = await bob.community.group(theirs.id).invite();
  expect(
    await lost(
      () => community.join(code),
      () => count() === 2,
    ),
  ).toBe(theirs.id);
  expect(
    await lost(
      () => other.leave(),
      () => count() === 1,
    ),
  ).toBe("done");
  const once = await bob.community.group(theirs.id).invite({ usesMax: 1 });
  expect(
    await lost(
      () => community.join(once.code),
      () => count() === 2,
    ),
  ).toBe(theirs.id);
  await same(() => community.groups.get(theirs.id)?.name, "theirs", "in nevertheless");

  await group.update({ hasApproval: true });
  const waits = async (isWaiting: boolean) =>
    ((await Array.fromAsync(ofBob.requests()))[0]?.requests.length ?? 0) === (isWaiting ? 1 : 0);
  await cyd.community.group(id).request();
  expect(
    await lost(
      () => group.answer(cyd.account, false),
      () => waits(false),
    ),
  ).toBe(Status.NotFound);
  await cyd.community.group(id).request();
  expect(
    await lost(
      () => group.answer(cyd.account, true),
      () => waits(false),
    ),
  ).toBe(0n);

  const { account } = ann;
  const tablet = await person(server, account, "tablet");
  await tablet.community.ready();
  const blocks = () => tablet.community.blocked.has(cyd.account);
  expect(await lost(() => community.block(cyd.account), blocks)).toBe("done");
  expect(
    await lost(
      () => community.unblock(cyd.account),
      () => !blocks(),
    ),
  ).toBe("done");
  const isSet = () => tablet.community.settings.add === "nobody";
  expect(await lost(() => community.setSettings({ add: "nobody" }), isSet)).toBe("done");
  expect(
    await lost(
      () => community.setProfile({ name: "A" }),
      () => tablet.community.profile.name === "A",
    ),
  ).toBe("done");
  expect(community.profile.name).toBe("A");
  let signals = 0;
  bob.community.on("signal", () => void signals++);
  expect(
    await lost(
      () => community.signal(of, "wave"),
      () => signals === 1,
    ),
  ).toBe("done");
  await same(() => signals, 2, "a repetition is another signal");
  const isOwner = () => ofBob.state?.role === "owner";
  expect(await lost(() => group.transfer(bob.account), isOwner)).toBe(0n);
  await bob.community.group(id).transfer(account);
  await same(() => group.state?.role, "owner", "given back");
  expect(
    await lost(
      () => group.dismiss(),
      () => ofBob.state === undefined,
    ),
  ).toBe(0n);
}, 120_000);

test("a group of 10,000 members is read in pages", async () => {
  const ann = await person(server, fresh("ann"));
  const names = Array.from({ length: 9_999 }, (_, at) => `${ann.account}-${at}`);
  const { id } = await ann.client.newGroup({ name: "large", members: names });
  const sizes: number[] = [];
  const found = new Set<string>();
  for await (const { members, hasMore } of ann.community.group(id).members()) {
    sizes.push(members.length);
    for (const { account } of members) found.add(account);
    expect(hasMore).toBe(sizes.length < 50);
  }
  expect([sizes.length, Math.max(...sizes), found.size]).toEqual([50, 200, 10_000]);
  const detail = await ann.community.group(id).detail();
  expect([detail.memberCount, detail.role]).toEqual([10_000, "owner"]);
}, 60_000);
