// The fourth entry of the client library: files that messages name. A page may load it when somebody sends or opens the
// first of them. They go past the connection of the messages, by HTTP, to the server or to the store that it names.

import { Command } from "../../wire/commands.ts";
import type { Media } from "../../wire/gen/messages/media.ts";
import type { MediaDownload } from "../../wire/gen/messages/media-download.ts";
import type { MediaTicket } from "../../wire/gen/messages/media-ticket.ts";
import { MediaTicketReq } from "../../wire/gen/messages/media-ticket-req.ts";
import { MediaTicketResp } from "../../wire/gen/messages/media-ticket-resp.ts";
import { Status } from "../../wire/gen/messages/status.ts";
import type { MessageInit } from "../../wire/message-type.ts";
import { RequestRefused } from "../client-errors.ts";
import type { ExtensionHost } from "../extension.ts";
import type { Messenger } from "../messenger/messenger.ts";
import { FileRefused } from "./file-refused.ts";
import { fileUrl } from "./file-url.ts";
import { send } from "./send.ts";

export type { Media } from "../../wire/gen/messages/media.ts";
export { FileRefused } from "./file-refused.ts";

export interface UploadOptions {
  /** What receivers are shown, without a path. Default: the file's own. */
  readonly name?: string;
  /** Default: the file's own, or application/octet-stream. */
  readonly type?: string;
  /** Ends the upload, which then rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Is given the bytes that were sent so far; outside of browsers once, when all were. */
  readonly onProgress?: (sent: number) => void;
}

/** Where a file can be had for some minutes, by whoever knows the address. */
export interface FileAddress {
  readonly file: Media;
  readonly url: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}

/**
 * The files of a messenger. Calls reject as the messenger's do (RequestRefused: among others NotImplemented where the
 * server keeps no files), with FileRefused, or with what `fetch` throws when the network fails; all may be repeated.
 */
export class Files {
  private readonly host: ExtensionHost;

  constructor(client: Messenger) {
    this.host = client.extend();
  }

  /** Reports whether the server keeps files: whoever offers to send some asks before. */
  async areKept(): Promise<boolean> {
    try {
      // No message has this id.
      await this.tickets({ download: { messageId: 1n } });
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error;
      if (error.status === Status.NotImplemented) return false;
      if (error.status !== Status.NotFound) throw error;
    }
    return true;
  }

  /**
   * Uploads a file, for `media` of a draft, within a day: what no message names is removed then. A browser reads it as
   * it is sent.
   */
  async upload(content: Blob, { name, type, signal, onProgress }: UploadOptions = {}): Promise<Media> {
    const own = "name" in content && typeof content.name === "string" ? content.name : "";
    const upload = {
      name: name ?? (own === "" ? "file" : own),
      // Parameters are the reader's to guess, and a type without them is what is signed.
      type: (type ?? content.type).replace(/;.*/, "").trim() || "application/octet-stream",
      size: BigInt(content.size),
    };
    const [ticket] = await this.tickets({ upload });
    if (ticket?.media === undefined) return noTicket();
    const headers = Object.fromEntries(ticket.headers.map((header) => [header.name, header.value]));
    const request = { method: ticket.method, body: content, headers, ...(signal && { signal }) };
    const response = await send(this.urlOf(ticket), request, onProgress);
    if (!response.ok) throw await refused(response);
    return ticket.media;
  }

  /** Where the files of a message can be had, in their order. */
  addresses(messageId: bigint): Promise<readonly FileAddress[]> {
    return this.addressesOf({ messageId });
  }

  /** Where one of them can be had: for an `<img>`, say, or a link. */
  async address(messageId: bigint, file: Pick<Media, "id">): Promise<FileAddress> {
    return (await this.addressesOf({ messageId, id: file.id }))[0] ?? noTicket();
  }

  /** Downloads a file of a message. */
  async download(messageId: bigint, file: Pick<Media, "id">, signal?: AbortSignal): Promise<Blob> {
    const { url } = await this.address(messageId, file);
    const response = await fetch(url, signal && { signal });
    if (!response.ok) throw await refused(response);
    return response.blob();
  }

  private async tickets(request: MessageInit<MediaTicketReq>): Promise<readonly MediaTicket[]> {
    return (await this.host.ask(Command.MediaTicket, MediaTicketReq, request, MediaTicketResp)).tickets;
  }

  private async addressesOf(download: MessageInit<MediaDownload>): Promise<FileAddress[]> {
    return (await this.tickets({ download })).flatMap((ticket) => {
      const { media: file, expiresAt } = ticket;
      return file === undefined ? [] : [{ file, url: this.urlOf(ticket), expiresAt: Number(expiresAt) }];
    });
  }

  private urlOf({ url }: MediaTicket): string {
    return fileUrl(url, this.host.server());
  }
}

function noTicket(): never {
  throw new Error("the server gave no ticket");
}

/** The beginning of what is said is enough. */
async function refused(response: Response): Promise<FileRefused> {
  const text = (await response.text().catch(() => "")).trim().slice(0, 200);
  return new FileRefused(response.status, text === "" ? `the store of files answers ${response.status}` : text);
}
