// Encodes jobs for the functions of the database (message-functions.ts, group-functions.ts); changes.ts has the others.

import type { SQL } from "bun";
import type { Job, JobOf } from "../jobs.ts";
import type { AccountNumbers } from "./account-numbers.ts";
import { toText } from "./text.ts";

export type TalkJob = JobOf<"talk">;
export type AckJob = JobOf<"ack">;
export type GroupJob = Exclude<Job, TalkJob | AckJob>;

/** A row of roost.append_messages, as an array. */
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

/** Stores messages, then acknowledgements, in one transaction; returns a row for each, in this order. */
export function sendMessages(
  sql: SQL,
  batch: {
    readonly holder: string;
    readonly life: string;
    readonly accounts: AccountNumbers;
    readonly talks: readonly TalkJob[];
    readonly acks: readonly AckJob[];
  },
): Promise<readonly MessageRow[]> {
  const { holder, life, accounts, talks, acks } = batch;
  const texts = (values: readonly string[]) => sql.array(values.map(toText), "TEXT");
  const bigints = (values: (bigint | string | null)[]) => sql.array(values, "BIGINT");
  // Most batches have none.
  const linked = talks.flatMap(({ mentions = "", replyTo = "0" }, index) =>
    mentions === "" && replyTo === "0" ? [] : [{ position: index + 1, mentions, replyTo }],
  );
  const flags = (values: boolean[]) => sql.array(values, "BOOLEAN");
  return sql`SELECT * FROM roost.append_messages(
    ${holder}, ${life},
    ${texts(talks.map((talk) => talk.app))}, ${texts(talks.map((talk) => talk.sender))},
    ${bigints(talks.map((talk) => accounts.find(talk.app, talk.sender)))},
    ${flags(talks.map((talk) => talk.toGroup))},
    ${texts(talks.map((talk) => talk.dest))},
    ${bigints(talks.map((talk) => (talk.toGroup ? null : accounts.find(talk.app, talk.dest))))},
    ${flags(talks.map((talk) => talk.toKnown))},
    ${sql.array(
      talks.map((talk) => talk.type),
      "INT",
    )},
    ${texts(talks.map((talk) => talk.body))}, ${texts(talks.map((talk) => talk.extra))},
    ${texts(talks.map((talk) => talk.clientId))},
    ${sql.array(
      linked.map((link) => link.position),
      "INT",
    )},
    ${texts(linked.map((link) => link.mentions))}, ${bigints(linked.map((link) => link.replyTo))},
    ${texts(acks.map((ack) => ack.app))}, ${texts(acks.map((ack) => ack.account))},
    ${texts(acks.map((ack) => ack.device))},
    ${bigints(acks.map((ack) => ack.messageId))}
  )`.values();
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
