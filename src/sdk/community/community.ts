// The third entry of the client library: what a messenger can do with groups and people. A page may load it when it
// shows the first of them.

import type { Handler } from "../emitter.ts";
import type { CreatedGroup, GroupDraft } from "../group.ts";
import type { ChatMessage, Messenger, Partner } from "../messenger/messenger.ts";
import type { AccountSettings, CommunityEvents, Profile, ProfileUpdate } from "./community-types.ts";
import type { GroupList } from "./group-list.ts";
import type { Group } from "./group.ts";
import type { PresenceWatcher } from "./presence-watcher.ts";
import type { Profiles } from "./profiles.ts";

export type { GroupList } from "./group-list.ts";
export type { Group } from "./group.ts";
export type { PresenceWatcher } from "./presence-watcher.ts";
export type { Profiles } from "./profiles.ts";
export type * from "./community-types.ts";

/**
 * Groups and people of a messenger. Requests reject as the client's do: with RequestRefused, RequestTimedOut or
 * Disconnected. After the latter two, whether the server executed the request is unknown; all may be repeated, but
 * where a method says otherwise. A server that lacks a command refuses it with NotImplemented or InvalidCommand.
 */
export abstract class Community {
  /** The groups of this account. */
  abstract readonly groups: GroupList;
  abstract readonly presence: PresenceWatcher;
  abstract readonly profiles: Profiles;

  /** The community of a messenger: the same one for the same messenger. It ends with the messenger. */
  declare static of: (client: Messenger) => Community;

  /** Adds a handler; returns a function that removes it. */
  abstract on<Name extends keyof CommunityEvents>(name: Name, handler: Handler<CommunityEvents[Name]>): () => void;

  /** A handle, which need not be kept: another one of the same group does the same. */
  abstract group(id: string): Group;

  /**
   * Creates a group that this account owns, as `client.newGroup` does. Not retried if the response is lost: a
   * repetition creates another group.
   */
  abstract createGroup(draft: GroupDraft): Promise<CreatedGroup>;

  /**
   * Joins the group of an invitation, also a closed one, and returns its id. Joining again is a success.
   * @throws RequestRefused: NotFound if the code is unknown, expired, revoked or used up; RateLimited after 20 wrong ones
   */
  abstract join(code: string): Promise<string>;

  /** Pins a message for everybody in its conversation, or unpins it; at most 50 a conversation. In groups for admins. */
  abstract pinMessage(partner: Partner, messageId: bigint, isPinned?: boolean): Promise<void>;

  /** The pinned messages of a conversation that this account may read, the newest pin first. */
  abstract pinnedMessages(partner: Partner): Promise<readonly ChatMessage[]>;

  /**
   * Tells the partner that this account is typing: call it at each key. At most one signal each 2 s goes out, none
   * without a connection, and a refusal is ignored: groups with more than 200 members online are told nothing.
   */
  abstract typing(partner: Partner): void;

  /** Who is typing in a conversation, those first who began first; another array after each change. */
  abstract typists(partner: Partner): readonly string[];

  /**
   * Sends a signal to everybody in the conversation who is online. It is stored nowhere, and success does not say that
   * anybody got it. A repetition is another signal. `kind`: 1 to 32 bytes, without control characters, `typing` left
   * out. `body`: at most 1 KiB.
   */
  abstract signal(partner: Partner, kind: string, body?: string): Promise<void>;

  /** Resolves when `blocked`, `settings` and `profile` have been read, since the last sign-in. Rejects as requests do. */
  abstract ready(): Promise<void>;

  /** The accounts that this one blocks; another set after each change. */
  abstract readonly blocked: ReadonlySet<string>;

  /**
   * Lets an account write to this one, react, pin, signal, add it to groups, and see its presence and read cursors no
   * more. At most 10,000.
   */
  abstract block(account: string): Promise<void>;
  abstract unblock(account: string): Promise<void>;

  /** Who may do what with this account. */
  abstract readonly settings: AccountSettings;
  /** Sets what is given. */
  abstract setSettings(settings: Partial<AccountSettings>): Promise<void>;

  /** This account's own profile. */
  abstract readonly profile: Profile;
  abstract setProfile(profile: ProfileUpdate): Promise<void>;
}
