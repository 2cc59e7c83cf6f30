// The commands (proto/README.md, section 5). A constant each, which bundlers inline where it is used: in one object, a
// page that loads a part of the client library would have the commands of all parts.

export const SignIn = "login.signin" as const;
export const SignOut = "login.signout" as const;
/** Sends a new token on a connection that is signed in; its gateway answers. */
export const Renew = "login.renew" as const;
/** Between services: asks a gateway to send its sessions again. */
export const Resync = "login.resync" as const;
export const Restore = "login.restore" as const;
/** Between services: compares a gateway's sessions at the gateway and at a login node. */
export const Census = "login.census" as const;
/** Between services: distributes what operators have ended from chat nodes to gateways (revocations.ts). */
export const Revocations = "chat.revocations" as const;
/** Between services: shows something to all clients of an app at a gateway (announcement.ts). */
export const Announce = "chat.announce" as const;
/** Between services: asks a gateway about connections of its clients (connections.ts). */
export const Connections = "chat.connections" as const;
export const UserTalk = "chat.user.talk" as const;
export const GroupTalk = "chat.group.talk" as const;
export const TalkAck = "chat.talk.ack" as const;
export const OfflineIndex = "chat.offline.index" as const;
/** A hint to a client: it may have missed a message and should read the index. */
export const Sync = "chat.sync" as const;
export const OfflineContent = "chat.offline.content" as const;
export const GroupCreate = "chat.group.create" as const;
export const GroupJoin = "chat.group.join" as const;
export const GroupQuit = "chat.group.quit" as const;
export const GroupMembers = "chat.group.members" as const;
export const GroupDetail = "chat.group.detail" as const;
export const GroupList = "chat.group.list" as const;
export const GroupUpdate = "chat.group.update" as const;
export const GroupAdd = "chat.group.add" as const;
export const GroupRemove = "chat.group.remove" as const;
export const GroupRole = "chat.group.role" as const;
export const GroupTransfer = "chat.group.transfer" as const;
export const GroupMute = "chat.group.mute" as const;
export const GroupDismiss = "chat.group.dismiss" as const;
export const GroupAlias = "chat.group.alias" as const;
export const GroupPin = "chat.group.pin" as const;
export const GroupUnpin = "chat.group.unpin" as const;
export const GroupPinned = "chat.group.pinned" as const;
export const GroupInvite = "chat.group.invite" as const;
export const GroupRevoke = "chat.group.revoke" as const;
export const GroupInvitations = "chat.group.invitations" as const;
/** A request, and the push to the owner and admins of what is asked of them. */
export const GroupRequest = "chat.group.request" as const;
export const GroupRequests = "chat.group.requests" as const;
/** A request, and the push to the account that asked to join. */
export const GroupAnswer = "chat.group.answer" as const;
export const ConversationList = "chat.conversation.list" as const;
/** A request, and the push of a cursor to the reader's other devices and to the partner. */
export const ConversationRead = "chat.conversation.read" as const;
export const ConversationSet = "chat.conversation.set" as const;
export const ConversationClear = "chat.conversation.clear" as const;
export const History = "chat.history" as const;
export const MessageEdit = "chat.message.edit" as const;
export const MessageRecall = "chat.message.recall" as const;
export const MessageHide = "chat.message.hide" as const;
export const MessageReact = "chat.message.react" as const;
export const MessageReaders = "chat.message.readers" as const;
/** A push: an entry of the log that is not a message. */
export const Event = "chat.event" as const;
export const MediaTicket = "chat.media.ticket" as const;
export const AccountState = "account.state" as const;
/** A push: the account's own state changed on another of its devices. */
export const AccountChanged = "account.changed" as const;
export const AccountBlock = "account.block" as const;
export const AccountUnblock = "account.unblock" as const;
export const AccountBlocked = "account.blocked" as const;
export const AccountSettings = "account.settings" as const;
export const AccountProfile = "account.profile" as const;
export const AccountSetProfile = "account.set-profile" as const;
/** A request, and the push of what it says to who is online. */
export const Signal = "chat.signal" as const;
export const PresenceWatch = "presence.watch" as const;
export const PresenceUnwatch = "presence.unwatch" as const;
/** A push: watched accounts came or went. */
export const PresenceChanged = "presence.changed" as const;
