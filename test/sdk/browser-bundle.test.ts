// What a page loads of the library: no modules of Bun or Node, no runtime of protobuf, and few bytes; and what a second
// entry costs, which shares the core with it.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BundledFile, bundle, libraryEntry, loadedBy } from "../support/library-bundle.ts";

/** The goal for the core: connecting, signing in, talking, groups and missed messages. */
const coreBytesMax = 16 * 1024;

const bytesOf = (files: readonly BundledFile[]): number => files.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0);
const folder = mkdtempSync(join(tmpdir(), "roost-bundle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the library bundles for browsers without Bun's or Node's modules, with TCP in a chunk of its own", async () => {
  const files = await bundle([libraryEntry]);
  for (const { text } of files.values())
    expect(text.match(/(?:from|import\(|require\()\s*["'](?:node:|bun:|bun["'])/)).toBeNull();
  const page = loadedBy(files, "roost-client.js");
  const text = page.map((file) => file.text).join("\n");
  expect(text.includes("RoostClient")).toBe(true);
  // Booleans, so that a failure does not print the bundle.
  expect([text.includes("Bun.connect"), /\bBuffer\b/.test(text)]).toEqual([false, false]);
  // The rest is TCP, which Bun alone loads.
  const rest = [...files.values()].filter((file) => !page.includes(file));
  expect(rest.map(({ sources }) => sources.includes("src/sdk/tcp-transport.ts"))).toEqual([true]);
});

test("a page loads nothing from packages, and at most 16 KB, minified and compressed", async () => {
  const page = loadedBy(await bundle([libraryEntry]), "roost-client.js");
  expect(page.flatMap(({ sources }) => sources).filter((source) => !source.startsWith("src/"))).toEqual([]);
  const sizes = page.map(({ path, text, gzipBytes }) => `${path}: ${gzipBytes} (${text.length} before gzip)`);
  console.log(`the library's core in a page: ${bytesOf(page)} bytes; ${sizes.join(", ")}`);
  expect(bytesOf(page)).toBeLessThanOrEqual(coreBytesMax);
});

test("a second entry brings its own messages and does not make the core larger", async () => {
  const core = loadedBy(await bundle([libraryEntry]), "roost-client.js");
  // InnerHandshakeReq stands for the messages of another entry: no client sends it.
  const second = join(folder, "second.ts");
  const path = (file: string): string => JSON.stringify(join(import.meta.dir, "../../src", file));
  writeFileSync(
    second,
    `import { RoostClient } from ${path("sdk/roost-client.ts")};
    import { encodeMessage } from ${path("wire/message-codec.ts")};
    import { InnerHandshakeReq } from ${path("wire/gen/messages/inner-handshake-req.ts")};
    export const more = (client: RoostClient) =>
      [client instanceof RoostClient, encodeMessage(InnerHandshakeReq, { declined: client.account })];`,
  );
  const files = await bundle([libraryEntry, second]);
  const [ofCore, ofBoth] = [loadedBy(files, "roost-client.js"), loadedBy(files, "second.js")];
  const added = ofBoth.filter((file) => !ofCore.includes(file));
  console.log(`with a second entry: core ${bytesOf(core)} -> ${bytesOf(ofCore)} bytes, added ${bytesOf(added)}`);
  const marks = (list: readonly BundledFile[]): boolean => list.some(({ text }) => text.includes('"declined"'));
  expect([marks(ofCore), marks(added)]).toEqual([false, true]);
  // The second entry uses no code that the core has not, but a scalar type: the rest is the names of what it imports.
  expect(bytesOf(ofCore) - bytesOf(core)).toBeLessThan(512);
  expect(added.flatMap(({ sources }) => sources).some((source) => source.startsWith("src/sdk/"))).toBe(false);
});
