// Which pairs have talked, for the writer: it has no list of pairs, as that would cost every talk. Where the settings
// of an account let only those write that it has talked with, the writer does nothing and says so; the reader is asked,
// and the job is committed again. A conversation ends only when the retention has deleted it.
//
// The other jobs of the batch are committed by then, but wait for their answers. So what fails afterwards fails those
// jobs alone: they stay undecided, and nothing of the batch is committed a second time. And a receiver that has made a
// batch wait makes no other one wait: from then on the reader is asked before a talk to it is in a batch. Those of one
// sender to one receiver keep their order: the reader answers in the order of asking, and while it is asked about a
// pair, it is asked about all further talks of the pair.

import { accountKey } from "../../../base/account-key.ts";
import { assert } from "../../../base/assert.ts";
import type { Clock } from "../../../base/clock.ts";
import type { ChangeJob, ChangeResult } from "../../change-jobs.ts";
import { StoreUnavailable, type Talk } from "../../store.ts";
import type { BatchResult } from "../conversations/change-batch.ts";
import { type Job, type KnownPairs, outcome, outcomeSlots } from "../../jobs.ts";
import type { RequestTarget } from "../protocol.ts";
import { answerTo } from "./ask-reader.ts";
import { SelectiveReceivers } from "./selective-receivers.ts";

/** The bound on receivers and their senders that are remembered; about 200 bytes each. */
const rememberedMax = 40_000;
/** The writer remembers who has talked for a minute at most; a pair is asked for again before. */
const provenMs = 50_000;

/** Whom a job concerns. */
interface Concerned {
  readonly app: string;
  readonly actor: string;
  readonly accounts: readonly string[];
}

export class PairedCommits {
  private readonly writer: RequestTarget;
  private readonly reader: RequestTarget;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly selective = new SelectiveReceivers(rememberedMax);
  /** How many questions about a sender and a receiver are not answered; as many talks wait. */
  private readonly asking = new Map<string, number>();
  /** When the talks of this turn of the event loop were prepared; undefined before the first one. */
  private preparedMs: number | undefined;

  constructor(writer: RequestTarget, reader: RequestTarget, clock: Pick<Clock, "monotonicMs">) {
    this.writer = writer;
    this.reader = reader;
    this.clock = clock;
  }

  /** See `prepare` of Store. */
  prepare(talk: Talk): Promise<Talk> | undefined {
    const { app, sender, toGroup, dest } = talk;
    if (toGroup || sender === dest) return undefined;
    const talkedAtMs = this.selective.talkedAtMs(app, dest, sender);
    if (talkedAtMs === undefined) return undefined;
    const isProven = this.turnMs - talkedAtMs <= provenMs;
    if (isProven && this.asking.size === 0) return undefined;
    const pair = pairKey(app, sender, dest);
    if (isProven && !this.asking.has(pair)) return undefined;
    this.asking.set(pair, (this.asking.get(pair) ?? 0) + 1);
    const asked = this.ask(talk);
    // Before what the caller makes of the answer, and with nothing in between: another talk would overtake this one.
    const answered = (): void => this.answered(pair);
    asked.then(answered, answered);
    return asked;
  }

  /** The clock, read once for the talks that come together: reading it costs as much as the rest of a look-up. */
  private get turnMs(): number {
    if (this.preparedMs !== undefined) return this.preparedMs;
    queueMicrotask(() => (this.preparedMs = undefined));
    return (this.preparedMs = this.clock.monotonicMs());
  }

  private async ask(talk: Talk): Promise<Talk> {
    const { app, sender, dest } = talk;
    const pairs = await pairsOf({ app, actor: sender, accounts: [dest] }, this.reader);
    const hasConversation = pairs[dest] === true;
    if (hasConversation) this.selective.setTalked(app, dest, sender, this.clock.monotonicMs());
    return { ...talk, hasConversation };
  }

  private answered(pair: string): void {
    const left = (this.asking.get(pair) ?? 0) - 1;
    if (left > 0) this.asking.set(pair, left);
    else this.asking.delete(pair);
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
    for (const at of places) this.remember(jobs[at]);
    const rest = await ifAvailable(async () => {
      const again = await Promise.all(places.map(async (at) => withPairs(jobs[at], concernedBy, this.reader)));
      return this.commit(again);
    });
    if (rest === undefined) return numbers;
    for (const [from, at] of places.entries())
      numbers.set(rest.subarray(from * outcomeSlots, (from + 1) * outcomeSlots), at * outcomeSlots);
    return numbers;
  }

  private remember(job: Job | undefined): void {
    if (job?.kind === "talk") this.selective.add(job.app, job.dest);
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
  return { ...job, pairs: await pairsOf(concerned(job), reader) };
}

async function pairsOf(
  { app, actor, accounts }: Concerned,
  reader: RequestTarget,
): Promise<Readonly<Record<string, boolean>>> {
  const talked = new Set(await answerTo(reader, { ask: "pairs", app, account: actor, accounts }));
  return Object.fromEntries(accounts.map((name) => [name, talked.has(name)]));
}

function pairKey(app: string, sender: string, receiver: string): string {
  return accountKey(app, accountKey(sender, receiver));
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
