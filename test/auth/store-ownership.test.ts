import { expect, test } from "bun:test";
import {
  clusterFingerprint,
  isStoreIdentity,
  judgeClaim,
  newStoreIdentity,
  isShownPlace,
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

test("a place is shown within its bound in bytes, in whole characters, without control characters", () => {
  expect(shownPlace("sqlite:/messages.db")).toBe("sqlite:/messages.db");
  expect(shownPlace("sqlite:/a\n\u001b[2J\u0085b")).toBe("sqlite:/a ⏎ \ufffd[2J\ufffdb");
  for (const character of ["x", "\u00e9", "\u732b", "\u{1f426}"]) {
    const place = shownPlace(character.repeat(1_000));
    expect(Buffer.byteLength(place)).toBeLessThanOrEqual(placeBytesMax);
    expect(Buffer.byteLength(place)).toBeGreaterThan(placeBytesMax - 4);
    expect(place).toMatch(new RegExp(`^(${character})+…$`, "u"));
    expect(isShownPlace(place)).toBe(true);
  }
  for (const text of ["", "x".repeat(placeBytesMax + 1), "a\nb"]) expect(isShownPlace(text)).toBe(false);
});
