// The bodies of chat.revocations: what one side writes the other reads, and anything else is refused.

import { expect, test } from "bun:test";
import {
  decodeRevocations,
  decodeRevocationsQuestion,
  encodeRevocationsPage,
  encodeRevocationsQuestion,
  encodeRevocationsState,
} from "../../src/wire/revocations.ts";

const id = (1n << 62n) + 1n;
const row = {
  id,
  app: "app",
  account: "ann \u4f60",
  kind: "kick",
  device: "phone",
  beforeMs: 1_700_000_000_123,
} as const;

test("what is written is read, ids of 63 bits and a missing device included", () => {
  const rows = [row, { ...row, device: "" }, { ...row, kind: "revoke", device: undefined, untilMs: 5 }] as const;
  const page = { store: "s", version: id, after: 0n, nowMs: 1_764_000_000_123, rows };
  expect(decodeRevocations(Buffer.from(encodeRevocationsPage(page)))).toEqual({ ...page, knowsBans: true });
  const state = { store: "s", version: id };
  expect(decodeRevocations(Buffer.from(encodeRevocationsState(state)))).toEqual({ ...state, knowsBans: true });
  expect(decodeRevocationsQuestion(Buffer.from(encodeRevocationsQuestion(id)))).toBe(id);
});

test("what a node of an earlier release says is read, and that it knows no bans", () => {
  const state = { store: "s", version: `${id}` };
  expect(decodeRevocations(Buffer.from(JSON.stringify(state)))).toMatchObject({ version: id, knowsBans: false });
  const page = { ...state, after: "0", now: 1, rows: [{ ...row, id: `${id}` }] };
  expect(decodeRevocations(Buffer.from(JSON.stringify(page)))).toMatchObject({ rows: [row], knowsBans: false });
});

test("anything else is neither", () => {
  const written = { ...row, id: `${id}` };
  const bad = [
    ...["", "{", "null", "5", "[]", "{}"],
    ...[{ version: "1" }, { store: "s" }, { store: 1, version: "1" }, { store: "s", version: 1 }].map((value) =>
      JSON.stringify(value),
    ),
    ...["-1", "1e3", "", "9".repeat(20)].map((version) => JSON.stringify({ store: "s", version })),
    ...[
      {},
      null,
      { ...written, id: 1 },
      { ...written, kind: "ban" },
      { ...written, device: 5 },
      { ...written, app: undefined },
      { ...written, account: null },
      { ...written, beforeMs: "1" },
    ].map((one) => JSON.stringify({ store: "s", version: "1", after: "0", now: 1, rows: [written, one] })),
    JSON.stringify({ store: "s", version: "1", now: 1, rows: [] }),
    JSON.stringify({ store: "s", version: "1", after: "0", now: 1, rows: {} }),
    JSON.stringify({ store: "s", version: "1", after: "0", rows: [written] }),
    JSON.stringify({ store: "s", version: "1", after: "0", now: "1", rows: [written] }),
  ];
  for (const text of bad) expect([text, decodeRevocations(Buffer.from(text))]).toEqual([text, undefined]);
  for (const text of ["", "null", "{}", '{"after":5}', '{"after":"x"}'])
    expect(decodeRevocationsQuestion(Buffer.from(text))).toBeUndefined();
});
