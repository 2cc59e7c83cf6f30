// What the commands of the terminal client work with.

import type { GroupChange } from "../../sdk/community/community-types.ts";
import type { Community, Group } from "../../sdk/community/community.ts";
import type { Conversation, Messenger } from "../../sdk/messenger/messenger.ts";
import type { Draft, Partner } from "../../sdk/messenger/messenger-types.ts";
import type { CommandForm, Given } from "./command-form.ts";
import type { GroupNames } from "./group-names.ts";
import type { Screen } from "./screen.ts";
import type { Sender } from "./sender.ts";
import type { Shown, ShownMessages } from "./shown-messages.ts";

export interface ChatContext {
  readonly messenger: Messenger;
  readonly community: Community;
  readonly screen: Screen;
  readonly names: GroupNames;
  readonly shown: ShownMessages;
  /** Whom typed messages go to. */
  readonly partner: Partner | undefined;
  /** Makes this the current conversation, and shows its last messages. */
  enter(partner: Partner): Promise<void>;
  /** Makes a group the current conversation, if this account is a member. */
  enterGroup(nameOrId: string): Promise<void>;
  /** Makes no conversation the current one. */
  leave(): void;
  /** The current conversation. Throws a CommandError if there is none. */
  conversation(): Conversation;
  /** The group of the current conversation. Throws a CommandError if there is none. */
  group(): Group;
  /** Shows the pinned messages of the current conversation. */
  showPinned(): Promise<void>;
  /**
   * Runs a change that its entry of the log tells of, and waits for that. `work` resolves with the id of the entry,
   * with 0n if it was so already, which is said then, or with undefined if it has said that itself.
   */
  told(work: () => Promise<bigint | undefined>): Promise<void>;
  /**
   * The command says itself that this account was put in a group, or left it: the entry of it is not told here. Returns
   * a function that takes this back, where the server has refused it.
   */
  doneHere(group: string, kind: GroupChange["kind"]): () => void;
  /** The message with a number, else the newest one that `isMeant`. Throws a CommandError if there is none. */
  message(number: number | undefined, isMeant: (shown: Shown) => boolean): Shown;
  /** Sends to the current conversation, and shows the message once it is stored. */
  send(draft: Draft): Promise<void>;
  /** What is typed and not stored. */
  readonly sender: Sender;
  /** Resolves when the list of conversations is loaded. Rejects without a connection. */
  listReady(): Promise<void>;
}

export interface ChatCommand extends CommandForm {
  /** Does what it can without a connection, too. */
  readonly isLocal?: boolean;
  /** Rejects as requests do, or with a CommandError. */
  run(context: ChatContext, given: Given): Promise<void>;
}
