import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "bun:test";
import { Disconnected, RequestRefused, RequestTimedOut } from "../../src/sdk/client-errors.ts";
import { platform } from "../../src/sdk/environment.ts";
import { RequestTable } from "../../src/sdk/request-table.ts";
import { ErrorRespSchema, HeaderSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const body = (text: string): Uint8Array => new TextEncoder().encode(text);
const header = (sequence: number, status: Status = Status.Success) => create(HeaderSchema, { sequence, status });

function setUp(firstSequence?: number) {
  const timers = new ManualTimers();
  return { timers, table: new RequestTable({ ...platform, after: timers.after }, 1_000, firstSequence) };
}

describe("requests", () => {
  test("pair with responses in any order", async () => {
    const { table, timers } = setUp();
    const [one, two] = [table.open("a.b"), table.open("a.b")];
    table.settle(header(two.sequence), body("two"));
    table.settle(header(one.sequence), body("one"));
    expect([await one.answer, await two.answer]).toEqual([body("one"), body("two")]);
    expect([table.size, timers.pending]).toEqual([0, 0]);
  });

  test("time out once, and a late response disturbs nobody", async () => {
    const { table, timers } = setUp();
    const { sequence, answer } = table.open("a.b");
    timers.advance(1_000);
    await expect(answer).rejects.toBeInstanceOf(RequestTimedOut);
    table.settle(header(sequence), body("late"));
    expect(table.size).toBe(0);
  });

  test("reject with the server's status and sentence", async () => {
    const { table } = setUp();
    const { sequence, answer } = table.open("a.b");
    const sentence = toBinary(ErrorRespSchema, create(ErrorRespSchema, { message: "no such group" }));
    table.settle(header(sequence, Status.NotFound), sentence);
    const error = await answer.catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(RequestRefused);
    expect(error).toMatchObject({ status: Status.NotFound, message: "no such group", isTransient: false });
  });

  test("all reject when the connection ends", async () => {
    const { table, timers } = setUp();
    const answers = [table.open("a.b").answer, table.open("a.b").answer];
    table.failAll(new Disconnected({ code: 1006, text: "gone" }));
    const ends = await Promise.allSettled(answers);
    expect(ends.map((end) => end.status === "rejected" && end.reason instanceof Disconnected)).toEqual([true, true]);
    expect(timers.pending).toBe(0);
  });

  test("wrap their numbers and skip those that wait", () => {
    const { table } = setUp(0xffffffff);
    const numbers = [table.open("a.b"), table.open("a.b")].map(({ sequence }) => sequence);
    expect(numbers).toEqual([0xffffffff, 0]);
    const { table: full } = setUp(0);
    full.open("a.b").answer.catch(() => undefined);
    expect(full.open("a.b").sequence).toBe(1);
  });
});
