// Encodes jobs for the functions of the database (message-functions.ts, groups/group-functions.ts); changes.ts
// has the others.

import type { SQL } from "bun";
import { outcome, type Job, type JobOf } from "../jobs.ts";
import type { AccountNumbers } from "./account-numbers.ts";
import type { BegunConversations } from "./begun-conversations.ts";
import type { GuardedAccounts } from "./people/guarded-accounts.ts";
import { toText } from "./text.ts";

export type TalkJob = JobOf<"talk">;
export type AckJob = JobOf<"ack">;
export type GroupJob = Exclude<Job, TalkJob | AckJob>;

/** A row of roost.store_talks, as an array. */
type MessageRow = readonly [
  outcome: bigint,
  id: bigint,
  sentNs: bigint,
  previousId: bigint,
  groupVersion: bigint,
  previousEntryId: bigint,
  sender: bigint,
  inbox: bigint | null,
];

export function isGroupJob(job: Job): job is GroupJob {
  return job.kind !== "talk" && job.kind !== "ack";
}

/** What a process remembers of a life of the store (life.ts). */
export interface Known {
  readonly accounts: AccountNumbers;
  readonly conversations: BegunConversations;
  readonly guards: GuardedAccounts;
}

/** Stores messages, then acknowledgements, in one transaction; returns a row for each, in this order. */
export async function sendMessages(
  sql: SQL,
  batch: {
    readonly holder: string;
    readonly life: string;
    readonly known: Known;
    readonly talks: readonly TalkJob[];
    readonly acks: readonly AckJob[];
  },
): Promise<readonly MessageRow[]> {
  const { holder, life, known, talks, acks } = batch;
  const { accounts, conversations, guards } = known;
  const texts = (values: readonly string[]) => sql.array(values.map(toText), "TEXT");
  const bigints = (values: (bigint | string | null)[]) => sql.array(values, "BIGINT");
  const ints = (values: number[]) => sql.array(values, "INT");
  const flags = (values: boolean[]) => sql.array(values, "BOOLEAN");
  const senders = talks.map(({ app, sender }) => accounts.find(app, sender));
  const dests = talks.map(({ app, toGroup, dest }) => (toGroup ? null : accounts.find(app, dest)));
  // Most batches of a busy process have neither.
  const starts: number[] = [];
  const linked: number[] = [];
  let areKnown = true;
  let mayRefuse = false;
  for (const [index, { toGroup, mentions = "", replyTo = "0", media }] of talks.entries()) {
    const [sender, dest] = [senders[index] ?? null, dests[index] ?? null];
    const isKnown = sender !== null && dest !== null;
    if (!isKnown) areKnown = false;
    if (!toGroup && (dest === null || guards.has(dest))) mayRefuse = true;
    if (!toGroup && !(isKnown && conversations.has(sender, dest))) starts.push(index + 1);
    if (mentions !== "" || replyTo !== "0" || media !== undefined) linked.push(index + 1);
  }
  // Numbers stand for names, which take the database longer to read.
  const isNamed = !areKnown || linked.length > 0;
  const named = (pick: (talk: TalkJob) => string) => texts(talks.map((talk) => (isNamed ? pick(talk) : "")));
  const links = linked.map((position) => talks[position - 1]);
  const rows: readonly MessageRow[] = await sql`SELECT * FROM roost.store_talks(
    ${holder}, ${life},
    ${named((talk) => talk.app)}, ${named((talk) => talk.sender)},
    ${bigints(senders)},
    ${flags(talks.map((talk) => talk.toGroup))},
    ${named((talk) => talk.dest)},
    ${bigints(dests)},
    ${flags(talks.map((talk) => talk.toKnown))},
    ${ints(talks.map((talk) => talk.type))},
    ${texts(talks.map((talk) => talk.body))}, ${texts(talks.map((talk) => talk.extra))},
    ${texts(talks.map((talk) => talk.clientId))},
    ${ints(starts)}, ${mayRefuse ? null : guards.version}::bigint,
    ${ints(linked)}, ${texts(links.map((talk) => talk?.mentions ?? ""))},
    ${bigints(links.map((talk) => talk?.replyTo ?? "0"))},
    ${texts(links.map((talk) => talk?.media?.join(",") ?? ""))},
    ${texts(acks.map((ack) => ack.app))}, ${texts(acks.map((ack) => ack.account))},
    ${texts(acks.map((ack) => ack.device))},
    ${bigints(acks.map((ack) => ack.messageId))}
  )`.values();
  for (const [index, { app, sender, toGroup, dest }] of talks.entries()) {
    const row = rows[index];
    if (row === undefined) break;
    const [result, , , , , , from, inbox] = row;
    if (senders[index] === null) accounts.remember(app, sender, from);
    if (toGroup || inbox === null) continue;
    if (dests[index] === null) accounts.remember(app, dest, inbox);
    if (result === outcome.stored || result === outcome.storedForNew) conversations.remember(from, inbox);
  }
  return rows;
}

export function changeOf(job: GroupJob): Record<string, string | boolean | readonly string[]> {
  if (job.kind === "create") {
    const { draft, isWhole } = job;
    return {
      kind: "create",
      app: toText(draft.app),
      group: toText(draft.id),
      name: toText(draft.name),
      avatar: toText(draft.avatar),
      introduction: toText(draft.introduction),
      closed: draft.closed,
      isWhole,
      members: [draft.owner, ...draft.members].map(toText),
    };
  }
  if (job.kind === "enter") {
    const { kind, slice } = job;
    const { app, group, members, isLast } = slice;
    return { kind, app: toText(app), group: toText(group), members: members.map(toText), isLast };
  }
  const { kind, change } = job;
  return {
    kind,
    app: toText(change.app),
    group: toText(change.group),
    actor: toText(change.actor),
    account: toText(change.account),
  };
}
