// Which listed instances are believed, in a time that the tests let pass.

import { describe, expect, test } from "bun:test";
import { ClusterKeys } from "../../src/auth/cluster-keys.ts";
import { withProof } from "../../src/auth/instance-proof.ts";
import { type LogFields, silentLog } from "../../src/base/log.ts";
import { Admission, settledMs } from "../../src/registry/lookup/admission.ts";
import type { Instance } from "../../src/registry/instance.ts";
import { lookupGateways } from "../../src/registry/lookup/lookup.ts";
import { PublicGateways } from "../../src/registry/lookup/public-gateways.ts";
import { FakeDirectory, instanceOf } from "./dns/fake-directory.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const [a, b, c] = [bytes("key a of this cluster"), bytes("key b of this cluster"), bytes("key c of another one")];
const env = "prod";

/** An entry that says where it takes links, with a proof by these keys; none: without one. */
function entry(hostname: string, keys: readonly Uint8Array[], service = "chat", inEnv = env): Instance {
  const metadata = new Map([["link", "10.0.0.5:7000"]]);
  const statement = { env: inEnv, zone: "z1", service, id: hostname, addrs: ["tcp://10.0.0.5:7000"], metadata };
  const proven = keys.length === 0 ? metadata : withProof(statement, keys);
  return instanceOf({ appid: service, hostname, addrs: statement.addrs, metadata: proven });
}

class Reader {
  nowMs = 0;
  readonly lines: [sentence: string, fields: LogFields | undefined][] = [];
  readonly admission: Admission;

  constructor(isRegistryOpen: boolean, clusterKeys: readonly Uint8Array[] = [a]) {
    const log = {
      ...silentLog,
      error: (sentence: string, fields?: LogFields) => void this.lines.push([sentence, fields]),
      info: (sentence: string, fields?: LogFields) => void this.lines.push([sentence, fields]),
    };
    this.admission = new Admission({
      env,
      keys: new ClusterKeys(clusterKeys),
      isRegistryOpen,
      log,
      clock: { monotonicMs: () => this.nowMs },
    });
  }

  ids(listed: readonly Instance[], service = "chat"): string[] {
    return this.admission.admitted(service, listed).map(({ hostname }) => hostname);
  }

  get leftOut(): readonly string[] {
    return this.admission.leftOut;
  }
}

const forged = [
  entry("stranger", [c]),
  entry("elsewhere", [a], "chat", "dev"),
  entry("gate", [a], "wgateway"),
  { ...entry("beside", [a]), zone: "z2" },
  { ...entry("moved", [a]), addrs: ["tcp://10.6.6.6:666"] },
];

describe("of a registry that takes writes from anybody", () => {
  test("those with a proof are believed, in their order, and nobody else is", () => {
    const reader = new Reader(true);
    expect(reader.ids([entry("c2", [a]), entry("none", []), ...forged, entry("c1", [b, a])])).toEqual(["c2", "c1"]);
  });
});

describe("of a registry that takes writes with the key alone", () => {
  test("a wrong proof is never believed, and none is while processes of the former release are listed", () => {
    const reader = new Reader(false);
    expect(reader.ids([entry("c1", [a]), entry("former", []), ...forged])).toEqual(["c1", "former"]);
    reader.nowMs = 100 * settledMs;
    expect(reader.ids([entry("c1", [a]), entry("former", []), ...forged])).toEqual(["c1", "former"]);
  });

  test("one without a proof never stands beside or before one of the same id that has it", () => {
    const reader = new Reader(false);
    const other = { ...entry("c1", []), zone: "z2" };
    const listed = [other, entry("c1", [a]), { ...other, zone: "z3" }, entry("c2", [])];
    expect(reader.ids(listed)).toEqual(["c1", "c2"]);
    expect(reader.ids([other])).toEqual(["c1"]);
  });

  test("a proof is required once all that is listed has had one for an hour, and from then on for good", () => {
    const reader = new Reader(false);
    reader.ids([entry("c1", [a]), entry("former", [])]);
    reader.ids([entry("g1", [a], "wgateway")], "wgateway");
    reader.nowMs = settledMs;
    expect(reader.ids([entry("c1", [a])])).toEqual(["c1"]);
    reader.nowMs = 2 * settledMs - 1;
    expect(reader.ids([entry("c1", [a]), entry("back", [])])).toEqual(["c1", "back"]);
    expect(reader.ids([entry("c1", [a])])).toEqual(["c1"]);
    reader.nowMs = 3 * settledMs - 1;
    expect(reader.ids([entry("c1", [a]), entry("too-late", [])])).toEqual(["c1"]);
    expect(reader.ids([entry("g2", [], "wgateway")], "wgateway")).toEqual([]);
    expect(reader.lines.map(([sentence]) => sentence)).toContain(
      "all listed instances have had a proof for an hour; those without one are ignored from now on",
    );
  });

  test("a list of another service that holds one without a proof keeps that hour from beginning", () => {
    const reader = new Reader(false);
    reader.ids([entry("g1", [], "wgateway")], "wgateway");
    for (let hour = 1; hour < 10; hour++) {
      reader.nowMs = hour * settledMs;
      expect(reader.ids([entry("c1", [a]), entry("former", [])])).toEqual(["c1", "former"]);
      expect(reader.ids([entry("c1", [a])])).toEqual(["c1"]);
    }
  });
});

test("lookup names no gateway without a proof once one is required", () => {
  const reader = new Reader(false);
  const gate = (id: string, keys: readonly Uint8Array[]): Instance => {
    const metadata = new Map([["domain", `wss://${id}.example`]]);
    const statement = { env, zone: "z1", service: "wgateway", id, addrs: [], metadata };
    const proven = keys.length === 0 ? metadata : withProof(statement, keys);
    return instanceOf({ appid: "wgateway", hostname: id, metadata: proven });
  };
  const directory = new FakeDirectory([gate("g1", [a]), gate("stranger", [c])]);
  const gateways = new PublicGateways({
    directory: reader.admission.of(directory),
    revisions: directory,
    env,
    clock: { monotonicMs: () => reader.nowMs },
  });
  const domains = (): unknown => {
    const found = lookupGateways("alice", "10.0.0.1", undefined, gateways);
    return "domains" in found ? found.domains.toSorted() : found.reason;
  };
  expect(domains()).toEqual(["wss://g1.example"]);
  directory.replace([gate("g1", [a]), gate("former", [])]);
  expect(domains()).toEqual(["wss://former.example", "wss://g1.example"]);
  directory.replace([gate("g1", [a])]);
  expect(domains()).toEqual(["wss://g1.example"]);
  reader.nowMs = settledMs;
  directory.replace([gate("g1", [a]), gate("evil", [])]);
  expect(domains()).toEqual(["wss://g1.example"]);
  directory.replace([gate("evil", [])]);
  expect(domains()).toBe("no gateway is up");
});

describe("while the key is changed", () => {
  test("two nodes that share a key believe each other, whichever has it first", () => {
    for (const [reads, proves] of [
      [[a], [a, b]],
      [
        [a, b],
        [b, a],
      ],
      [
        [b, a],
        [a, b],
      ],
      [[a], [b, a]],
      [[b], [b, a]],
      [[b, a], [b]],
    ] as const)
      expect(new Reader(true, reads).ids([entry("c1", proves)])).toEqual(["c1"]);
    expect(new Reader(true, [b]).ids([entry("c1", [a])])).toEqual([]);
  });
});

describe("those that are left out", () => {
  test("are named, a few of each service, and logged once a minute at most, with their addresses", () => {
    const reader = new Reader(true);
    const many = Array.from({ length: 1_000 }, (_, at) => entry(`s${at}`, []));
    reader.ids(many);
    reader.ids([...many]);
    reader.nowMs = 59_999;
    reader.ids([entry("s1000", [])]);
    reader.ids([entry("s1001", []), ...many]);
    reader.nowMs = 60_000;
    reader.ids([entry("gate", [])], "wgateway");
    expect(reader.leftOut).toEqual(["s1001", "s0", "s1", "s2", "s3", "gate"]);
    expect(reader.lines.map(([, fields]) => fields)).toEqual([
      { service: "chat", ids: "s0 s1 s2 s3 s4", addresses: Array(5).fill("tcp://10.0.0.5:7000").join(" ") },
      { service: "wgateway", ids: "gate", addresses: "tcp://10.0.0.5:7000", unlogged: 2 },
    ]);
    reader.ids([entry("c1", [a])]);
    expect(reader.leftOut).toEqual(["gate"]);
  });
});
