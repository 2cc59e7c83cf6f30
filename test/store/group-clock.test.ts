// What ends by itself in groups, on a machine whose clock the test moves: mutes, invitations, requests to join.

import { afterAll, expect, test } from "bun:test";
import { joinRequestDays } from "../../src/base/limits/fixed.ts";
import type { GroupCall, GroupCallOutcome } from "../../src/store/change-jobs.ts";
import { outcome, talkJob } from "../../src/store/jobs.ts";
import type { PeopleAnswer, PeopleQuestion } from "../../src/store/sqlite/people/questions.ts";
import { day, Machine, minute, removeMachines } from "./clock-machine.ts";
import { commit } from "./log-process.ts";
import { draft, talk } from "./samples.ts";

afterAll(removeMachines);

const of = { app: "app", group: "g1", actor: "ann" } as const;

/** A machine with the group g1 of ann, and bob in it. */
function machineWithGroup() {
  const machine = new Machine();
  commit(machine.process, [{ kind: "create", draft: draft({ app: "app", members: ["bob"] }), isWhole: true }]);
  return {
    machine,
    seconds: (): bigint => BigInt(Math.floor(machine.wallMs / 1_000)),
    ask: (call: GroupCall): GroupCallOutcome => {
      const [result] = machine.process.writer.commitChanges([{ kind: "group", call }]);
      if (result === undefined || result === "needsPairs" || result.of !== "group")
        throw new Error("expected an outcome of a call");
      return result.outcome;
    },
    read: (question: PeopleQuestion): PeopleAnswer => machine.process.reader.people(question, machine.wallMs),
    said: (): bigint | undefined =>
      commit(machine.process, [talkJob(talk({ app: "app", sender: "bob", toGroup: true, dest: "g1" }))])[0]?.[0],
  };
}

test("a mute ends with the second that it names, for talks, signals and pages", () => {
  const { machine, ask, read, said, seconds } = machineWithGroup();
  const until = seconds() + 60n;
  ask({ call: "change", change: { ...of, kind: "mute", account: "bob", until: `${until}` } });
  const page = { app: "app", group: "g1", asker: "bob", after: "", limit: 9, isAdminsOnly: false };
  const question = { ask: "members", ...page } as const;
  const signal = { ask: "mayTalk", app: "app", account: "bob", toGroup: true, dest: "g1" } as const;
  machine.wallMs = Number(until) * 1_000 - 1;
  expect(said()).toBe(outcome.muted);
  expect(read(signal)).toMatchObject({ right: "muted" });
  expect(read(question)).toMatchObject({ group: { mutedUntil: until }, items: [{}, { mutedUntil: until }] });
  machine.wallMs += 1;
  expect(said()).toBe(outcome.stored);
  expect(read(signal)).toMatchObject({ right: "allowed" });
  expect(read(question)).toMatchObject({ group: { mutedUntil: 0n }, items: [{}, { mutedUntil: 0n }] });
  // It has ended: ending it changes nothing.
  expect(ask({ call: "change", change: { ...of, kind: "mute", account: "bob", until: "0" } })).toEqual({
    result: "unchanged",
  });
});

test("an invitation ends with its time, and is listed until then", () => {
  const { machine, ask, read } = machineWithGroup();
  ask({ call: "invite", ...of, code: "c", validSeconds: 60, uses: 0 });
  const invitations = { ask: "invitations", ...of } as const;
  machine.wallMs += minute - 1_000;
  expect(read(invitations)).toMatchObject({ items: [{ code: "c" }] });
  expect(ask({ call: "joinInvited", app: "app", account: "eve", code: "c" }).result).toBe("stored");
  machine.wallMs += 1_000;
  expect(read(invitations)).toMatchObject({ items: [] });
  expect(ask({ call: "joinInvited", app: "app", account: "joe", code: "c" }).result).toBe("notFound");
});

test("a request to join is gone after its days, and is a new one then", () => {
  const { machine, ask, read } = machineWithGroup();
  ask({ call: "change", change: { ...of, kind: "update", hasApproval: true } });
  const request = { call: "request", ...of, actor: "eve", text: "" } as const;
  expect(ask(request).result).toBe("stored");
  const requests = { ask: "requests", ...of, after: "", limit: 9 } as const;
  machine.wallMs += joinRequestDays * day - 1_000;
  expect(read(requests)).toMatchObject({ items: [{ account: "eve" }] });
  expect(ask(request).result).toBe("unchanged");
  machine.wallMs += 1_000;
  expect(read(requests)).toMatchObject({ items: [] });
  expect(ask({ call: "answer", ...of, account: "eve", isAccepted: true }).result).toBe("notFound");
  expect(ask({ call: "withdraw", ...of, actor: "eve" }).result).toBe("unchanged");
  expect(ask(request).result).toBe("stored");
});
