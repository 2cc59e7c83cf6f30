// Which pairs have talked, for the writer: it has no list of pairs, as that would cost every talk. Where the settings
// of an account let only those write that it has talked with, the writer does nothing and says so; the reader is asked,
// and the job is committed again. A conversation ends only when the retention has deleted it.

import { assert } from "../../../base/assert.ts";
import type { ChangeJob, ChangeResult } from "../../change-jobs.ts";
import { type Job, type KnownPairs, outcome, outcomeSlots } from "../../jobs.ts";
import type { RequestTarget } from "../protocol.ts";
import { answerTo } from "./sqlite-people.ts";

/** Whom a job concerns. */
interface Concerned {
  readonly app: string;
  readonly actor: string;
  readonly accounts: readonly string[];
}

export class PairedCommits {
  private readonly writer: RequestTarget;
  private readonly reader: RequestTarget;

  constructor(writer: RequestTarget, reader: RequestTarget) {
    this.writer = writer;
    this.reader = reader;
  }

  /** Commits jobs, and again those that need pairs, in their order. The outcome of job i starts at i × outcomeSlots. */
  async commit(jobs: readonly Job[]): Promise<BigInt64Array> {
    const answer = await this.writer.call({ kind: "batch", jobs });
    assert(answer.kind === "numbers", "a batch is answered with numbers");
    const { numbers, needsPairs = false } = answer;
    if (!needsPairs) return numbers;
    const places = jobs.flatMap((_, at) => (numbers[at * outcomeSlots] === outcome.needsPairs ? [at] : []));
    const again = await Promise.all(places.map(async (at) => withPairs(jobs[at], concernedBy, this.reader)));
    const rest = await this.commit(again);
    for (const [from, at] of places.entries())
      numbers.set(rest.subarray(from * outcomeSlots, (from + 1) * outcomeSlots), at * outcomeSlots);
    return numbers;
  }

  /** The same for changes; result i belongs to job i. */
  async commitChanges(jobs: readonly ChangeJob[]): Promise<readonly ChangeResult[]> {
    const answer = await this.writer.call({ kind: "changes", jobs });
    assert(answer.kind === "changed", "changes are answered with what became of them");
    const { results } = answer;
    const places = results.flatMap((result, at) => (result === "needsPairs" ? [at] : []));
    const again = await Promise.all(places.map(async (at) => withKnownCall(jobs[at], this.reader)));
    const rest = places.length === 0 ? [] : await this.commitChanges(again);
    return results.map((result, at) => {
      const found = result === "needsPairs" ? rest[places.indexOf(at)] : result;
      assert(found !== undefined, "each change has its result");
      return found;
    });
  }
}

async function withKnownCall(job: ChangeJob | undefined, reader: RequestTarget): Promise<ChangeJob> {
  assert(job?.kind === "group" && job.call.call === "add", "only additions of members need pairs");
  const { call } = job;
  return {
    kind: "group",
    call: await withPairs(call, ({ app, actor, accounts }) => ({ app, actor, accounts }), reader),
  };
}

async function withPairs<T extends object>(
  job: T | undefined,
  concerned: (job: T) => Concerned,
  reader: RequestTarget,
): Promise<T & KnownPairs> {
  assert(job !== undefined, "each outcome has its job");
  const { app, actor, accounts } = concerned(job);
  const talked = new Set(await answerTo(reader, { ask: "pairs", app, account: actor, accounts }));
  return { ...job, pairs: Object.fromEntries(accounts.map((name) => [name, talked.has(name)])) };
}

function concernedBy(job: Job): Concerned {
  switch (job.kind) {
    case "talk":
      return { app: job.app, actor: job.sender, accounts: [job.dest] };
    case "create":
      return { app: job.draft.app, actor: job.draft.owner, accounts: job.draft.members };
    case "enter":
      return { app: job.slice.app, actor: job.slice.owner, accounts: job.slice.members };
    case "join":
    case "quit":
      return { app: job.change.app, actor: job.change.actor, accounts: [job.change.account] };
    case "ack":
      throw new Error("an ack needs no pairs");
  }
}
