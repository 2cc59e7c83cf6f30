// The client library: sign-in, messages, groups and missed messages over one connection that is restored automatically.
// Runs in browsers, Bun and Node. Requests reject with RequestRefused, RequestTimedOut or Disconnected.

import { contentIdsAsked } from "../base/limits/fixed.ts";
import { closeAbnormal, closeNormal } from "../wire/close-reason.ts";
import { Command } from "../wire/commands.ts";
import { Feature } from "../wire/features.ts";
import { GroupCreateReq } from "../wire/gen/messages/group-create-req.ts";
import { GroupCreateResp } from "../wire/gen/messages/group-create-resp.ts";
import { GroupGetReq } from "../wire/gen/messages/group-get-req.ts";
import { GroupGetResp } from "../wire/gen/messages/group-get-resp.ts";
import { GroupJoinReq } from "../wire/gen/messages/group-join-req.ts";
import { GroupQuitReq } from "../wire/gen/messages/group-quit-req.ts";
import type { Header } from "../wire/gen/messages/header.ts";
import { KickoutNotify } from "../wire/gen/messages/kickout-notify.ts";
import type { LoginResp } from "../wire/gen/messages/login-resp.ts";
import type { Member } from "../wire/gen/messages/member.ts";
import { MessageAckReq } from "../wire/gen/messages/message-ack-req.ts";
import { MessageContentReq } from "../wire/gen/messages/message-content-req.ts";
import { MessageContentResp } from "../wire/gen/messages/message-content-resp.ts";
import type { MessageContent } from "../wire/gen/messages/message-content.ts";
import { MessageIndexReq } from "../wire/gen/messages/message-index-req.ts";
import { MessageIndexResp } from "../wire/gen/messages/message-index-resp.ts";
import type { MessageIndex } from "../wire/gen/messages/message-index.ts";
import { MessagePush } from "../wire/gen/messages/message-push.ts";
import { MessageReq } from "../wire/gen/messages/message-req.ts";
import { MessageResp } from "../wire/gen/messages/message-resp.ts";
import { decodeMessage } from "../wire/message-codec.ts";
import { emptyMessage, type MessageInit, type MessageType } from "../wire/message-type.ts";
import { Disconnected, isWorthRepeating, RequestRefused } from "./client-errors.ts";
import type { ClientEvents, ClientOptions } from "./client-options.ts";
import { ConnectionKeeper } from "./connection-keeper.ts";
import { Emitter, type Handler } from "./emitter.ts";
import { type Cancel, type Environment, platform } from "./environment.ts";
import type { Extension, ExtensionHost } from "./extension.ts";
import { Gateways } from "./gateways.ts";
import type { CreatedGroup, GroupDraft } from "./group.ts";
import { emitGroupNotice } from "./group-notices.ts";
import { boundedHeartbeatMs, heartbeatMsDefault } from "./liveness.ts";
import { type Message, pushedMessage } from "./message.ts";
import { inTime, repeat } from "./repeat.ts";
import type { Session } from "./session.ts";
import { Synchroniser } from "./synchroniser.ts";
import { filled, type Stored, type Talk, type TalkOptions } from "./talk.ts";
import { TokenSource } from "./token-source.ts";

/** How long `close` waits for its last acknowledgement, in milliseconds. */
const closeWaitMs = 2_000;

export class RoostClient {
  protected readonly environment: Environment;
  private readonly requestTimeoutMs: number;
  private readonly talkTriesMax: number;
  private readonly events: Emitter<ClientEvents>;
  private readonly keeper: ConnectionKeeper;
  protected readonly synchroniser: Synchroniser;
  private extension: Extension | undefined;
  private signedInAs = "";
  private unwatch: Cancel = () => undefined;

  /** `features` are asked for besides the core's; with one, the index has entries and sent messages, too. */
  protected constructor(options: ClientOptions, events = new Emitter(options.on), features: readonly string[] = []) {
    this.events = events;
    const { url = [], lookup = [], token, ca, reconnect = true, retry = false } = options;
    this.environment = { ...platform, ...(ca === undefined ? {} : { ca }), ...options.environment };
    this.requestTimeoutMs = options.requestTimeoutMs ?? 10_000;
    // Who asks for features, a Messenger, has an outbox that goes on, and obeys who drops a message meanwhile.
    this.talkTriesMax = options.talkTriesMax ?? (features.length === 0 ? 24 : 5);
    const device = Promise.resolve(options.device ?? "");
    // The sign-in tells of it, which may come later.
    device.catch(() => undefined);
    const { environment, requestTimeoutMs } = this;
    const gateways = new Gateways({ urls: listOf(url), lookups: listOf(lookup), environment });
    const tokens = new TokenSource(token, environment);
    const heartbeatMs = boundedHeartbeatMs(options.heartbeatMs ?? heartbeatMsDefault);
    this.keeper = new ConnectionKeeper(
      {
        ...{ gateways, tokens, device, reconnect, retry, environment, requestTimeoutMs, heartbeatMs },
        features: [Feature.Renew, ...features],
      },
      {
        online: (answer) => {
          const { account, channelId } = answer;
          this.signedInAs = account;
          this.signedIn(answer);
          this.synchroniser.signedIn(account);
          void this.events.emit("online", { account, channelId });
        },
        pushed: (header, body) => {
          this.extension?.pushed(header.command, body);
          this.pushed(header, body);
        },
        offline: (reason, returnsInMs) => {
          this.synchroniser.disconnected();
          this.disconnected(returnsInMs === undefined);
          if (returnsInMs === undefined) this.unwatch();
          void this.events.emit("offline", { reason, returnsInMs });
        },
      },
    );
    const hasLog = features.length > 0;
    this.synchroniser = new Synchroniser(
      {
        index: (after) => this.page(after, hasLog, hasLog),
        contents: (ids) => this.contents(ids),
        acknowledge: (id) => this.acknowledge(id),
      },
      {
        deliver: (message) => this.deliver(message),
        changed: (entry) => {
          this.entry(entry);
          this.extension?.entry(entry);
        },
        positioned: (hasJumped) => {
          if (hasJumped) this.extension?.jumped();
          this.positioned(hasJumped);
        },
        synced: (delivered) => void this.events.emit("synced", { delivered }),
        syncFailed: (error) => void this.events.emit("syncFailed", { error }),
      },
      environment,
      options.acknowledge ?? true,
      hasLog,
    );
  }

  /**
   * Connects and signs in; missed messages are delivered from then on.
   * @throws RequestRefused (for example for a bad token), RequestTimedOut, Disconnected, what `token` throws, or an
   * Error if `token` does not answer
   */
  static async connect(options: ClientOptions): Promise<RoostClient> {
    const client = new RoostClient(options);
    await client.start(options.signal);
    return client;
  }

  /** Connects, as `connect` does. */
  protected async start(signal: AbortSignal | undefined): Promise<void> {
    const aborted = (): void => this.keeper.stop({ ...closeNormal, text: "aborted" });
    this.unwatch = this.watch(signal, aborted);
    const started = this.keeper.start();
    if (signal?.aborted === true) aborted();
    await started;
  }

  // What a subclass extends: each is called in the order of the packets.
  /** Before the event `online`. */
  protected signedIn(_answer: LoginResp): void {}
  /** Before the event `offline`. */
  protected disconnected(_isForGood: boolean): void {}
  /** As `SyncOwner` says. */
  protected deliver(message: Message): Promise<boolean> | undefined {
    return this.events.emit("message", message);
  }
  protected entry(_entry: MessageIndex): void {}
  protected positioned(_hasJumped: boolean): void {}
  /** This connection has changed who is in a group, and is not told. */
  protected regrouped(): void {}

  get account(): string {
    return this.signedInAs;
  }

  get isOnline(): boolean {
    return this.keeper.current !== undefined;
  }

  on<Name extends keyof ClientEvents>(name: Name, handler: Handler<ClientEvents[Name]>): () => void {
    return this.events.on(name, handler);
  }

  /** For the other entries of this library: has the extension, the only one if any, told what happens from now on. */
  extend(extension = this.extension): ExtensionHost {
    this.extension = extension;
    return {
      environment: this.environment,
      ask: (command, ...rest) => this.request(command, "", ...rest),
      readIndex: () => this.synchroniser.read(),
      server: () => this.keeper.current?.url ?? "",
    };
  }

  /**
   * Checks the connection after a change of network, within some seconds, or opens a new one immediately. Browsers
   * trigger this themselves when the network or the page comes back.
   */
  reconnect(): void {
    this.keeper.hurry();
  }

  /** Sends to an account; resolves when the message is stored. Retries with the same clientId, up to `talkTriesMax`. */
  talkToUser(account: string, talk: Talk, options: TalkOptions = {}): Promise<Stored> {
    return this.talk(Command.UserTalk, account, talk, options);
  }

  /** Sends to a group that this account is a member of. Like `talkToUser`. */
  talkToGroup(group: string, talk: Talk, options: TalkOptions = {}): Promise<Stored> {
    return this.talk(Command.GroupTalk, group, talk, options);
  }

  /** Like `newGroup`, but returns only the id. */
  async createGroup(draft: GroupDraft): Promise<string> {
    return (await this.newGroup(draft)).id;
  }

  /** Creates a group that this account owns. Not retried if the response is lost. */
  async newGroup(draft: GroupDraft): Promise<CreatedGroup> {
    const answer = await this.request(Command.GroupCreate, "", GroupCreateReq, draft, GroupCreateResp);
    this.regrouped();
    return { id: answer.groupId, leftOut: answer.leftOut };
  }

  /** Joins a group, or adds `account` to a group that this account owns. */
  async joinGroup(group: string, account = this.account): Promise<void> {
    await this.request(Command.GroupJoin, group, GroupJoinReq, { groupId: group, account }, emptyMessage);
    this.regrouped();
  }

  /** Leaves a group, or removes `account` from a group that this account owns. */
  async quitGroup(group: string, account = this.account): Promise<void> {
    await this.request(Command.GroupQuit, group, GroupQuitReq, { groupId: group, account }, emptyMessage);
    this.regrouped();
  }

  /** Returns a group that this account is a member of. */
  group(id: string): Promise<GroupGetResp> {
    return this.request(Command.GroupDetail, id, GroupGetReq, { groupId: id }, GroupGetResp);
  }

  /** Returns a group's members in the order of joining. */
  async members(id: string): Promise<Member[]> {
    return (await this.request(Command.GroupMembers, id, GroupGetReq, { groupId: id }, GroupGetResp)).members;
  }

  /**
   * Returns one page (at most 2,000 entries) of the index above `after`, in the order of ids; with `includeSent` it has
   * this account's own messages, too. 0n: from this device's last acknowledgement. Does not acknowledge.
   */
  async index(after: bigint, includeSent: boolean): Promise<MessageIndex[]> {
    return (await this.page(after, includeSent, false)).indexes;
  }

  private page(messageId: bigint, includeSent: boolean, includeEvents: boolean): Promise<MessageIndexResp> {
    const request = { messageId, includeSent, includeEvents };
    return this.request(Command.OfflineIndex, "", MessageIndexReq, request, MessageIndexResp);
  }

  /** Returns contents in the order of `ids` (any number), without those that are purged or not readable. */
  async contents(ids: readonly bigint[]): Promise<MessageContent[]> {
    const found: MessageContent[] = [];
    for (let at = 0; at < ids.length; at += contentIdsAsked) {
      const request = { messageIds: ids.slice(at, at + contentIdsAsked) };
      const answer = await this.request(Command.OfflineContent, "", MessageContentReq, request, MessageContentResp);
      found.push(...answer.contents);
    }
    return found;
  }

  /** Acknowledges everything up to `id` for this device. Never moves back. Needed only with `acknowledge: false`. */
  async acknowledge(id: bigint): Promise<void> {
    await this.request(Command.TalkAck, "", MessageAckReq, { messageId: id }, emptyMessage);
  }

  /** Acknowledges what was delivered, if the server still answers, and ends the connection for good. */
  async close(): Promise<void> {
    if (this.isOnline) {
      await inTime(this.environment, closeWaitMs, this.synchroniser.settle(), "").catch(() => undefined);
    }
    this.keeper.stop(closeNormal);
  }

  private watch(signal: AbortSignal | undefined, aborted: () => void): Cancel {
    const unwatch = this.environment.watchNetwork(() => this.reconnect());
    signal?.addEventListener("abort", aborted);
    return () => {
      unwatch();
      signal?.removeEventListener("abort", aborted);
    };
  }

  protected async request<Request, Response>(
    command: string,
    dest: string,
    type: MessageType<Request>,
    init: MessageInit<NoInfer<Request>>,
    responseType: MessageType<Response>,
    session: Session | undefined = this.keeper.current,
  ): Promise<Response> {
    if (session === undefined) throw this.keeper.ending ?? new Disconnected(closeAbnormal);
    try {
      return await session.request(command, dest, type, init, responseType);
    } catch (error) {
      // Only another sign-in restores a lost session.
      if (error instanceof RequestRefused && error.isSessionLost)
        session.end({ ...closeAbnormal, text: error.message });
      throw error;
    }
  }

  protected talk(
    command: string,
    dest: string,
    talk: Talk,
    { clientId = this.environment.newId() }: TalkOptions,
  ): Promise<Stored> {
    const { media, ...rest } = filled(talk);
    const request = { ...rest, media: media.map(({ id }) => id), clientId };
    this.extension?.talked(command === Command.GroupTalk ? { group: dest } : { account: dest });
    return repeat(
      this.environment,
      async () => {
        const session = await this.keeper.online(this.requestTimeoutMs);
        const answer = await this.request(command, dest, MessageReq, request, MessageResp, session);
        this.synchroniser.sent(answer.messageId);
        return { id: answer.messageId, sendTime: answer.sendTime };
      },
      (error, tries) => tries + 1 >= this.talkTriesMax || this.keeper.ending !== undefined || !isWorthRepeating(error),
    );
  }

  protected pushed(header: Header, body: Uint8Array): void {
    switch (header.command) {
      case Command.UserTalk:
      case Command.GroupTalk: {
        const push = decodeMessage(MessagePush, body);
        if (push === undefined) return this.synchroniser.read();
        const isGroup = header.command === Command.GroupTalk;
        const message = pushedMessage(push, header.dest, isGroup);
        // Sent by another device of this account: its previousId belongs to the receiver's log, or to the group.
        if (push.sender === this.account && (isGroup || header.dest !== this.account)) {
          return this.synchroniser.pushedOwn(message);
        }
        return this.synchroniser.pushed(message, push.previousId, push.previousEntryId);
      }
      case Command.Sync:
        return this.synchroniser.read();
      case Command.SignIn:
        this.keeper.kicked();
        void this.events.emit("kicked", { channelId: decodeMessage(KickoutNotify, body)?.channelId ?? "" });
        return;
      default:
        emitGroupNotice(this.events, header.command, body);
    }
  }
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}
