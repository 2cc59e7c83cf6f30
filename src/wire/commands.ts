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
} as const;
export type Command = (typeof Command)[keyof typeof Command];

/** The reserved meta keys: only services set them, and those of clients are removed. */
export const MetaKey = {
  /** The gateway that a packet comes from or goes to. */
  DestServer: "dest.server",
  /** The channel ids of a push's receivers, joined by commas. */
  DestChannels: "dest.channels",
  App: "app",
  Account: "account",
} as const;
export type MetaKey = (typeof MetaKey)[keyof typeof MetaKey];

/** Returns the service of a command, the part before its first dot; undefined without one. */
export function serviceOf(command: string): string | undefined {
  const dot = command.indexOf(".");
  return dot > 0 ? command.slice(0, dot) : undefined;
}
