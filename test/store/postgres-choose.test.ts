// Which of several PostgreSQL servers is the primary, by what each says of itself.

import { expect, test } from "bun:test";
import { DatabaseAway } from "../../src/store/postgres/failures.ts";
import { choosePrimary } from "../../src/store/postgres/primary/choose.ts";
import type { HostAnswer, Serving } from "../../src/store/postgres/primary/host-answer.ts";
import { quorumFault, standbysNeeded } from "../../src/store/postgres/primary/quorum.ts";
import { StoreUnavailable } from "../../src/store/store.ts";

const names = "ANY 1 (h1, h2, h3)";
const waiting = { names, commit: "on", standbys: 1, maySee: true, user: "roost", isStuck: false };
const primary: Serving = {
  system: "7",
  started: "1.5",
  isReadOnly: false,
  timeline: 1,
  standbyName: undefined,
  waiting,
};
const standby: Serving = { ...primary, started: "2.5", isReadOnly: true, timeline: 0 };
const answer = (host: string, told: HostAnswer["told"]): HostAnswer => ({ host, told });
const away = new DatabaseAway("no answer within 1000 ms");
const refused = new StoreUnavailable('password authentication failed for user "roost" (28P01)');

const failureOf = (...args: Parameters<typeof choosePrimary>): Error => {
  try {
    choosePrimary(...args);
  } catch (error) {
    if (error instanceof StoreUnavailable) return error;
    throw error;
  }
  throw new Error("a server was chosen");
};

test("the writable server is chosen, wherever it stands in the list, beside others that are away", () => {
  const answers = [answer("h1", standby), answer("h2", away), answer("h3", primary)];
  expect(choosePrimary(answers, undefined)).toMatchObject({ host: "h3", warning: undefined });
});

test("a server that refuses its user is no reason against another one, and is told", () => {
  expect(choosePrimary([answer("h1", refused), answer("h2", primary)], undefined)).toMatchObject({
    host: "h2",
    warning: `no failover to h1: ${refused.message}`,
  });
});

test("no writable server is waited for, but settings that every server refuses are not", () => {
  const failure = failureOf([answer("h1", standby), answer("h2", away), answer("h3", refused)], undefined);
  expect(failure).toBeInstanceOf(DatabaseAway);
  expect(failure.message).toBe(
    `no host of the list takes writes (h1: a standby, or read-only; h2: ${away.message}; h3: ${refused.message})`,
  );
  expect(failureOf([answer("h1", refused), answer("h2", refused)], undefined)).not.toBeInstanceOf(DatabaseAway);
});

test("servers of different clusters are refused, of the one that was used before, too", () => {
  const foreign = { ...standby, system: "8" };
  const failure = failureOf([answer("h1", primary), answer("h2", foreign)], undefined);
  expect(failure.message).toContain("of different clusters (their system identifiers: h1: 7, h2: 8)");
  expect(failureOf([answer("h2", { ...primary, system: "8" })], { system: "7", timeline: 1 }).message).toContain(
    "until now it was 7",
  );
});

test("two names of one server are one server", () => {
  expect(choosePrimary([answer("h1", primary), answer("h2", primary)], undefined).host).toBe("h1");
});

test("of two writable servers none is chosen while either may acknowledge what the other has not", () => {
  const former = { ...primary, waiting: { ...waiting, standbys: 0 } };
  const promoted = { ...primary, started: "2.5", timeline: 2 };
  const both = (one: Serving, other: Serving) => [answer("h1", one), answer("h2", other)];
  // A standby that was promoted by hand, while the former primary goes on with another standby.
  for (const pair of [
    both(primary, { ...promoted, waiting: { ...waiting, standbys: 0 } }),
    both(primary, promoted),
    both({ ...former, waiting: { ...waiting, names: "" } }, promoted),
    both({ ...former, waiting: { ...waiting, maySee: false, standbys: 0 } }, promoted),
    both(former, { ...promoted, waiting: { ...waiting, standbys: 0 } }),
    both(former, { ...promoted, timeline: 1 }),
  ]) {
    const failure = failureOf(pair, undefined);
    expect(failure).toBeInstanceOf(DatabaseAway);
    expect(failure.message).toMatch(/2 hosts of the list take writes.*h1: writable, on timeline 1; h2: writable/);
  }
  expect(choosePrimary(both(former, promoted), undefined)).toMatchObject({
    host: "h2",
    warning: "h1 takes writes, too, but has no standby that would make them hold; stop it",
  });
});

test("a former primary that is alone in answering is refused", () => {
  const failure = failureOf([answer("h1", primary), answer("h2", away)], { system: "7", timeline: 2 });
  expect(failure.message).toMatch(/^h1 is a former primary: it is on timeline 1, and this process has written on time/);
});

test("counts the standbys that must have a commit", () => {
  const counts = ["", "h1", "h1, h2", "2 (h1, h2, h3)", "FIRST 2 (h1, h2)", "any 3(*)", "*"].map(standbysNeeded);
  expect(counts).toEqual([0, 1, 1, 2, 2, 3, 1]);
});

test("says what keeps a quorum from having what is acknowledged", () => {
  expect(quorumFault(waiting)).toBeUndefined();
  expect(quorumFault({ ...waiting, names: "" })).toMatch(/^synchronous_standby_names is empty: .*; set it to ANY 1/);
  for (const commit of ["off", "local"])
    expect(quorumFault({ ...waiting, commit })).toBe(
      `synchronous_commit is ${commit}: commits wait for no standby; set it to on`,
    );
  for (const commit of ["on", "remote_write", "remote_apply"])
    expect(quorumFault({ ...waiting, commit })).toBeUndefined();
  expect(quorumFault({ ...waiting, maySee: false })).toMatch(/; GRANT pg_read_all_stats TO roost$/);
});
