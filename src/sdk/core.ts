// The first entry of the client library: a client, its options and events, its errors, and what it returns.

export type { Member } from "../wire/gen/messages/member.ts";
export type { GroupGetResp } from "../wire/gen/messages/group-get-resp.ts";
export type { Media } from "../wire/gen/messages/media.ts";
export type { MessageContent } from "../wire/gen/messages/message-content.ts";
export type { MessageIndex } from "../wire/gen/messages/message-index.ts";
export { CloseCode, type CloseReason } from "../wire/close-reason.ts";
export { Status } from "../wire/gen/messages/status.ts";
export { ProtocolFault } from "../wire/protocol-fault.ts";
export { Disconnected, RequestRefused, RequestTimedOut } from "./client-errors.ts";
export type { ClientEvents, ClientOptions } from "./client-options.ts";
export type { Handler, Handlers } from "./emitter.ts";
export type { CreatedGroup, GroupDraft } from "./group.ts";
export type { Message } from "./message.ts";
export { RoostClient } from "./roost-client.ts";
export type { Stored, Talk, TalkOptions } from "./talk.ts";
