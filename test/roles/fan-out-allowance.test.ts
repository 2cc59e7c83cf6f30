import { expect, test } from "bun:test";
import { FanOutAllowance } from "../../src/roles/chat/fan-out-allowance.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";

function fixture(fanOutAtOnce = 100, fanOutPerSecond = 10) {
  const time = { nowMs: 0 };
  const limits = testLimits({ fanOutAtOnce, fanOutPerSecond });
  const allowance = new FanOutAllowance(limits, { monotonicMs: () => time.nowMs });
  return { time, limits, allowance, admit: (account = "alice", app = "app") => allowance.admit(app, account) };
}

const limited = expect.objectContaining({ status: Status.RateLimited });

bound("fanOutAtOnce", {
  at: () => {
    const { allowance, admit } = fixture();
    allowance.charge("app", "alice", 99);
    admit();
  },
  above: () => {
    const { allowance, admit, limits } = fixture();
    allowance.charge("app", "alice", 100);
    expect(admit).toThrow(limited);
    expect(limits.reached.get("fanOutPerSecond")).toBe(1);
    expect(limits.use("fanOutAtOnce")).toBe(100);
    admit("alice", "other app");
    admit("bob");
  },
});

bound("fanOutPerSecond", {
  at: () => {
    const { time, allowance, admit } = fixture();
    allowance.charge("app", "alice", 100);
    for (let second = 1; second <= 20; second++) {
      time.nowMs = second * 1_000;
      admit();
      allowance.charge("app", "alice", 10);
    }
  },
  above: () => {
    const { time, allowance, admit } = fixture();
    allowance.charge("app", "alice", 111);
    time.nowMs = 1_000;
    expect(admit).toThrow(limited);
    time.nowMs = 1_200;
    admit();
  },
});

test("what turns out to cost less is given back, and never more than the allowance", () => {
  const { allowance, admit } = fixture();
  allowance.charge("app", "alice", 100);
  allowance.charge("app", "alice", -60);
  admit();
  allowance.charge("app", "alice", -1_000);
  allowance.charge("app", "alice", 100);
  expect(admit).toThrow(limited);
});

test("a debt is paid off within half a minute, whatever was caused", () => {
  const { time, allowance, admit } = fixture();
  allowance.charge("app", "alice", 1e9);
  time.nowMs = 29_000;
  expect(admit).toThrow(limited);
  time.nowMs = 30_200;
  admit();
});
