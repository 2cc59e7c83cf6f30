// The commands (proto/README.md, section 5) and the meta keys (section 3) of the wire protocol.

export const Command = {
  SignIn: "login.signin",
  SignOut: "login.signout",
  /** Sends a new token on a connection that is signed in; its gateway answers. */
  Renew: "login.renew",
  /** Between services: asks a gateway to send its sessions again. */
  Resync: "login.resync",
  Restore: "login.restore",
  /** Between services: compares a gateway's sessions at the gateway and at a login node. */
  Census: "login.census",
  /** Between services: distributes what operators have ended from chat nodes to gateways (revocations.ts). */
  Revocations: "chat.revocations",
  /** Between services: shows something to all clients of an app at a gateway (announcement.ts). */
  Announce: "chat.announce",
  /** Between services: asks a gateway about connections of its clients (connections.ts). */
  Connections: "chat.connections",
  UserTalk: "chat.user.talk",
  GroupTalk: "chat.group.talk",
  TalkAck: "chat.talk.ack",
  OfflineIndex: "chat.offline.index",
  /** A hint to a client: it may have missed a message and should read the index. */
  Sync: "chat.sync",
  OfflineContent: "chat.offline.content",
  GroupCreate: "chat.group.create",
  GroupJoin: "chat.group.join",
  GroupQuit: "chat.group.quit",
  GroupMembers: "chat.group.members",
  GroupDetail: "chat.group.detail",
  GroupList: "chat.group.list",
  GroupUpdate: "chat.group.update",
  GroupAdd: "chat.group.add",
  GroupRemove: "chat.group.remove",
  GroupRole: "chat.group.role",
  GroupTransfer: "chat.group.transfer",
  GroupMute: "chat.group.mute",
  GroupDismiss: "chat.group.dismiss",
  GroupAlias: "chat.group.alias",
  GroupPin: "chat.group.pin",
  GroupUnpin: "chat.group.unpin",
  GroupPinned: "chat.group.pinned",
  GroupInvite: "chat.group.invite",
  GroupRevoke: "chat.group.revoke",
  GroupInvitations: "chat.group.invitations",
  /** A request, and the push to the owner and admins of what is asked of them. */
  GroupRequest: "chat.group.request",
  GroupRequests: "chat.group.requests",
  /** A request, and the push to the account that asked to join. */
  GroupAnswer: "chat.group.answer",
  ConversationList: "chat.conversation.list",
  /** A request, and the push of a cursor to the reader's other devices and to the partner. */
  ConversationRead: "chat.conversation.read",
  ConversationSet: "chat.conversation.set",
  ConversationClear: "chat.conversation.clear",
  History: "chat.history",
  MessageEdit: "chat.message.edit",
  MessageRecall: "chat.message.recall",
  MessageHide: "chat.message.hide",
  MessageReact: "chat.message.react",
  MessageReaders: "chat.message.readers",
  /** A push: an entry of the log that is not a message. */
  Event: "chat.event",
  MediaTicket: "chat.media.ticket",
  AccountState: "account.state",
  /** A push: the account's own state changed on another of its devices. */
  AccountChanged: "account.changed",
  AccountBlock: "account.block",
  AccountUnblock: "account.unblock",
  AccountBlocked: "account.blocked",
  AccountSettings: "account.settings",
  AccountProfile: "account.profile",
  AccountSetProfile: "account.set-profile",
  /** A request, and the push of what it says to who is online. */
  Signal: "chat.signal",
  PresenceWatch: "presence.watch",
  PresenceUnwatch: "presence.unwatch",
  /** A push: watched accounts came or went. */
  PresenceChanged: "presence.changed",
} as const;
export type Command = (typeof Command)[keyof typeof Command];

/** The reserved meta keys: only services set them, and those of clients are removed. */
export const MetaKey = {
  /** The gateway that a packet comes from or goes to. */
  DestServer: "dest.server",
  /** The channel ids of a push's receivers, joined by commas. */
  DestChannels: "dest.channels",
  /**
   * Of a push whose body is not for all receivers: `bytes,count`, two decimal numbers. The first `count` channels of
   * dest.channels get only the first `bytes` bytes of the body. Absent: all of them get everything.
   */
  DestPlain: "dest.plain",
  App: "app",
  Account: "account",
} as const;
export type MetaKey = (typeof MetaKey)[keyof typeof MetaKey];

/** Reports whether a push may be dropped where much waits, before any message is: what it says is soon said again. */
export function isDroppable(command: string): boolean {
  return command === Command.PresenceChanged || command === Command.Signal;
}

/** Commands of these parts belong to the chat service, too. */
const chatParts: readonly string[] = ["account", "presence"];

/** Returns the service of a command: the part before its first dot, or chat; undefined without one. */
export function serviceOf(command: string): string | undefined {
  const dot = command.indexOf(".");
  if (dot <= 0) return undefined;
  const part = command.slice(0, dot);
  return chatParts.includes(part) ? "chat" : part;
}
