// The keys of a process that change while it runs.

import { expect, test } from "bun:test";
import { ClusterKeys, reloadClusterKeys } from "../../src/auth/cluster-keys.ts";
import { registryToken } from "../../src/auth/registry-token.ts";
import { fingerprintOf } from "../../src/auth/secret.ts";
import { clusterFingerprint } from "../../src/auth/store-ownership.ts";
import { silentLog } from "../../src/base/log.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const [a, b] = [bytes("key a of this cluster"), bytes("key b of this cluster")];

test("other keys bring other fingerprints and tokens, and listeners hear of a change alone", () => {
  const keys = new ClusterKeys([a], "dev");
  const heard: string[] = [];
  keys.onChange(() => heard.push(`first ${keys.all.length}`));
  keys.onChange(() => heard.push(`second ${keys.tokens[0] === registryToken(b)}`));
  const before = keys.all;
  keys.replace([Uint8Array.from(a)]);
  expect(keys.all).toBe(before);
  keys.replace([b, a]);
  keys.replace([a, b]);
  expect(heard).toEqual(["first 2", "second true", "first 2", "second false"]);
  expect(keys.fingerprints).toEqual([clusterFingerprint(a, "dev"), clusterFingerprint(b, "dev")]);
  expect(keys.tokens).toEqual([registryToken(a), registryToken(b)]);
  keys.replace([b]);
  expect(keys.fingerprints).toEqual([clusterFingerprint(b, "dev")]);
});

test("keys of no environment have no fingerprints", () => {
  expect(new ClusterKeys([a]).fingerprints).toEqual([]);
});

test("what cannot be read changes nothing, and is logged with its reason", () => {
  const keys = new ClusterKeys([a], "dev");
  const errors: unknown[] = [];
  const log = { ...silentLog, error: (sentence: string, fields?: unknown) => void errors.push(sentence, fields) };
  const bad = (): never => {
    throw new Error("cluster-key is empty");
  };
  expect(reloadClusterKeys(keys, bad, log)).toBe("the cluster keys were not changed");
  expect(errors).toEqual([
    "the file of the cluster keys is refused and the old keys stay",
    { reason: "cluster-key is empty" },
  ]);
  expect(keys.all).toEqual([a]);
  expect(reloadClusterKeys(keys, () => [b], log)).toBe(`the cluster keys were read again (${fingerprintOf(b)})`);
  expect(keys.all).toEqual([b]);
  expect(reloadClusterKeys(keys, () => [b], log)).toBe(`the cluster keys are those of before (${fingerprintOf(b)})`);
});
