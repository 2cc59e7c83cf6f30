// What a kept store answers to every question that does not depend on the time, as values that JSON can hold. Only the
// fields that the store had when it was kept.

import type { IndexEntry, Store } from "../../../src/store/store.ts";
import { contentsOf } from "../../support/contents.ts";
import { keptAccounts, keptDevices, keptGroups, keyedTalks } from "./content.ts";

/** An answer by the question. */
export type Answers = Readonly<Record<string, unknown>>;

/** Devices that have acknowledged something: where the others begin depends on the day. */
const acknowledged = new Set(["shop/bob/", "shop/bob/phone", "shop/ann/phone", "games/ann/"]);
const pageEntries = 7;

/** Asks a store everything. Repeats the talks that have a clientId, which stores nothing. */
export async function answersOf(store: Store): Promise<Answers> {
  const answers: Record<string, unknown> = {};
  const all = new Set<bigint>();
  for (const [app, account] of keptAccounts) {
    for (const device of keptDevices) {
      for (const includeSent of [false, true]) {
        const from = acknowledged.has(`${app}/${account}/${device}`) ? [0n, 1n] : [1n];
        for (const after of from) {
          const entries = await indexInPages(store, { app, account, device, after, includeSent });
          for (const { messageId } of entries) all.add(messageId);
          const what = `index of ${app}/${account}/${device} after ${after}${includeSent ? ", with those sent" : ""}`;
          answers[what] = entries.map(({ messageId, direction, sendTime, otherAccount, group }) =>
            [messageId, direction, sendTime, otherAccount, group].join(" "),
          );
        }
      }
    }
  }
  const ids = [...all].toSorted((one, other) => (one < other ? -1 : 1));
  for (const [app, account] of keptAccounts) {
    const contents = await contentsOf(store, app, account, [...ids, 2n ** 62n]);
    answers[`contents for ${app}/${account}`] = contents.map(({ messageId, type, body, extra }) =>
      [messageId, type, JSON.stringify(body), extra].join(" "),
    );
  }
  for (const [app, group] of keptGroups) {
    for (const asker of ["ann", "bob", "cid", "dan"])
      answers[`detail of ${app}/${group} for ${asker}`] = await store.groupDetail(app, group, asker);
    const membership = await store.membership(app, group, 0n);
    answers[`members of ${app}/${group}`] = membership && {
      ...membership,
      accounts: membership.accounts.toSorted(),
      // Those of one version are in no order.
      changes: membership.changes
        .map(({ account, isMember, version }) => [version, isMember ? "joined" : "left", account].join(" "))
        .toSorted(),
    };
  }
  answers["revocations"] = await store.revocations(0n, 1_000);
  for (const outcome of await store.append(keyedTalks)) {
    if (outcome.result !== "stored") throw new Error(`a repetition is ${outcome.result}`);
    const { messageId, sendTime, previousId, groupVersion, repeated } = outcome;
    answers[`repetition of ${messageId}`] = { sendTime, previousId, groupVersion, repeated };
  }
  const others = await store.append(keyedTalks.map((said) => ({ ...said, body: "another text" })));
  answers["repetitions with another text"] = others.map(({ result }) => result);
  return plain(answers);
}

/** Numbers of 63 bits as text, and nothing that JSON leaves out. */
function plain(answers: Answers): Answers {
  return JSON.parse(JSON.stringify(answers, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value)));
}

async function indexInPages(
  store: Store,
  question: Omit<Parameters<Store["index"]>[0], "limit">,
): Promise<IndexEntry[]> {
  const entries: IndexEntry[] = [];
  for (let { after } = question; ;) {
    const page = await store.index({ ...question, after, limit: pageEntries });
    entries.push(...page);
    if (page.length < pageEntries) return entries;
    after = page.at(-1)?.messageId ?? after;
  }
}
