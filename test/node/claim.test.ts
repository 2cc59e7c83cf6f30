// A process claims its id before it registers: two that live under one id exclude each other.

import { testLimits } from "../support/limits.ts";
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { IdTaken } from "../../src/node/membership.ts";
import { startLoneRegistry } from "../../src/registry/node/alone.ts";
import { InProcessNaming } from "../../src/registry/client/in-process-naming.ts";
import { localRegistrar } from "../../src/registry/client/local-registrar.ts";
import { until } from "../../scripts/harness/until.ts";
import { afterwards, closeAll, newIdentity, wrongKey } from "../link/support.ts";
import { HandNaming, instanceOf } from "../link/hand-naming.ts";
import { TestNode } from "../link/test-node.ts";
import { member, offer } from "./membership-support.ts";

afterEach(closeAll);

describe("a claim", () => {
  test("is refused when another incarnation answers at the listed address", async () => {
    const naming = new HandNaming();
    const holder = member(naming);
    naming.list("chat", instanceOf(holder.identity, holder.address));
    const second = member(naming);
    const claim = second.membership.claim(["chat"]);
    await expect(claim).rejects.toBeInstanceOf(IdTaken);
    await expect(claim).rejects.toThrow(
      `the id n1 belongs to another process, which answers at ${holder.address}; give this one another --id`,
    );
    expect(holder.lost).toEqual([]);
  });

  test("is refused when the id is held under any of the services", async () => {
    const naming = new HandNaming();
    const holder = member(naming, newIdentity("g1"));
    naming.list("tgateway", instanceOf(holder.identity, holder.address));
    await expect(member(naming, newIdentity("g1")).membership.claim(["wgateway", "tgateway"])).rejects.toBeInstanceOf(
      IdTaken,
    );
  });

  test("passes when nobody holds the id, and when this very process is listed", async () => {
    const naming = new HandNaming();
    const other = TestNode.start("n2");
    naming.list("chat", instanceOf(other.identity, other.address));
    await member(naming).membership.claim(["chat"]);
    const again = member(naming);
    naming.list("chat", instanceOf(again.identity, again.address));
    await again.membership.claim(["chat"]);
  });

  test("passes when nobody, another node or a stranger answers at the listed address, or none is known", async () => {
    const naming = new HandNaming();
    const before = newIdentity("n1", "chat");
    const closed = member(naming);
    closed.server.stopAccepting();
    const places = [closed.address, TestNode.start("n2").address, TestNode.start("n1", { key: wrongKey }).address, ""];
    for (const place of places) {
      naming.list("chat", instanceOf(before, place));
      await member(naming).membership.claim(["chat"]);
    }
  });

  test("passes when the registry is away: it stops nobody", async () => {
    const naming = new HandNaming();
    naming.isAway = true;
    await member(naming).membership.claim(["wgateway", "tgateway"]);
    expect(naming.finds).toBe(2);
  });
});

describe("two that register in the same moment", () => {
  const registry = startLoneRegistry({
    env: "test",
    zone: "z1",
    version: "test",
    limits: testLimits(),
    log: silentLog,
  });
  afterAll(() => registry.stop());
  const naming = (zone: string): InProcessNaming => {
    const registrar = localRegistrar(registry);
    const client = new InProcessNaming({
      directory: registry,
      registrar,
      env: "test",
      zone,
      region: "",
      log: silentLog,
    });
    afterwards(() => client.close());
    return client;
  };

  test("exactly one stays, whichever came last, in one zone or in two", async () => {
    await until(() => registry.isReadable, "the registry answers");
    for (const zones of [
      ["z1", "z1"],
      ["z1", "z2"],
      ["z2", "z1"],
    ]) {
      for (const order of ["lesser first", "greater first"]) {
        const [lesserZone = "", greaterZone = ""] = zones;
        const lesser = member(naming(lesserZone), { ...newIdentity("n1", "chat"), incarnation: "1".repeat(16) });
        const greater = member(naming(greaterZone), { ...newIdentity("n1", "chat"), incarnation: "2".repeat(16) });
        const pair = order === "lesser first" ? [lesser, greater] : [greater, lesser];
        await Promise.all(pair.map(({ membership }) => membership.claim(["chat"])));
        for (const { membership } of pair) await membership.join([offer()], "adult");
        await until(() => lesser.lost.length > 0, `one of them hears of it: ${zones.join()}, ${order}`);
        expect(greater.lost).toEqual([]);
        await closeAll();
      }
    }
  });
});
