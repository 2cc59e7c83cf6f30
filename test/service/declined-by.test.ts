// What a logic node says of gateways that do not want it.

import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { DeclinedBy } from "../../src/service/declined-by.ts";

function node() {
  const errors: string[] = [];
  const linked = new Set<string>();
  const time = { nowMs: 0 };
  const declinedBy = new DeclinedBy({
    log: { ...silentLog, error: (_, fields) => void errors.push(`${fields?.["gateway"]}: ${fields?.["reason"]}`) },
    isLinked: (gateway) => linked.has(gateway),
    clock: { monotonicMs: () => time.nowMs },
  });
  return { errors, linked, time, declinedBy };
}

test("each gateway's reason is shown while the gateway repeats it, and logged once", () => {
  const { errors, time, declinedBy } = node();
  for (let round = 0; round < 20; round++) {
    declinedBy.heard("gate-1", "other sessions");
    declinedBy.heard("gate-2", "other messages");
    time.nowMs += 2_000;
    expect(declinedBy.trouble).toBe("other sessions; other messages");
  }
  expect(errors).toEqual(["gate-1: other sessions", "gate-2: other messages"]);
});

test("it ends when the gateway links the node, or falls silent, and is logged again when it comes back", () => {
  const { errors, linked, time, declinedBy } = node();
  declinedBy.heard("gate-1", "other sessions");
  linked.add("gate-1");
  expect(declinedBy.trouble).toBe("");
  linked.clear();
  declinedBy.heard("gate-1", "other sessions");
  time.nowMs += 10_000;
  expect(declinedBy.trouble).toBe("");
  declinedBy.heard("gate-1", "other sessions");
  expect(errors).toHaveLength(3);
});
