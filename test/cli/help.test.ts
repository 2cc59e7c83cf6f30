// What a person reads before anything works: the help, and the commands to try that the start prints.

import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { banner } from "../../src/cli/banner.ts";
import { run } from "../support/server-process.ts";

test("help in a pipe is plain text; flags of the server ask for the server's options", async () => {
  const general = await run(["--help"], tmpdir());
  expect(general.out).toContain("\n\nEXAMPLES\n");
  expect(general.out).not.toContain("\u001B");
  for (const words of [
    ["--role", "gateway", "--help"],
    ["serve", "--help"],
    ["-h", "--role=chat"],
  ]) {
    const { status, out } = await run(words, tmpdir());
    expect([status, out]).toEqual([0, expect.stringContaining("--cluster-key-file=<file>")]);
    expect(out).not.toContain("\u001B");
  }
}, 60_000);

test("the commands to try name the secret's file or the data folder, unless it is the default", () => {
  const parts = {
    version: "1",
    addresses: { ws: "127.0.0.1:8000", tcp: undefined, monitor: undefined },
    dataFolder: "/d",
    dataOption: "./data",
    secretOption: undefined,
    storePath: "/d/messages.db",
    secretMadeAt: undefined,
  };
  expect(banner(parts)).toContain(" chat --account alice --to bob\n");
  expect(banner({ ...parts, dataOption: "d" })).toContain(" chat --data d --account alice");
  expect(banner({ ...parts, dataOption: "d", secretOption: "a key" })).toContain(
    " chat --secret-file 'a key' --account alice",
  );
});
