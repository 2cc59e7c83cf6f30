import { expect, test } from "bun:test";
import {
  clusterFingerprint,
  isStoreIdentity,
  judgeClaim,
  newStoreIdentity,
  placeBytesMax,
  shownPlace,
} from "../../src/auth/store-ownership.ts";

const key = new TextEncoder().encode("hello key");

test("a fingerprint is the beginning of an HMAC of the key over the environment, and tells both apart", () => {
  // echo -en 'roost cluster fingerprint 1\ndev' | openssl dgst -sha256 -hmac 'hello key'
  expect(clusterFingerprint(key, "dev")).toBe("2a9c55176a7a6aea13ddbda828866225");
  expect(clusterFingerprint(key, "prod")).not.toBe(clusterFingerprint(key, "dev"));
  expect(clusterFingerprint(new TextEncoder().encode("another key"), "dev")).not.toBe(clusterFingerprint(key, "dev"));
});

test("an identity is 32 hexadecimal digits, and never made twice", () => {
  const made = new Set(Array.from({ length: 1_000 }, newStoreIdentity));
  expect(made.size).toBe(1_000);
  expect([...made].every(isStoreIdentity)).toBe(true);
  for (const text of ["", "0123", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdef\n"])
    expect([text, isStoreIdentity(text)]).toEqual([text, false]);
});

test("a claim is judged by who owns the store", () => {
  const judge = (owners: readonly string[], fingerprints: readonly string[], adopt = false): string =>
    judgeClaim(owners, { fingerprints, adopt });
  expect(judge([], [])).toBe("kept");
  expect(judge([], ["a"])).toBe("taken");
  expect(judge(["a"], ["b", "a"])).toBe("kept");
  expect(judge(["a", "b"], ["b"], true)).toBe("kept");
  expect(judge(["a"], ["b"])).toBe("refused");
  expect(judge(["a"], [])).toBe("refused");
  expect(judge(["a"], ["b"], true)).toBe("adopted");
  expect(judge(["a"], [], true)).toBe("adopted");
});

test("a place is cut to what others are told", () => {
  expect(shownPlace("sqlite:/messages.db")).toBe("sqlite:/messages.db");
  expect(Buffer.byteLength(shownPlace("x".repeat(1_000)))).toBe(placeBytesMax);
});
