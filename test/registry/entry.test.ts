// How states of one identity are distinguished and ordered, and how a table is summed up.

import { expect, test } from "bun:test";
import { Digest, digestBuckets, digestCharacters } from "../../src/registry/table/digest.ts";
import { compareVersions, Entry, hashOf } from "../../src/registry/table/entry.ts";
import type { Instance } from "../../src/registry/instance.ts";
import { Status } from "../../src/registry/instance.ts";
import { beginNs, cancelled, living } from "./support.ts";

const entryOf = (change: Partial<Instance> = {}, dirty = beginNs): Entry => new Entry(living(dirty, change), 0);

test("states that differ in anything that readers go by have different hashes", () => {
  const entries = [
    entryOf(),
    entryOf({}, beginNs + 1n),
    entryOf({ hostname: "other" }),
    entryOf({ region: "other" }),
    entryOf({ version: "other" }),
    entryOf({ status: Status.Waiting }),
    entryOf({ addrs: ["a", "b"] }),
    entryOf({ addrs: ["a,b"] }),
    entryOf({ addrs: [] }),
    entryOf({ metadata: new Map([["a", "b"]]) }),
    entryOf({ metadata: new Map([["b", "a"]]) }),
    new Entry(cancelled(beginNs), 0),
  ];
  expect(new Set(entries.map(({ hash }) => hash)).size).toBe(entries.length);
});

test("neither the order of metadata nor timestamps of the node make another state", () => {
  const pairs = [
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
  ] as const;
  const one = entryOf({ metadata: new Map(pairs) });
  const other = entryOf({
    metadata: new Map(pairs.toReversed()),
    regTimestamp: 1n,
    upTimestamp: 2n,
    latestTimestamp: 3n,
  });
  expect(other.hash).toBe(one.hash);
  expect(compareVersions(one, other)).toBe(0);
});

test("the newer version holds; of equal ones the cancelled, then the greater hash, on every node the same", () => {
  const [old, fresh] = [entryOf(), entryOf({}, beginNs + 1n)];
  const [gone, changed] = [new Entry(cancelled(beginNs), 0), entryOf({ version: "2" })];
  expect(compareVersions(fresh, gone)).toBeGreaterThan(0);
  expect(compareVersions(gone, old)).toBeGreaterThan(0);
  expect(compareVersions(gone, gone)).toBe(0);
  expect(compareVersions(old, changed)).toBe(old.hash > changed.hash ? 1 : -1);
  for (const one of [old, fresh, gone, changed]) {
    for (const other of [old, fresh, gone, changed])
      expect(compareVersions(one, other) + compareVersions(other, one)).toBe(0);
  }
});

test("a state told to others carries its age, never a negative one", () => {
  const entry = new Entry(living(beginNs), 1_000);
  expect(entry.state(31_000.4).ageMs).toBe(30_000);
  expect(entry.state(500).ageMs).toBe(0);
});

test("a digest is the same whatever the order, and without what was taken away again", () => {
  const entries = Array.from({ length: 100 }, (_, index) => entryOf({ hostname: `i${index}` }));
  const [one, other] = [new Digest(), new Digest()];
  for (const { bucket, hash } of entries) one.toggle(bucket, hash);
  for (const { bucket, hash } of entries.toReversed()) other.toggle(bucket, hash);
  expect(one.text()).toBe(other.text());
  expect(one.text()).toHaveLength(digestCharacters);
  for (const { bucket, hash } of entries) one.toggle(bucket, hash);
  expect(one.text()).toBe(new Digest().text());
});

test("a digest shows which bucket differs", () => {
  const [one, other] = [new Digest(), new Digest()];
  for (const bucket of [0, 7, digestBuckets - 1]) {
    one.toggle(bucket, hashOf("key", BigInt(bucket), undefined));
    const differing = Array.from({ length: digestBuckets }, (_, at) => at).filter(
      (at) => !one.agrees(at, other.text()),
    );
    expect(differing).toEqual([bucket]);
    other.toggle(bucket, hashOf("key", BigInt(bucket), undefined));
  }
});
