// A messenger with a place for files, and people who upload, send and download, for tests.

import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { Feature } from "../../src/wire/features.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  EntryRespSchema,
  HistoryReqSchema,
  type HistoryMessage,
  HistoryRespSchema,
  LoginReqSchema,
  type MediaTicket,
  MediaTicketReqSchema,
  MediaTicketRespSchema,
  MessageRecallReqSchema,
  MessageReqSchema,
  MessageRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import type { StandaloneSettings } from "../../src/roles/settings.ts";
import { Messenger } from "../support/messenger.ts";
import { type Answer, sentenceOf, type WireClient } from "../support/wire-client.ts";

/** An answer as a test compares it: what it holds, or why it was refused. */
export type Refused = readonly [status: Status, sentence: string];

export class MediaPerson {
  readonly client: WireClient;
  /** What relative addresses are relative to. */
  private readonly base: string;

  private constructor(client: WireClient, base: string) {
    this.client = client;
    this.base = base;
  }

  static async signIn(messenger: Messenger, account: string, app = "app"): Promise<MediaPerson> {
    const client = await messenger.stranger();
    const token = await messenger.token(account, app);
    const features = [Feature.Conversations];
    const answer = await client.request(Command.SignIn, "", LoginReqSchema, { token, device: "d", features });
    if (answer.status !== Status.Success) throw new Error(sentenceOf(answer));
    return new MediaPerson(client, `http://${messenger.ws}`);
  }

  urlOf({ url }: Pick<MediaTicket, "url">): string {
    return new URL(url, this.base).href;
  }

  async tickets(request: MessageInitShape<typeof MediaTicketReqSchema>): Promise<MediaTicket[] | Refused> {
    const answer = await this.client.request(Command.MediaTicket, "", MediaTicketReqSchema, request);
    if (answer.status !== Status.Success) return refusal(answer);
    return fromBinary(MediaTicketRespSchema, answer.body).tickets;
  }

  /** Asks for one ticket, which must be given. */
  async ticket(request: MessageInitShape<typeof MediaTicketReqSchema>): Promise<MediaTicket> {
    const [ticket] = await this.tickets(request);
    if (typeof ticket !== "object") throw new Error(`expected a ticket, got ${ticket}`);
    return ticket;
  }

  forUpload(content: Uint8Array<ArrayBuffer>, name = "photo.png", type = "image/png"): Promise<MediaTicket> {
    return this.ticket({ upload: { name, type, size: BigInt(content.length) } });
  }

  put(
    ticket: MediaTicket,
    content: Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): Promise<globalThis.Response> {
    const given = Object.fromEntries(ticket.headers.map(({ name, value }) => [name, value]));
    return fetch(this.urlOf(ticket), { method: ticket.method, body: content, headers: { ...given, ...headers } });
  }

  /** Uploads a file; returns its id. */
  async upload(content: Uint8Array<ArrayBuffer>, name?: string, type?: string): Promise<string> {
    const ticket = await this.forUpload(content, name, type);
    const response = await this.put(ticket, content);
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return ticket.media?.id ?? "";
  }

  async send(
    to: string,
    media: readonly string[],
    more: MessageInitShape<typeof MessageReqSchema> = {},
  ): Promise<bigint | Refused> {
    const talk = { type: 2, body: "see", ...more, media: [...media] };
    const answer = await this.client.request(Command.UserTalk, to, MessageReqSchema, talk);
    return answer.status === Status.Success ? fromBinary(MessageRespSchema, answer.body).messageId : refusal(answer);
  }

  async recall(messageId: bigint): Promise<bigint | Refused> {
    const answer = await this.client.request(Command.MessageRecall, "", MessageRecallReqSchema, { messageId });
    return answer.status === Status.Success ? fromBinary(EntryRespSchema, answer.body).entryId : refusal(answer);
  }

  async history(account: string): Promise<readonly HistoryMessage[]> {
    const answer = await this.client.request(Command.History, "", HistoryReqSchema, { account });
    return fromBinary(HistoryRespSchema, answer.body).messages;
  }

  /** Downloads a file of a message, as a browser would. */
  async download(messageId: bigint, id = "", headers: Record<string, string> = {}): Promise<globalThis.Response> {
    return fetch(this.urlOf(await this.ticket({ download: { messageId, id } })), { headers });
  }
}

function refusal(answer: Answer): Refused {
  return [answer.status, sentenceOf(answer)];
}

export function startWithMedia(change: Partial<StandaloneSettings> = {}): Promise<Messenger> {
  return Messenger.start({ media: { kind: "folder" }, ...change });
}

/** What was sent must have been stored. */
export function idOf(sent: bigint | Refused): bigint {
  if (typeof sent === "bigint") return sent;
  throw new Error(sent.join(" "));
}
