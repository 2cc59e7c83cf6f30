// A write that concerns conversations, as data: a method of a store with its arguments, and with its outcome.

import type {
  ChangeOutcome,
  ConversationSetting,
  HideRequest,
  MessageChange,
  ReadMark,
  ReadOutcome,
  SettingOutcome,
} from "../../src/store/conversations.ts";
import type {
  GroupChange,
  GroupStore,
  InvitationDraft,
  MembersRequest,
  OfGroup,
  PinChange,
} from "../../src/store/groups.ts";
import type { BlockChange, ConsentChange, LastSeen, PeopleStore, ProfileChange } from "../../src/store/people.ts";
import type {
  CreateOutcome,
  GroupDraft,
  MembershipChange,
  MembershipOutcome,
  Store,
  Talk,
  TalkOutcome,
} from "../../src/store/store.ts";

export type Write =
  | { readonly method: "append"; readonly talk: Talk }
  | { readonly method: "change"; readonly change: MessageChange }
  | { readonly method: "set"; readonly setting: ConversationSetting }
  | { readonly method: "hide"; readonly request: HideRequest }
  | { readonly method: "markRead"; readonly mark: ReadMark }
  | { readonly method: "acknowledge"; readonly account: string; readonly device: string; readonly id: bigint }
  | { readonly method: "createGroup"; readonly draft: GroupDraft }
  | { readonly method: "join" | "quit"; readonly change: MembershipChange }
  | { readonly method: "changeGroup"; readonly change: GroupChange }
  | { readonly method: "addMembers"; readonly request: MembersRequest }
  | { readonly method: "removeMembers"; readonly request: MembersRequest }
  | { readonly method: "joinInvited"; readonly account: string; readonly code: string }
  | { readonly method: "invite"; readonly draft: InvitationDraft }
  | { readonly method: "revoke"; readonly of: OfGroup; readonly code: string }
  | { readonly method: "request"; readonly request: OfGroup & { readonly text: string } }
  | { readonly method: "withdraw"; readonly of: OfGroup }
  | { readonly method: "answer"; readonly answer: Parameters<GroupStore["answer"]>[0] }
  | { readonly method: "pin"; readonly change: PinChange }
  | { readonly method: "block"; readonly change: BlockChange }
  | { readonly method: "setConsent"; readonly change: ConsentChange }
  | { readonly method: "setProfile"; readonly change: ProfileChange }
  | { readonly method: "markSeen"; readonly marks: readonly LastSeen[] };

/** What a method of GroupStore or PeopleStore is answered with. */
type AnswerOf<Name extends keyof (GroupStore & PeopleStore)> = Awaited<ReturnType<(GroupStore & PeopleStore)[Name]>>;
/** The calls of ConversationStore and of Store itself. */
type OfConversations =
  | "append"
  | "change"
  | "set"
  | "hide"
  | "markRead"
  | "acknowledge"
  | "createGroup"
  | "join"
  | "quit";
export type WriteOf<Method extends Write["method"]> = Extract<Write, { readonly method: Method }>;

export type DoneWrite =
  | (WriteOf<"append"> & { readonly outcome: TalkOutcome })
  | (WriteOf<"change"> & { readonly outcome: ChangeOutcome })
  | (WriteOf<"set"> & { readonly outcome: SettingOutcome })
  | (WriteOf<"hide"> & { readonly outcome: SettingOutcome })
  | (WriteOf<"markRead"> & { readonly outcome: ReadOutcome })
  | (WriteOf<"acknowledge"> & { readonly outcome: "done" | "future" })
  | (WriteOf<"createGroup"> & { readonly outcome: CreateOutcome })
  | (WriteOf<"join" | "quit"> & { readonly outcome: MembershipOutcome })
  | (WriteOf<"changeGroup"> & { readonly outcome: AnswerOf<"change"> })
  | (WriteOf<"addMembers"> & { readonly outcome: AnswerOf<"add"> })
  | (WriteOf<"removeMembers"> & { readonly outcome: AnswerOf<"remove"> })
  | (WriteOf<"joinInvited"> & { readonly outcome: AnswerOf<"joinInvited"> })
  | (WriteOf<"invite"> & { readonly outcome: AnswerOf<"invite"> })
  | (WriteOf<"revoke"> & { readonly outcome: AnswerOf<"revokeInvitation"> })
  | (WriteOf<"request"> & { readonly outcome: AnswerOf<"request"> })
  | (WriteOf<"withdraw"> & { readonly outcome: AnswerOf<"withdraw"> })
  | (WriteOf<"answer"> & { readonly outcome: AnswerOf<"answer"> })
  | (WriteOf<"pin"> & { readonly outcome: AnswerOf<"pin"> })
  | (WriteOf<"block"> & { readonly outcome: AnswerOf<"block"> })
  | (WriteOf<"setConsent"> & { readonly outcome: AnswerOf<"setConsent"> })
  | (WriteOf<"setProfile"> & { readonly outcome: AnswerOf<"setProfile"> })
  | (WriteOf<"markSeen"> & { readonly outcome: "done" });

/** Calls the method of the store. */
export async function send(store: Store, app: string, write: Write): Promise<DoneWrite> {
  switch (write.method) {
    case "append": {
      const [outcome] = await store.append([write.talk]);
      if (outcome === undefined) throw new Error("a talk has an outcome");
      return { ...write, outcome };
    }
    case "change":
      return { ...write, outcome: await store.change(write.change) };
    case "set":
      return { ...write, outcome: await store.set(write.setting) };
    case "hide":
      return { ...write, outcome: await store.hide(write.request) };
    case "markRead":
      return { ...write, outcome: await store.markRead(write.mark) };
    case "acknowledge":
      return { ...write, outcome: await store.acknowledge(app, write.account, write.device, write.id) };
    case "createGroup":
      return { ...write, outcome: await store.createGroup(write.draft) };
    case "join":
    case "quit":
      return { ...write, outcome: await store[write.method](write.change) };
    default:
      return sendOfGroups(store, app, write);
  }
}

async function sendOfGroups(
  { groups, people }: Store,
  app: string,
  write: Exclude<Write, WriteOf<OfConversations>>,
): Promise<DoneWrite> {
  switch (write.method) {
    case "changeGroup":
      return { ...write, outcome: await groups.change(write.change) };
    case "addMembers":
      return { ...write, outcome: await groups.add(write.request) };
    case "removeMembers":
      return { ...write, outcome: await groups.remove(write.request) };
    case "joinInvited":
      return { ...write, outcome: await groups.joinInvited(app, write.account, write.code) };
    case "invite":
      return { ...write, outcome: await groups.invite(write.draft) };
    case "revoke":
      return { ...write, outcome: await groups.revokeInvitation(write.of, write.code) };
    case "request":
      return { ...write, outcome: await groups.request(write.request) };
    case "withdraw":
      return { ...write, outcome: await groups.withdraw(write.of) };
    case "answer":
      return { ...write, outcome: await groups.answer(write.answer) };
    case "pin":
      return { ...write, outcome: await groups.pin(write.change) };
    case "block":
      return { ...write, outcome: await people.block(write.change) };
    case "setConsent":
      return { ...write, outcome: await people.setConsent(write.change) };
    case "setProfile":
      return { ...write, outcome: await people.setProfile(write.change) };
    case "markSeen":
      await people.markSeen(write.marks);
      return { ...write, outcome: "done" };
  }
}
