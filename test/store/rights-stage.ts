// Groups and pairs of accounts in which a suite of rights tries one thing, and what a store says to it.

import type { GroupOutcome, GroupStore } from "../../src/store/groups.ts";
import type { PeopleStore } from "../../src/store/people.ts";
import type { Store } from "../../src/store/store.ts";
import { ampleMs } from "./conversation-asks.ts";
import { nowSeconds } from "./model-groups.ts";
import type { Actor, GroupState, Relation, targets } from "./rights-table.ts";
import { draft, stored, talk } from "./samples.ts";

type Named = Actor | (typeof targets)[number] | "asker";
const members: readonly Named[] = [
  "admin",
  "member",
  "mutedAdmin",
  "mutedMember",
  "left",
  "removed",
  "otherAdmin",
  "otherMember",
  "foe",
];

/** What is tried. */
export interface Try {
  readonly app: string;
  readonly group: string;
  readonly actor: string;
  /** Whom it concerns; '' if nobody. */
  readonly account: string;
  readonly code: string;
  /** Of the actor, and of another member; 0n if it has none. */
  readonly own: bigint;
  readonly other: bigint;
  /** Who asks to join. */
  readonly asker: string;
}

/** The parts of a store that has groups and people. */
export function partsOf({ groups, people }: Store): { readonly groups: GroupStore; readonly people: PeopleStore } {
  return { groups, people };
}

let made = 0;

/** A group in a state, with accounts of its own in each role. */
export async function groupTry(
  store: Store,
  app: string,
  { state, actor, target }: { readonly state: GroupState; readonly actor: Actor; readonly target: string },
): Promise<Try> {
  const { groups, people } = partsOf(store);
  const number = made++;
  const name = (who: string): string => `${who}${number}`;
  const group = `${app}g${number}`;
  const owner = name("owner");
  const of = { app, group, actor: owner };
  await store.createGroup(draft({ app, id: group, owner, members: members.map(name) }));
  const said = await store.append(
    (["owner", ...members] as const).map((who) => talk({ app, sender: name(who), toGroup: true, dest: group })),
  );
  const ids = new Map(said.map((outcome, at) => [["owner", ...members][at] ?? "", stored(outcome).messageId]));
  const until = nowSeconds() + 9_000n;
  const code = `${app} code ${number}`;
  const asker = name("asker");
  await Promise.all([
    groups.change({ ...of, kind: "update", hasApproval: true }),
    ...["admin", "mutedAdmin", "otherAdmin"].map((who) =>
      groups.change({ ...of, kind: "role", account: name(who), role: "admin" }),
    ),
    ...["mutedAdmin", "mutedMember"].map((who) => groups.change({ ...of, kind: "mute", account: name(who), until })),
    groups.invite({ ...of, code, uses: 0, validSeconds: 9_000 }),
    people.block({ app, account: name("foe"), blocked: owner, isOff: false }),
    people.setConsent({ app, account: name("shy"), add: "nobody" }),
    store.quit({ app, group, actor: name("left"), account: name("left") }),
    store.quit({ app, group, actor: owner, account: name("removed") }),
  ]);
  await groups.request({ ...of, actor: asker, text: "" });
  const hasApproval = state === "approval" || state === "closedApproval";
  const isClosed = state === "closed" || state === "closedApproval";
  await groups.change({ ...of, kind: "update", hasApproval, isClosed, isForAdmins: state === "forAdmins" });
  if (state === "dismissed") await groups.change({ ...of, kind: "dismiss" });
  return {
    app,
    group,
    actor: name(actor),
    account: target === "" ? "" : name(target),
    code,
    own: ids.get(actor) ?? ids.get("otherMember") ?? 0n,
    other: ids.get("otherMember") ?? 0n,
    asker,
  };
}

/** Two accounts, the second of which has set something about the first, which has a group of its own. */
export async function directTry(store: Store, app: string, relation: Relation, action: string): Promise<Try> {
  const { groups, people } = partsOf(store);
  const number = made++;
  const [actor, account, group] = [`one${number}`, `two${number}`, `${app}d${number}`];
  await store.createGroup(draft({ app, id: group, owner: actor }));
  // Only members are given a group.
  if (action === "transfer") await store.join({ app, group, actor: account, account });
  const code = `${app} code ${number}`;
  await groups.invite({ app, group, actor, code, uses: 0, validSeconds: 9_000 });
  let [own, other] = [0n, 0n];
  if (relation !== "neverTalked") {
    const [first, second] = await store.append([
      talk({ app, sender: actor, dest: account }),
      talk({ app, sender: account, dest: actor }),
    ]);
    [own, other] = [stored(first).messageId, stored(second).messageId];
  }
  const consent = relation === "nobody" ? "nobody" : "conversations";
  if (relation === "blocked") await people.block({ app, account, blocked: actor, isOff: false });
  else if (relation !== "free") await people.setConsent({ app, account, write: consent, add: consent });
  return { app, group, actor, account, code, own, other, asker: "" };
}

/** What a store answers to an action: a word of its outcomes, `allowed` for what it does. */
export async function tryOnStore(store: Store, action: string, its: Try, isDirect: boolean): Promise<string> {
  const { groups, people } = partsOf(store);
  const { app, group, actor, account, code, own, other, asker } = its;
  const of = { app, group, actor };
  const to = isDirect ? { toGroup: false, dest: account } : { toGroup: true, dest: group };
  const said = async (change: Parameters<typeof talk>[0]): Promise<string> =>
    (await store.append([talk({ app, sender: actor, ...to, ...change })]))[0]?.result ?? "";
  const list = (outcomes: readonly GroupOutcome[]): string => outcomes[0]?.result ?? "unchanged";
  const its2 = { ...of, account };
  const result = async (): Promise<string> => {
    switch (action) {
      case "talk":
        return said({});
      case "talkBack":
        return said({ sender: account, dest: actor });
      case "mentionAll":
        return said({ mentions: ["*"] });
      case "mayTalk":
        return (await people.mayTalk({ app, account: actor, ...to })).right;
      case "editOwn":
      case "recallOwn":
      case "recallOther": {
        const change = { app, actor, messageId: action === "recallOther" ? other : own, windowMs: ampleMs };
        const edit = { kind: "edit", body: "x", extra: "", clientId: "" } as const;
        return (await store.change({ ...change, ...(action === "editOwn" ? edit : { kind: "recall" as const }) }))
          .result;
      }
      case "react":
        return (await store.change({ kind: "react", app, actor, messageId: other, reaction: "a", isOff: false }))
          .result;
      case "detail":
        return (await store.groupDetail(app, group, actor)).result;
      case "members":
        return (await groups.members({ app, group, asker: actor, after: "", limit: 9, isAdminsOnly: false })).result;
      case "pinned":
        return (await groups.pinned({ app, account: actor, ...to })) === "notFound" ? "notFound" : "found";
      case "update":
        return (await groups.change({ ...of, kind: "update", name: "new" })).result;
      case "settings":
        return (await groups.change({ ...of, kind: "update", isForAdmins: true })).result;
      case "pin":
        return (await groups.pin({ app, actor, ...to, messageId: other, isOff: false })).result;
      case "invite":
        return (await groups.invite({ ...of, code: `${code} again`, uses: 0, validSeconds: 9 })).result;
      case "revoke":
        return (await groups.revokeInvitation(of, code)).result;
      case "invitations":
        return (await groups.invitations(of)).result;
      case "requests":
        return (await groups.requests(of, "", 9)).result;
      case "accept":
      case "decline":
        return (await groups.answer({ ...of, account: asker, isAccepted: action === "accept" })).result;
      case "join":
        return (await store.join({ ...of, account: actor })).result;
      case "joinInvited":
        return (await groups.joinInvited(app, isDirect ? account : actor, code)).result;
      case "request":
        return (await groups.request({ ...of, text: "" })).result;
      case "quit":
        return (await store.quit({ ...of, account: actor })).result;
      case "alias":
        return (await groups.change({ ...of, kind: "alias", alias: "x" })).result;
      case "dismiss":
        return (await groups.change({ ...of, kind: "dismiss" })).result;
      case "add": {
        const { outcomes, unwilling } = await groups.add({ ...of, accounts: [account] });
        return unwilling.length > 0 ? "unwilling" : list(outcomes);
      }
      case "joinOther":
        return (await store.join(its2)).result;
      case "remove":
        return list(await groups.remove({ ...of, accounts: [account] }));
      case "quitOther":
        return (await store.quit(its2)).result;
      case "mute":
        return (await groups.change({ ...its2, kind: "mute", until: nowSeconds() + 90n })).result;
      case "promote":
      case "demote":
        return (await groups.change({ ...its2, kind: "role", role: action === "promote" ? "admin" : "member" })).result;
      case "transfer":
        return (await groups.change({ ...its2, kind: "transfer" })).result;
      default:
        throw new Error(`there is no action ${action}`);
    }
  };
  const word = await result();
  return word === "stored" || word === "found" || word === "changed" ? "allowed" : word;
}
