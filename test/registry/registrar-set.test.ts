// The write that changes status and metadata of several instances: of all named ones, or of none.

import { limitTable } from "../../src/base/limits/table.ts";
import { beforeEach, describe, expect, test } from "bun:test";
import { Status } from "../../src/registry/instance.ts";
import { Code } from "../../src/registry/codes.ts";
import { farAhead, farAway, neighbour, Office } from "./office.ts";
import { beginNs, nanoseconds } from "./support.ts";

let office: Office;
beforeEach(() => {
  office = new Office();
});

describe("set", () => {
  test("changes the status, advances the service's latest version, and wakes who watches", () => {
    office.register();
    const { latest } = office;
    office.changes.length = 0;
    office.time.advance(1_000);
    expect(office.set([{ status: Status.Waiting }])).toEqual({ code: Code.Ok });
    const { status, dirtyTimestamp, latestTimestamp, upTimestamp } = office.instance();
    expect(status).toBe(Status.Waiting);
    expect(dirtyTimestamp).toBeGreaterThanOrEqual(beginNs + nanoseconds(1_000));
    expect(latestTimestamp).toBe(dirtyTimestamp);
    expect(upTimestamp).toBe(beginNs);
    expect(office.latest).toBeGreaterThan(latest);
    expect(office.changes).toEqual(["prod\nchat"]);
  });

  test("to Up is the moment since which it is up", () => {
    office.register({ status: Status.Waiting });
    office.time.advance(1_000);
    office.set([{ status: Status.Up }]);
    expect(office.instance().upTimestamp).toBe(office.instance().dirtyTimestamp);
    expect(office.instance().upTimestamp).toBeGreaterThan(beginNs);
  });

  test("merges metadata into what is there, and takes no key away", () => {
    office.register({
      metadata: new Map([
        ["a", "1"],
        ["b", "2"],
      ]),
    });
    const before = office.instance().metadata;
    office.set([
      {
        metadata: new Map([
          ["b", "3"],
          ["c", "4"],
        ]),
      },
    ]);
    expect(Object.fromEntries(office.instance().metadata)).toEqual({ a: "1", b: "3", c: "4" });
    expect(Object.fromEntries(before)).toEqual({ a: "1", b: "2" });
    expect(office.instance().status).toBe(Status.Up);
  });

  test("is no renewal", () => {
    office.register();
    office.time.advance(20_000);
    office.set([{ status: Status.Waiting }]);
    expect(office.entry().touchedAtMs).toBe(0);
    expect(office.entry().renewTimestamp).toBe(beginNs);
  });

  test("changes all that are named", () => {
    for (const hostname of ["a", "b", "c"]) office.register({ hostname });
    office.set([
      { hostname: "a", status: Status.Waiting },
      { hostname: "c", metadata: new Map([["k", "v"]]) },
    ]);
    expect(["a", "b", "c"].map((hostname) => office.instance({ hostname }).status)).toEqual([
      Status.Waiting,
      Status.Up,
      Status.Up,
    ]);
    expect(office.instance({ hostname: "c" }).metadata.get("k")).toBe("v");
  });

  test("is checked before anything changes: an unknown host, or too much metadata, leaves all as they were", () => {
    for (const hostname of ["a", "b"]) office.register({ hostname });
    const digest = office.table.digest.text();
    const good = { hostname: "a", status: Status.Waiting };
    const tooMuch = new Map([["k", "v".repeat(limitTable.instanceMetadataBytes.initial)]]);
    const unknown = office.set([good, { hostname: "c", status: Status.Waiting }]);
    expect(unknown.code).toBe(Code.BadRequest);
    expect(unknown.message).toBe("no chat with hostname c exists in zone z1, env prod");
    const tooLong = office.set([good, { hostname: "b", metadata: tooMuch }]);
    expect(tooLong.code).toBe(Code.BadRequest);
    expect(tooLong.message).toStartWith("b: metadata is longer than");
    expect(office.table.digest.text()).toBe(digest);
  });

  test("of what was cancelled is refused", () => {
    office.register();
    office.cancel();
    expect(office.set([{ status: Status.Up }]).code).toBe(Code.BadRequest);
    expect(office.table.live).toBe(0);
  });

  test("by a client counts now, whatever time it gives", () => {
    office.register();
    expect(office.set([{ status: Status.Waiting }], 1n).code).toBe(Code.Ok);
    expect(office.instance().status).toBe(Status.Waiting);
    expect(office.entry().dirty).toBeGreaterThan(beginNs);
  });

  test("by another node counts by its time: an older one changes nothing", () => {
    office.register();
    office.set([{ status: Status.Waiting }], beginNs - 1024n, "replica");
    expect(office.instance().status).toBe(Status.Up);
    office.set([{ status: Status.Waiting }], beginNs + 1024n, "replica");
    expect(office.instance().status).toBe(Status.Waiting);
    expect(office.entry().dirty).toBe(beginNs + 1024n);
  });

  test("by another node whose clock is known to be behind counts by the corrected time", () => {
    office.network.lag = nanoseconds(2_000);
    office.register();
    const { dirty } = office.entry();
    office.set([{ status: Status.Waiting }], dirty - nanoseconds(2_000) - 1n, "replica");
    expect(office.instance().status).toBe(Status.Up);
    office.set([{ status: Status.Waiting }], dirty - nanoseconds(2_000) + 1n, "replica");
    expect(office.instance().status).toBe(Status.Waiting);
    expect(office.entry().dirty).toBe(dirty + 1024n);
    expect(office.told()).toEqual([neighbour, farAway]);
  });

  test("more than fifteen minutes ahead is refused", () => {
    office.register();
    const outcome = office.set([{ status: Status.Waiting }], beginNs + farAhead + 1n);
    expect(outcome.code).toBe(Code.BadRequest);
    expect(outcome.message).toStartWith("set_timestamp is more than 15 minutes ahead");
    expect(office.instance().status).toBe(Status.Up);
  });

  test("is passed on like every write", () => {
    office.register();
    office.settle();
    office.set([{ status: Status.Waiting }]);
    expect(office.told()).toEqual([neighbour, farAway]);
  });

  test("that names a host twice does both, one after the other", () => {
    office.register();
    office.set([{ status: Status.Waiting }, { metadata: new Map([["k", "v"]]) }]);
    expect(office.instance().metadata.get("k")).toBe("v");
    expect(office.instance().status).toBe(Status.Waiting);
  });
});
