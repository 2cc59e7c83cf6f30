import { expect, test } from "bun:test";
import { type Stats, statSync } from "node:fs";
import { changerOf } from "../../src/base/file-trust.ts";

const stats = (mode: number, uid: number): Stats => Object.assign(statSync("/"), { mode, uid });

test("who can change a file is everybody, its group, or another owner than this user and root", () => {
  for (const [mode, uid, changer] of [
    [0o600, 1_000, undefined],
    [0o644, 1_000, undefined],
    [0o644, 0, undefined],
    [0o600, 1_001, "user 1001"],
    [0o660, 1_000, "its group"],
    [0o664, 0, "its group"],
    [0o666, 1_000, "everybody"],
    [0o602, 0, "everybody"],
    [0o1777, 0, "everybody"],
  ] as const)
    expect([mode, uid, changerOf(stats(mode, uid), 1_000)]).toEqual([mode, uid, changer]);
});
