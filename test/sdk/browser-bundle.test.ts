// What a page loads of the library: no modules of Bun or Node, no runtime of protobuf, and few bytes; and what the
// second and the third entry cost, which share the core with it.

import { expect, test } from "bun:test";
import {
  type BundledFile,
  bundle,
  communityEntry,
  filesEntry,
  libraryEntry,
  loadedBy,
  messengerEntry,
  tabDeviceEntry,
} from "../support/library-bundle.ts";

/** The goal for the core: connecting, signing in, talking, groups and missed messages. */
const coreBytesMax = 16 * 1024;
/** The goal for what the messenger adds: the list, histories, timelines, changes and the outbox. */
const messengerBytesMax = 10 * 1024;
/** The goal for what the community adds: groups, presence, signals, blocks and profiles. */
const communityBytesMax = 8 * 1024;
/** The goal for what the files add. */
const filesBytesMax = 2 * 1024;

const bytesOf = (files: readonly BundledFile[]): number => files.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0);

test("the library bundles for browsers without Bun's or Node's modules, with TCP in a chunk of its own", async () => {
  const files = await bundle([libraryEntry]);
  for (const { text } of files.values())
    expect(text.match(/(?:from|import\(|require\()\s*["'](?:node:|bun:|bun["'])/)).toBeNull();
  const page = loadedBy(files, "core.js");
  const text = page.map((file) => file.text).join("\n");
  expect(text.includes("RoostClient")).toBe(true);
  // Booleans, so that a failure does not print the bundle.
  expect([text.includes("Bun.connect"), /\bBuffer\b/.test(text)]).toEqual([false, false]);
  // The rest is TCP, which Bun alone loads.
  const rest = [...files.values()].filter((file) => !page.includes(file));
  expect(rest.map(({ sources }) => sources.includes("src/sdk/tcp-transport.ts"))).toEqual([true]);
});

test("a page loads nothing from packages, and at most 16 KB, minified and compressed", async () => {
  const page = loadedBy(await bundle([libraryEntry]), "core.js");
  expect(page.flatMap(({ sources }) => sources).filter((source) => !source.startsWith("src/"))).toEqual([]);
  const sizes = page.map(({ path, text, gzipBytes }) => `${path}: ${gzipBytes} (${text.length} before gzip)`);
  console.log(`the library's core in a page: ${bytesOf(page)} bytes; ${sizes.join(", ")}`);
  expect(bytesOf(page)).toBeLessThanOrEqual(coreBytesMax);
});

test("the messenger adds at most 10 KB, and does not make the core larger", async () => {
  const core = loadedBy(await bundle([libraryEntry]), "core.js");
  const files = await bundle([libraryEntry, messengerEntry]);
  const [ofCore, ofBoth] = [loadedBy(files, "core.js"), loadedBy(files, "messenger.js")];
  const added = ofBoth.filter((file) => !ofCore.includes(file));
  console.log(`with the messenger: core ${bytesOf(core)} -> ${bytesOf(ofCore)} bytes, added ${bytesOf(added)}`);
  expect(bytesOf(added)).toBeLessThanOrEqual(messengerBytesMax);
  // The rest is the names of what the messenger imports, and scalar types that the core has no use for.
  expect(bytesOf(ofCore) - bytesOf(core)).toBeLessThan(512);
  const ofMessenger = (list: readonly BundledFile[]): boolean =>
    list.some(({ sources }) => sources.some((source) => source.startsWith("src/sdk/messenger/")));
  expect([ofMessenger(core), ofMessenger(ofCore), ofMessenger(added)]).toEqual([false, false, true]);
});

test("the community adds at most 8 KB, is loaded by itself, and does not make the other entries larger", async () => {
  const two = await bundle([libraryEntry, messengerEntry]);
  const three = await bundle([libraryEntry, messengerEntry, communityEntry]);
  const ofMessenger = loadedBy(three, "messenger.js");
  const added = loadedBy(three, "community.js").filter((file) => !ofMessenger.includes(file));
  const before = bytesOf(loadedBy(two, "messenger.js"));
  const sizes = `messenger with its core ${before} -> ${bytesOf(ofMessenger)} bytes, added ${bytesOf(added)}`;
  console.log(`with the community: ${sizes}`);
  expect(bytesOf(added)).toBeLessThanOrEqual(communityBytesMax);
  expect(bytesOf(loadedBy(three, "core.js"))).toBeLessThanOrEqual(coreBytesMax);
  // The rest is the names of what the three have in common, and the files that it is in.
  expect(bytesOf(ofMessenger) - before).toBeLessThan(1_280);
  const hasCommunity = (list: readonly BundledFile[]): boolean =>
    list.some(({ sources }) => sources.some((source) => source.startsWith("src/sdk/community/")));
  expect([hasCommunity(ofMessenger), hasCommunity(added)]).toEqual([false, true]);
});

test("the files add at most 2 KB, and are loaded by themselves", async () => {
  const files = await bundle([libraryEntry, messengerEntry, filesEntry]);
  const ofMessenger = loadedBy(files, "messenger.js");
  const added = loadedBy(files, "files.js").filter((file) => !ofMessenger.includes(file));
  console.log(`with the files: added ${bytesOf(added)}`);
  expect(bytesOf(added)).toBeLessThanOrEqual(filesBytesMax);
  const hasFiles = (list: readonly BundledFile[]): boolean =>
    list.some(({ sources }) => sources.includes("src/sdk/media/files.ts"));
  expect([hasFiles(ofMessenger), hasFiles(added)]).toEqual([false, true]);
});

test("a device for each tab costs at most 1 KB", async () => {
  const page = loadedBy(await bundle([tabDeviceEntry]), "tab-device.js");
  expect(bytesOf(page)).toBeLessThanOrEqual(1024);
});
