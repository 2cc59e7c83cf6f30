// Which pairs have talked, for the writer: it has no list of pairs, as that would cost every talk. Where the settings
// of an account let only those write that it has talked with, the writer does nothing and says so; the reader is asked,
// and the job is committed again. A conversation ends only when the retention has deleted it.
//
// The other jobs of the batch are committed by then. So what fails afterwards fails those jobs alone: they stay
// undecided, and nothing of the batch is committed a second time.

import { assert } from "../../../base/assert.ts";
import type { ChangeJob, ChangeResult } from "../../change-jobs.ts";
import { StoreUnavailable } from "../../store.ts";
import type { BatchResult } from "../conversations/change-batch.ts";
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

  /**
   * Commits jobs, and again those that need pairs, in their order. The outcome of job i starts at i × outcomeSlots;
   * that of one which could not be decided is `needsPairs`.
   */
  async commit(jobs: readonly Job[]): Promise<BigInt64Array> {
    const answer = await this.writer.call({ kind: "batch", jobs });
    assert(answer.kind === "numbers", "a batch is answered with numbers");
    const { numbers, needsPairs = false } = answer;
    if (!needsPairs) return numbers;
    const places = jobs.flatMap((_, at) => (numbers[at * outcomeSlots] === outcome.needsPairs ? [at] : []));
    const rest = await ifAvailable(async () => {
      const again = await Promise.all(places.map(async (at) => withPairs(jobs[at], concernedBy, this.reader)));
      return this.commit(again);
    });
    if (rest === undefined) return numbers;
    for (const [from, at] of places.entries())
      numbers.set(rest.subarray(from * outcomeSlots, (from + 1) * outcomeSlots), at * outcomeSlots);
    return numbers;
  }

  /** The same for changes; result i belongs to job i, undefined if it could not be decided. */
  async commitChanges(jobs: readonly ChangeJob[]): Promise<readonly (ChangeResult | undefined)[]> {
    const answer = await this.writer.call({ kind: "changes", jobs });
    assert(answer.kind === "changed", "changes are answered with what became of them");
    const { results } = answer;
    const places = results.flatMap((result, at) => (result === "needsPairs" ? [at] : []));
    if (places.length === 0) return results.map(decided);
    const rest = await ifAvailable(async () => {
      const again = await Promise.all(places.map(async (at) => withKnownCall(jobs[at], this.reader)));
      return this.commitChanges(again);
    });
    return results.map((result, at) => (result === "needsPairs" ? rest?.[places.indexOf(at)] : result));
  }
}

function decided(result: BatchResult): ChangeResult | undefined {
  return result === "needsPairs" ? undefined : result;
}

/** Undefined: the store is away now. */
async function ifAvailable<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreUnavailable) return undefined;
    throw error;
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
