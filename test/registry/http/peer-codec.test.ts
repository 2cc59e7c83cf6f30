// What nodes say to each other as JSON: nothing is lost on the way, and what is malformed is refused as a whole.

import { formatBounds } from "../../../src/registry/names.ts";
import { describe, expect, test } from "bun:test";
import { compact } from "../../../src/registry/metadata.ts";
import { digestCharacters } from "../../../src/registry/table/digest.ts";
import {
  messageText,
  parseCompare,
  parseCompared,
  parseReplicate,
  parseReplicated,
} from "../../../src/registry/http/peer-codec.ts";
import { MalformedJson } from "../../../src/base/json-fields.ts";
import type { Compared, Replicate, Replicated } from "../../../src/registry/replication/peer-messages.ts";
import { cancelled, identityOf, living, nodeInfo } from "../support.ts";

const dirty = 1_790_000_000_000_000_001n;
const metadata = compact(
  new Map([
    ["__proto__", "a"],
    ["text", '\u0000\n"\\ é 好 🐓 \u2028'],
  ]),
);
const replicate: Replicate = {
  kind: "replicate",
  node: nodeInfo({ isStarting: true }),
  isSpread: true,
  states: [living(dirty, { metadata }, 5), { ...living(dirty, { hostname: "b" }), isProbed: true }, cancelled(dirty)],
  renewals: [{ identity: identityOf(), dirty, ageMs: 3 }],
};
const replicated: Replicated = { kind: "replicated", node: nodeInfo(), wanted: [0, 4], newer: [living(dirty)] };
const compared: Compared = {
  kind: "compared",
  node: nodeInfo(),
  differing: [0, 63],
  states: [cancelled(dirty)],
  nextBucket: 2,
};

/** A message, parsed as JSON, with something put in its place. */
function changed(
  message: Parameters<typeof messageText>[0],
  path: readonly (string | number)[],
  value: unknown,
): unknown {
  const root: unknown = JSON.parse(messageText(message));
  let here = root;
  for (const key of path.slice(0, -1)) {
    if (typeof here !== "object" || here === null) throw new Error(`there is no ${path.join(".")}`);
    const next: unknown = Reflect.get(here, key);
    here = next;
  }
  const last = path.at(-1);
  if (typeof here !== "object" || here === null || last === undefined) throw new Error(`there is no ${path.join(".")}`);
  Reflect.set(here, last, value);
  return root;
}

describe("a message between nodes", () => {
  test("comes back as it was", () => {
    expect(parseReplicate(messageText(replicate))).toEqual(replicate);
    for (const nextBucket of [2, undefined]) {
      const message = { ...compared, nextBucket };
      expect(parseCompared(JSON.parse(messageText(message)))).toEqual(message);
    }
    expect(parseReplicated(JSON.parse(messageText(replicated)))).toEqual(replicated);
    const digest = "0a".repeat(digestCharacters / 2);
    for (const text of ["", digest]) {
      const message = { kind: "compare", node: nodeInfo(), digest: text, fromBucket: 1 } as const;
      expect(parseCompare(messageText(message))).toEqual(message);
    }
  });

  test("that is no JSON, or of another version, is refused", () => {
    for (const text of ["", "x", "null", "1", "[]", "{}", '{"version":2}', '{"version":"1"}', "[".repeat(100_000)]) {
      expect(() => parseReplicate(text)).toThrow(MalformedJson);
      expect(() => parseCompare(text)).toThrow(MalformedJson);
    }
    expect(() => parseCompared(undefined)).toThrow(MalformedJson);
    expect(() => parseReplicate(messageText(replicate).replace('"version":1', '"version":2'))).toThrow(
      "it speaks version 2 of the nodes' protocol, this node version 1",
    );
  });

  test("is refused when any part of it is not what it should be", () => {
    const long = "x".repeat(formatBounds.registryNameBytes + 1);
    const wrong: readonly (readonly [readonly (string | number)[], readonly unknown[]])[] = [
      [["node"], [undefined, null, "x", []]],
      [
        ["node", "incarnation"],
        [undefined, 1, long, "a\nb"],
      ],
      [
        ["node", "address"],
        [undefined, null, long],
      ],
      [
        ["node", "clock"],
        [undefined, 1, "x", "", "1.5", "99999999999999999999", "9223372036854775808"],
      ],
      [
        ["node", "starting"],
        [undefined, 0, "true"],
      ],
      [["spread"], [undefined, 1]],
      [["states"], [undefined, {}, [null], [[]], "x"]],
      [
        ["states", 0, "env"],
        [undefined, "", 1, long, "a\nb"],
      ],
      [
        ["states", 0, "hostname"],
        [undefined, ""],
      ],
      [
        ["states", 0, "dirty"],
        [undefined, 1, "1e3", "-9223372036854775809"],
      ],
      [
        ["states", 0, "age"],
        [undefined, -1, 1.5, "1", 2 ** 60],
      ],
      [
        ["states", 0, "probed"],
        [undefined, "no"],
      ],
      [
        ["states", 0, "instance"],
        [null, "x", [], {}],
      ],
      [
        ["states", 0, "instance", "addrs"],
        [
          undefined,
          null,
          [1],
          Array(formatBounds.instanceAddresses + 1).fill("x"),
          ["a\nb"],
          ["x".repeat(formatBounds.instanceAddressBytes + 1)],
        ],
      ],
      [
        ["states", 0, "instance", "metadata"],
        [undefined, null, [], { a: 1 }, { a: "x".repeat(formatBounds.instanceMetadataBytes) }],
      ],
      [
        ["states", 0, "instance", "status"],
        [undefined, 0, 3, "1"],
      ],
      [
        ["states", 0, "instance", "reg"],
        [undefined, 1, "9999999999999999999"],
      ],
      [
        ["states", 0, "instance", "up"],
        [undefined, "9999999999999999999"],
      ],
      [
        ["states", 0, "instance", "latest"],
        [undefined, "9999999999999999999"],
      ],
      [["renewals"], [undefined, {}, [[]], [null], [["prod", "chat", "z1", "", "1", 0]]]],
      [
        ["renewals", 0, 4],
        [undefined, 1, "x"],
      ],
      [
        ["renewals", 0, 5],
        [undefined, -1, "0"],
      ],
    ];
    for (const [path, values] of wrong) {
      for (const value of values) {
        const text = JSON.stringify(changed(replicate, path, value));
        expect(() => parseReplicate(text), `${path.join(".")} ${JSON.stringify(value)}`).toThrow(MalformedJson);
      }
    }
    for (const value of [undefined, [-1], [1.5], ["0"], {}])
      expect(() => parseReplicated(changed(replicated, ["wanted"], value))).toThrow(MalformedJson);
    for (const value of [undefined, [-1], [1e9], ["0"]])
      expect(() => parseCompared(changed(compared, ["differing"], value))).toThrow(MalformedJson);
    for (const value of [-1, 1e9, "0", null])
      expect(() => parseCompared(changed(compared, ["next"], value))).toThrow(MalformedJson);
    const compare = { kind: "compare", node: nodeInfo(), digest: "", fromBucket: 0 } as const;
    for (const value of [undefined, "x", "00", 1])
      expect(() => parseCompare(JSON.stringify(changed(compare, ["digest"], value)))).toThrow(MalformedJson);
  });
});
