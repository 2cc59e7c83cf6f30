// The commands (proto/README.md, section 5) and the meta keys (section 3) of the wire protocol.

export const Command = {
  SignIn: "login.signin",
  SignOut: "login.signout",
  /** A new token on a connection that is signed in; its gateway answers. */
  Renew: "login.renew",
  /** Between services: a gateway is asked to send its sessions again, and does so. */
  Resync: "login.resync",
  Restore: "login.restore",
  /** Between services: a gateway and a login node compare what they know of the gateway's sessions. */
  Census: "login.census",
  /** Between services: a chat node says what operators have ended, and a gateway asks for it (revocations.ts). */
  Revocations: "chat.revocations",
  UserTalk: "chat.user.talk",
  GroupTalk: "chat.group.talk",
  TalkAck: "chat.talk.ack",
  OfflineIndex: "chat.offline.index",
  /** A hint to a client: something may have passed you, read the index. */
  Sync: "chat.sync",
  OfflineContent: "chat.offline.content",
  GroupCreate: "chat.group.create",
  GroupJoin: "chat.group.join",
  GroupQuit: "chat.group.quit",
  GroupMembers: "chat.group.members",
  GroupDetail: "chat.group.detail",
} as const;
export type Command = (typeof Command)[keyof typeof Command];

/** The reserved meta keys: set by services only, dropped when a client sends them. */
export const MetaKey = {
  /** The gateway that a packet comes from or goes to. */
  DestServer: "dest.server",
  /** The comma-joined channel ids that a push goes to. */
  DestChannels: "dest.channels",
  App: "app",
  Account: "account",
} as const;
export type MetaKey = (typeof MetaKey)[keyof typeof MetaKey];

/** The service that takes a command: the part before its first dot; undefined when there is no dot or nothing before it. */
export function serviceOf(command: string): string | undefined {
  const dot = command.indexOf(".");
  return dot > 0 ? command.slice(0, dot) : undefined;
}
