// roost demo against a running server: what a guest finds, and how it ends.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { roost, run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";
import { Community } from "../../src/sdk/community/community.ts";
import { Messenger } from "../../src/sdk/messenger/messenger.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const endings: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of endings.toReversed()) await end();
});
const parent = temporaryFolder("roost-demo-");

async function start(name: string): Promise<{ readonly server: ServerProcess; readonly folder: string }> {
  const folder = join(parent, name);
  mkdirSync(folder);
  const server = await ServerProcess.start(folder);
  endings.push(() => server.end("SIGKILL"));
  return { server, folder };
}

/** Somebody who looks at the app. */
async function guestOf(server: ServerProcess, folder: string): Promise<Messenger> {
  const { out } = await run(["token", "--account", "guest", "--app", "demo"], folder);
  const guest = await Messenger.connect({ url: server.ws, token: out.trim(), device: "test" }, Community.of);
  endings.push(() => guest.close());
  return guest;
}

const small = ["--people", "8", "--groups", "3", "--to", "guest"];

test("a guest finds groups with roles, people with names, direct conversations and their messages", async () => {
  const { server, folder } = await start("guest");
  const words = ["demo", "--url", server.ws, ...small, "--seconds", "2"];
  const first = await run([...words, "--rate", "30"], folder);
  expect(first).toMatchObject({ status: 0, err: "" });
  expect(first.out).toMatch(/^8 people are signed in to the app demo, among them \w+/);
  // Somebody may answer what another is recalling.
  expect(first.out).toMatch(/\n\d{3} messages, \d+ reactions, \d+ edits, \d+ recalls, \d+ reads(?:; \d failed)?\n$/);
  const guest = await guestOf(server, folder);
  const community = Community.of(guest);
  await Promise.all([guest.conversations.ready(), community.groups.ready()]);
  const groups = community.groups.items;
  expect(groups.map(({ name }) => name).toSorted()).toEqual(["Everybody", "Lunch 🍜", "Release 2.4"]);
  expect(guest.conversations.items).toHaveLength(6);
  for (const { unread, lastMessage } of guest.conversations.items)
    expect([unread > 0, lastMessage === undefined]).toEqual([true, false]);
  const everybody = groups.find(({ name }) => name === "Everybody");
  const group = community.group(everybody?.id ?? "");
  const pages = await Array.fromAsync(group.members());
  const members = pages.flatMap((page) => page.members);
  expect(members.map(({ role }) => role).toSorted()).toEqual(["admin", ...Array(7).fill("member"), "owner"]);
  expect((await group.detail()).announcement).not.toBe("");
  const profiles = await community.profiles.load(members.map(({ account }) => account));
  expect([...profiles.values()].filter(({ name }) => name !== "")).toHaveLength(8);

  // The same people go on where they were: no group is made again, and nobody is refused.
  const again = await run([...words, "--seed", "1", "--rate", "1"], folder);
  expect(again).toMatchObject({ status: 0, err: "" });
  expect(again.out).not.toContain("failed");
  expect(community.groups.items).toHaveLength(3);
}, 60_000);

test("a signal ends it with what was done, and a server that is killed meanwhile does not", async () => {
  const { server, folder } = await start("signal");
  const child = Bun.spawn([...endsWithParent(), ...roost, "demo", "--url", server.ws, ...small, "--rate", "20"], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  endings.push(() => child.kill("SIGKILL"));
  let out = "";
  const decoder = new TextDecoder();
  const reading = (async () => {
    for await (const chunk of child.stdout) out += decoder.decode(chunk, { stream: true });
  })();
  await until(() => out.includes("From now on"), "it begins");
  await server.end("SIGKILL");
  const restarted = await ServerProcess.start(folder, ["--ws", new URL(server.ws).host]);
  endings.push(() => restarted.end("SIGKILL"));
  const guest = await guestOf(restarted, folder);
  const heard = Promise.withResolvers<void>();
  guest.on("message", ({ sender }) => {
    if (sender !== "") heard.resolve();
  });
  await heard.promise;
  child.kill("SIGINT");
  expect(await child.exited).toBe(0);
  await reading;
  expect(out).toMatch(/\d+ messages, .*\n$/);
}, 60_000);

test("with a key of the API, it needs no secret", async () => {
  const { server, folder } = await start("api");
  const elsewhere = join(folder, "elsewhere");
  mkdirSync(elsewhere);
  const key = (await Bun.file(join(folder, "data", "api-key")).text()).trim();
  const words = ["demo", "--url", `${server.ws},${server.api}`, "--people", "3", "--groups", "1", "--seconds", "1"];
  expect(await run(words, elsewhere, "", { ROOST_KEY: key })).toMatchObject({ status: 0, err: "" });
  const without = await run(words, elsewhere);
  expect([without.status, without.err]).toEqual([1, expect.stringContaining("--key-file")]);
}, 60_000);

test("without a server, or with a value out of its bounds, it says what would be right", async () => {
  const { server, folder } = await start("wrong");
  await server.end("SIGKILL");
  const none = await run(["demo", "--url", server.ws, "--people", "3"], folder);
  expect([none.status, none.err]).toEqual([1, expect.stringContaining("no server listens at")]);
  for (const [name, value, expected] of [
    ["--rate", "0", "a number from 0.1 to 1000"],
    ["--rate", "1e3", "a number from 0.1 to 1000"],
    ["--people", "1", "a whole number from 2 to 1000"],
    ["--groups", "1.5", "a whole number from 0 to 100"],
    ["--seconds", "0", "a whole number from 1 to 604800"],
    ["--seed", "-1", "a whole number"],
  ] as const) {
    const { status, err } = await run(["demo", `${name}=${value}`], folder);
    expect([name, value, status, err]).toEqual([name, value, 2, expect.stringContaining(expected)]);
  }
}, 60_000);
