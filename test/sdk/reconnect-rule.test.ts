import { describe, expect, test } from "bun:test";
import { backOffMs, backOffMsMax, returnDelayMs } from "../../src/sdk/reconnect-rule.ts";

const half = (): number => 0.5;
const delay = (code: number, tries = 0, canRenewToken = false): number | undefined =>
  returnDelayMs({ code, text: "" }, tries, canRenewToken, half);

describe("coming back", () => {
  test("never happens after a frame too large, or a kick", () => {
    for (const code of [1009, 4001]) expect(delay(code, 0, true)).toBeUndefined();
  });

  test("happens twice after a protocol fault, which may be a proxy's; the third in a row is final", () => {
    expect([0, 1, 2, 3].map((tries) => delay(1002, tries, true))).toEqual([250, 500, undefined, undefined]);
  });

  test("needs another token after 4003", () => {
    expect(delay(4003)).toBeUndefined();
    expect(delay(4003, 0, true)).toBe(250);
  });

  test("is spread over five seconds when the server leaves", () => {
    expect(delay(1012)).toBe(2_500);
    expect(delay(1012, 20)).toBe(2_500);
  });

  test("is spread over as long as the server says, up to a minute", () => {
    const spreadOf = (text: string): number | undefined => returnDelayMs({ code: 1012, text }, 0, false, () => 1);
    expect(spreadOf("server is leaving; 300")).toBe(300);
    expect(spreadOf("server is leaving; 0")).toBe(0);
    expect(spreadOf("server is leaving; 1000000000")).toBe(60_000);
    expect(spreadOf(`server is leaving; ${"9".repeat(100)}`)).toBe(60_000);
    for (const text of ["server is leaving", "server is leaving;", "; -5", "; 1e9", "; 300 s", "300", ""])
      expect([text, spreadOf(text)]).toEqual([text, 5_000]);
  });

  test("backs off after every other end", () => {
    for (const code of [1000, 1006, 1013, 4008, 4999]) {
      expect([0, 1, 2, 3].map((tries) => delay(code, tries))).toEqual([250, 500, 1_000, 2_000]);
    }
  });
});

test("back-off jitters from nothing to its bound, and the bound is bounded", () => {
  expect(backOffMs(5, () => 0)).toBe(0);
  expect(backOffMs(1_000, () => 1)).toBe(backOffMsMax);
});
