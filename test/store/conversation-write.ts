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
  | { readonly method: "join" | "quit"; readonly change: MembershipChange };

type WriteOf<Method extends Write["method"]> = Extract<Write, { readonly method: Method }>;

export type DoneWrite =
  | (WriteOf<"append"> & { readonly outcome: TalkOutcome })
  | (WriteOf<"change"> & { readonly outcome: ChangeOutcome })
  | (WriteOf<"set"> & { readonly outcome: SettingOutcome })
  | (WriteOf<"hide"> & { readonly outcome: SettingOutcome })
  | (WriteOf<"markRead"> & { readonly outcome: ReadOutcome })
  | (WriteOf<"acknowledge"> & { readonly outcome: "done" | "future" })
  | (WriteOf<"createGroup"> & { readonly outcome: CreateOutcome })
  | (WriteOf<"join" | "quit"> & { readonly outcome: MembershipOutcome });

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
  }
}
