// roost export and roost import against a messenger with the API.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { roost as command } from "../../scripts/harness/server-process.ts";
import { ApiStage } from "../api/api-stage.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { roost } from "./run-roost.ts";

const freshPath = temporaryPaths("export-import-");
let stage: ApiStage;
beforeAll(async () => {
  stage = await ApiStage.start();
});
afterAll(() => stage.messenger.stop());

const place = (): string[] => ["--url", stage.url, "--key", stage.keys.everyApp];
const run = (...words: string[]): ReturnType<typeof roost> => roost(...words, ...place());

async function count(app: string): Promise<number> {
  let records = 0;
  for await (const _ of stage.messages("everyApp").export({ app })) records++;
  return records;
}

function lines(path: string): string[] {
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

test("an export that broke off is gone on with, and gives what an export to standard output gives", async () => {
  for (let i = 0; i < 7; i++) await stage.messages("everyApp").send({ app: "one", to: "bob", body: `${i}\u2028\n"` });
  const path = freshPath();
  expect(await run("export", path, "--app", "one")).toMatchObject({
    status: 0,
    out: `7 records written to ${path}.\n`,
  });
  const whole = readFileSync(path, "utf8");
  const [, third = ""] = lines(path).slice(1);
  truncateSync(path, Buffer.byteLength(whole.slice(0, whole.indexOf(third) + 20)));
  expect(await run("export", path, "--app", "one")).toMatchObject({
    status: 0,
    out: `5 records written to ${path}.\n`,
  });
  expect(readFileSync(path, "utf8")).toBe(whole);
  expect(await run("export", path, "--app", "one")).toMatchObject({
    status: 0,
    out: `0 records written to ${path}.\n`,
  });
  const { out } = await run("export", "-", "--app", "one", "--account", "bob");
  const [own = "", ...rest] = out.split("\n").slice(0, -1);
  expect(JSON.parse(own)).toMatchObject({ account: { account: "bob" } });
  expect(rest.map((line) => JSON.parse(line))).toEqual(lines(path).map((line) => JSON.parse(line)));
  writeFileSync(path, "no record\n");
  expect(await run("export", path, "--app", "one")).toMatchObject({
    status: 1,
    err: expect.stringContaining("no record of an export"),
  });
  expect(await run("export", "-", "--app", "one", "--account", "nobody")).toMatchObject({
    status: 1,
    err: expect.stringContaining("there is no account nobody"),
  });
}, 60_000);

test("an import that was killed is gone on with, and stores nothing twice", async () => {
  const path = freshPath();
  const records = Array.from({ length: 30_000 }, (_, i) =>
    JSON.stringify({
      message: { sender: "ann", account: "bob", sendTime: `${1_700_000_000_000_000_000 + i}`, body: `${i}` },
    }),
  );
  writeFileSync(path, `${records.join("\n")}\n\n`);
  const words = ["import", path, "--app", "two", "--name", "nightly"];
  const child = Bun.spawn([...command, ...words, ...place()], { stdout: "ignore", stderr: "ignore" });
  while ((await stage.messages("everyApp").import({ app: "two", name: "nightly" })).stored === 0n) await Bun.sleep(1);
  child.kill("SIGKILL");
  await child.exited;
  expect(await run(...words)).toMatchObject({ status: 0, out: "The import nightly has 30,000 records.\n" });
  expect(await run(...words)).toMatchObject({ status: 0, out: "The import nightly has 30,000 records.\n" });
  expect(await count("two")).toBe(30_000);
  expect(await run(...words, "--last")).toMatchObject({ status: 0 });
  expect(await run("import", path, "--app", "two", "--name", "other")).toMatchObject({
    status: 1,
    err: expect.stringContaining("imported completely"),
  });
}, 60_000);

test("an import names the record of the file that cannot be stored", async () => {
  const path = freshPath();
  const good = JSON.stringify({ message: { sender: "ann", account: "bob", sendTime: "1", body: "x" } });
  writeFileSync(path, [...Array.from({ length: 1_004 }, () => good), '{"message":{"sender":"a,b"}}'].join("\n"));
  expect(await run("import", path, "--app", "three")).toMatchObject({
    status: 1,
    err: expect.stringContaining("record 1005 of the file.message.sender must be the name of an account"),
  });
  expect(await count("three")).toBe(1_000);
  expect(await run("import", freshPath(), "--app", "three")).toMatchObject({
    status: 1,
    err: expect.stringContaining("cannot read"),
  });
}, 60_000);

test("an import sends messages with many reactions in pages that have no more than a page may", async () => {
  const path = freshPath();
  const reactions = Array.from({ length: 6_000 }, (_, at) => ({ account: `a${at % 1_000}`, reaction: `${at % 7}` }));
  const mentions = Array.from({ length: 50 }, (_, at) => `b]${at}`);
  const record = { message: { sender: "ann", account: "bob", sendTime: "5", body: '"reaction"', mentions, reactions } };
  writeFileSync(path, `${JSON.stringify(record)}\n`.repeat(3));
  const words = ["import", path, "--app", "reactions", "--name", "n"];
  expect(await run(...words)).toMatchObject({ status: 0, out: "The import n has 3 records.\n" });
});
