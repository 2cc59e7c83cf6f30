// What adding and removing many members have in common. The store commits them in slices, each with an entry of its
// own; entries name at most a hundred accounts, so those that a larger slice concerned are found out here.

import { groupAddMax } from "../../../base/limits/fixed.ts";
import type { Context } from "../../../service/context.ts";
import { Refusal, refusalOf } from "../../../service/refusal.ts";
import type { AddOutcome, GroupOutcome, MembersRequest } from "../../../store/groups.ts";
import { Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkPerson } from "../conversation-name.ts";
import { nameBytesMax } from "../talk-body.ts";
import { admitChange, requestOf, type StoredOutcome, tellToLook } from "./group-change.ts";
import { groupOf, refusalFor, type Sentences } from "./group-refusals.ts";
import { pushMembership } from "./membership-pushes.ts";

/** The largest request: its names with their tags and lengths, and the group. */
export const membersRequestBytesMax = (groupAddMax + 1) * (nameBytesMax + 8);

interface AskedMembers {
  readonly request: MembersRequest;
  readonly isMember: boolean;
  readonly ask: () => Promise<AddOutcome>;
  readonly sentences: Sentences;
  /** Answers what is stored, or in force. */
  readonly answer: (last: StoredOutcome | undefined, outcome: AddOutcome) => void;
}

/** A slice that is stored, and the accounts that it concerned; undefined if they cannot be told any more. */
interface Slice {
  readonly outcome: StoredOutcome;
  readonly accounts: readonly string[] | undefined;
}

/** Returns what a request names, without duplicates. Throws PayloadTooLarge or InvalidPacketBody. */
export function namedAccounts(request: { readonly group: string; readonly accounts: readonly string[] }): {
  readonly group: string;
  readonly accounts: Set<string>;
} {
  if (request.accounts.length > groupAddMax)
    throw new Refusal(Status.PayloadTooLarge, `at most ${groupAddMax} accounts in one request`);
  for (const account of request.accounts) checkPerson("each of accounts", account);
  return { group: groupOf(request), accounts: new Set(request.accounts) };
}

/** Commits a checked change, answers, and tells everybody concerned. Throws Refusal. */
export async function changeMembers(
  parts: ChatParts,
  context: Context,
  { request, isMember, ask, sentences, answer }: AskedMembers,
): Promise<void> {
  const { app, group, accounts } = request;
  let paid = admitChange(parts, context, isMember ? accounts.length : 0);
  try {
    const outcome = await ask();
    const { outcomes, leftOut, unwilling } = outcome;
    const stored = outcomes.filter((each): each is StoredOutcome => each.result === "stored");
    const others = new Set([...leftOut, ...unwilling]);
    const candidates = accounts.filter((account) => !others.has(account));
    const slices = await slicesOf(parts, app, group, stored, candidates);
    for (const {
      outcome: { versionBefore, version },
      accounts: moved,
    } of slices) {
      if (moved !== undefined)
        parts.audience.changed({ app, group, accounts: moved, isMember, versionBefore, version });
    }
    try {
      throwRefused(parts, context, outcomes, sentences, isMember);
      answer(stored.at(-1), outcome);
    } finally {
      if (stored.length > 0) {
        parts.told.tellGroup(requestOf(context));
        pushSlices(parts, context, { request, isMember, slices, candidates }, paid);
        paid = 0;
      }
    }
    if (stored.length > 0 || candidates.length === 0) return;
    if (tellToLook(parts, context, { toGroup: true, dest: group }, paid)) paid = 0;
  } finally {
    parts.allowance.charge(app, context.payer, -paid);
  }
}

/** Throws Refusal if a slice was refused; it says what was done before. */
function throwRefused(
  { limits }: ChatParts,
  context: Context,
  outcomes: readonly GroupOutcome[],
  sentences: Sentences,
  isMember: boolean,
): void {
  const last = outcomes.at(-1);
  if (last === undefined || last.result === "stored" || last.result === "unchanged") return;
  const refusal = refusalFor(limits, context, last, sentences);
  const done = outcomes.reduce((sum, each) => sum + (each.result === "stored" ? countOf(each) : 0), 0);
  if (done === 0) throw refusal;
  const sentence = `${done} accounts were ${isMember ? "added" : "removed"}, the others not: ${refusal.message}`;
  throw new Refusal(refusal.status, sentence);
}

function pushSlices(
  parts: ChatParts,
  context: Context,
  change: Pick<AskedMembers, "request" | "isMember"> & {
    readonly slices: readonly Slice[];
    readonly candidates: readonly string[];
  },
  paid: number,
): void {
  const { request, isMember, slices, candidates } = change;
  const { app, group } = request;
  const concerned = slices.reduce((sum, { outcome }) => sum + countOf(outcome), 0);
  for (const [index, { outcome, accounts }] of slices.entries()) {
    const { version, entries } = outcome;
    const [stored] = entries;
    if (stored === undefined) continue;
    const known = accounts ?? stored.entry.detail.accounts;
    const push = { group, accounts: known, isMember, version, stored };
    pushMembership(parts, context, push, index === 0 ? paid : 0, concerned);
    // Whoever else it concerned looks for itself.
    if (accounts === undefined) parts.missed.add(app, candidates);
  }
}

function countOf({ entries }: StoredOutcome): number {
  return entries[0]?.entry.detail.count ?? 0;
}

/**
 * Finds the accounts of each slice. An entry names all of a small one. Where every candidate was added or removed, they
 * follow the order of the slices. Else the changes of the group tell, if they are not too many already.
 */
async function slicesOf(
  parts: ChatParts,
  app: string,
  group: string,
  stored: readonly StoredOutcome[],
  candidates: readonly string[],
): Promise<readonly Slice[]> {
  const total = stored.reduce((sum, outcome) => sum + countOf(outcome), 0);
  const slices: Slice[] = [];
  let at = 0;
  for (const outcome of stored) {
    const count = countOf(outcome);
    const named = outcome.entries[0]?.entry.detail.accounts ?? [];
    const isNamed = named.length === count;
    const following = total === candidates.length ? candidates.slice(at, at + count) : undefined;
    at += count;
    const accounts = isNamed ? named : (following ?? (await readSlice(parts, app, group, outcome, count)));
    slices.push({ outcome, accounts });
  }
  return slices;
}

async function readSlice(
  { store, rareLog }: ChatParts,
  app: string,
  group: string,
  { version }: StoredOutcome,
  count: number,
): Promise<readonly string[] | undefined> {
  try {
    const membership = await store.membership(app, group, version - 1n);
    const changes = membership?.changes.filter((change) => change.version === version) ?? [];
    return changes.length === count ? changes.map(({ account }) => account) : undefined;
  } catch (error) {
    if (refusalOf(error) === undefined) throw error;
    // It is committed: those concerned are told to look.
    rareLog.warn("who joined or left a group could not be read; they are told to look", { error: String(error) });
    return undefined;
  }
}
