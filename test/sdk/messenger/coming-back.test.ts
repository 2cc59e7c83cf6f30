// A messenger whose connection breaks: what happened meanwhile is there, once, after its return.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { Messenger as Server } from "../../support/messenger.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { afterwards, endAll } from "../support.ts";
import { device, fresh, same } from "./support.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());
afterEach(endAll);

const portOf = (): number => Number(server.tcp.split(":")[1]);

/** A network of one's own, with a way to break it and to have it back. */
async function network() {
  const proxy = await TcpProxy.start(portOf());
  afterwards(() => proxy.stop());
  return proxy;
}

test("messages, changes and reads of the time away are there after the return, each once", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const proxy = await network();
  const phone = await device(server, alice, "phone", { url: `tcp://127.0.0.1:${proxy.port}` });
  const tablet = await device(server, alice, "tablet");
  const other = await device(server, bob, "phone");
  const handle = phone.client.conversation({ account: bob });
  const timeline = await handle.timeline();
  const first = await other.client.talkToUser(alice, { body: "one" });
  await same(() => timeline.messages.map(({ body }) => body), ["one"], "the first message");
  proxy.isShut = true;
  proxy.switchTo(portOf());
  await same(() => phone.client.isOnline, false, "the break");
  await other.client.talkToUser(alice, { body: "two" });
  await tablet.client.talkToUser(bob, { body: "mine" });
  await other.client.edit(first.id, { body: "ONE" });
  await tablet.client.conversation({ account: bob }).markRead();
  await other.client.talkToUser(alice, { body: "three" });
  handle.send({ body: "from the tunnel" });
  expect(timeline.messages.map(({ state }) => state)).toEqual(["stored", "sending"]);
  proxy.isShut = false;
  phone.client.reconnect();
  const bodies = ["ONE", "two", "mine", "three", "from the tunnel"];
  await same(() => timeline.messages.map(({ body }) => body), bodies, "the timeline");
  await same(() => handle.state?.unread, 1, "what nobody has read");
  expect(phone.messages.map(({ body }) => body)).toEqual(["one", "two", "mine", "three"]);
});

test("what is marked as read without a connection is sent at the return", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const proxy = await network();
  const phone = await device(server, alice, "phone", { url: `tcp://127.0.0.1:${proxy.port}` });
  const tablet = await device(server, alice, "tablet");
  const other = await device(server, bob, "phone");
  for (const body of ["one", "two"]) await other.client.talkToUser(alice, { body });
  const unread = ({ client }: typeof phone) => client.conversation({ account: bob }).state?.unread;
  for (const one of [phone, tablet]) await same(() => unread(one), 2, "unread");
  proxy.isShut = true;
  proxy.switchTo(portOf());
  await same(() => phone.client.isOnline, false, "the break");
  await phone.client.conversation({ account: bob }).markRead();
  expect([unread(phone), unread(tablet)]).toEqual([0, 2]);
  await expect(phone.client.conversation({ account: bob }).pin()).rejects.toThrow("disconnected");
  expect(phone.client.conversation({ account: bob }).state?.isPinned).toBe(false);
  proxy.isShut = false;
  phone.client.reconnect();
  for (const one of [phone, tablet]) await same(() => unread(one), 0, "read");
});

test("a talk whose answer is lost is stored once, and is not told of as another device's", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const proxy = await network();
  const phone = await device(server, alice, "phone", { url: `tcp://127.0.0.1:${proxy.port}` });
  const other = await device(server, bob, "phone");
  const handle = phone.client.conversation({ account: bob });
  const timeline = await handle.timeline();
  proxy.losesAnswers = true;
  handle.send({ body: "once" });
  await same(() => other.messages.map(({ body }) => body), ["once"], "it is stored");
  proxy.switchTo(portOf());
  proxy.losesAnswers = false;
  phone.client.reconnect();
  await same(() => timeline.messages.map(({ body, state }) => [body, state]), [["once", "stored"]], "the answer");
  await other.client.talkToUser(alice, { body: "thanks" });
  await same(() => phone.messages.map(({ body }) => body), ["thanks"], "the answer to it");
  expect(other.messages.length).toBe(1);
});

test("what a device has sent does not come to it at its next start", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const other = await device(server, bob, "phone");
  const first = await device(server, alice, "phone");
  await other.client.talkToUser(alice, { body: "one" });
  await same(() => first.messages.length, 1, "a message that is acknowledged");
  await first.client.close();
  const second = await device(server, alice, "phone");
  await second.client.talkToUser(bob, { body: "mine" });
  await second.client.close();
  const third = await device(server, alice, "phone");
  await other.client.talkToUser(alice, { body: "two" });
  await same(() => third.messages.map(({ body }) => body), ["two"], "only what others wrote");
});
