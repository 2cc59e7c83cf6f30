// Encodes changes for roost.change_conversations (change-functions.ts), and decodes its answers.

import type { SQL } from "bun";
import { assert } from "../../base/assert.ts";
import type { LimitValues } from "../../base/limits/table.ts";
import type { ChangeJob, ChangeResult, MessageChangeJob } from "../change-jobs.ts";
import { entryKind, type ChangeOutcome, type SettingOutcome } from "../conversations.ts";
import type { MediaOutcome } from "../media.ts";
import { type GroupAnswer, groupOutcome } from "./groups/answers.ts";
import { fromText, toText } from "./text.ts";

/** An answer; `result` decides which fields it has. */
interface Answer {
  readonly result: string;
  readonly entryId: string;
  readonly time: string;
  readonly account: string;
  readonly group: string;
  readonly groupVersion: string;
  readonly previousEntryId: string;
  readonly version: string;
  readonly madeAccount?: boolean;
}

const kindOf = { edit: entryKind.edited, recall: entryKind.recalled, react: entryKind.reacted } as const;

/** Commits changes in one transaction; result i belongs to job i. */
export async function sendChanges(
  sql: SQL,
  {
    holder,
    life,
    jobs,
    limits,
  }: {
    readonly holder: string;
    readonly life: string;
    readonly jobs: readonly ChangeJob[];
    readonly limits: LimitValues;
  },
): Promise<readonly ChangeResult[]> {
  const changes = JSON.stringify(
    jobs.map((job) => withBounds(job, limits)),
    (_, value: unknown) => (typeof value === "string" ? toText(value) : value),
  );
  const rows: { answer: string }[] = await sql`
    SELECT answer FROM roost.change_conversations(${holder}, ${life}, ${changes}::text::json)`;
  assert(rows.length === jobs.length, "each change has its row");
  return rows.map(({ answer }, index) => {
    const job = jobs[index];
    assert(job !== undefined, "each row has its change");
    if (job.kind === "group") {
      const outcome: GroupAnswer = JSON.parse(answer);
      return { of: "group", outcome: groupOutcome(outcome) };
    }
    const given: Answer = JSON.parse(answer);
    if (job.kind === "people")
      return {
        of: "people",
        outcome: { ...settingOutcome(given), ...(given.madeAccount === true && { madeAccount: true }) },
      };
    if (job.kind === "media") return { of: "media", outcome: mediaOutcome(given) };
    return job.kind === "set" || job.kind === "hide"
      ? { of: "account", outcome: settingOutcome(given) }
      : { of: "message", outcome: changeOutcome(job, given) };
  });
}

/** The limits are the calling process's; other processes of the store may have others. */
function withBounds(job: ChangeJob, limits: LimitValues): object {
  if (job.kind === "people") return { ...job, blocksMax: limits.blocksPerAccount };
  if (job.kind === "media")
    return { ...job, unnamedMax: limits.mediaUnnamed, unnamedBytesMax: limits.mediaUnnamedBytes };
  if (job.kind !== "group") return job;
  const { groupsPerAccount, groupsPutPerAccount, groupMembers, invitationsPerGroup } = limits;
  const { joinRequestsPerGroup, joinRequestsPerAccount } = limits;
  const ofGroups = { groupsPerAccount, groupsPutPerAccount, groupMembers, invitationsPerGroup };
  return { ...job, bounds: { ...ofGroups, joinRequestsPerGroup, joinRequestsPerAccount } };
}

function changeOutcome(job: MessageChangeJob, given: Answer): ChangeOutcome {
  switch (given.result) {
    case "stored":
      return {
        result: "stored",
        entry: {
          entryId: BigInt(given.entryId),
          kind: kindOf[job.kind],
          refersTo: BigInt(job.messageId),
          actor: job.actor,
          time: BigInt(given.time),
          account: fromText(given.account),
          group: fromText(given.group),
          reaction: job.kind === "react" ? job.reaction : "",
          isOff: job.kind === "react" && job.isOff,
        },
        previousEntryId: BigInt(given.previousEntryId),
        groupVersion: BigInt(given.groupVersion),
      };
    case "unchanged":
      return { result: "unchanged", entryId: BigInt(given.entryId), time: BigInt(given.time) };
    case "notFound":
    case "forbidden":
    case "recalled":
    case "late":
    case "full":
      return { result: given.result };
    default:
      throw new Error(`a change of a message has no outcome ${given.result}`);
  }
}

function mediaOutcome({ result }: Answer): MediaOutcome {
  const outcomes = ["stored", "full", "fullOfBytes", "fullOfAll"] as const;
  const known = outcomes.find((each) => each === result);
  assert(known !== undefined, "a call of media has an outcome of one");
  return { result: known };
}

function settingOutcome(given: Answer): SettingOutcome {
  switch (given.result) {
    case "stored":
    case "unchanged":
      return { result: given.result, version: BigInt(given.version) };
    case "notFound":
    case "full":
      return { result: given.result };
    default:
      throw new Error(`a setting has no outcome ${given.result}`);
  }
}
