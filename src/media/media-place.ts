// Where the content of files is that messages name (store/media.ts): a folder, or an S3-compatible store. It goes past
// the path of messages: clients are given tickets, which are HTTP requests that somebody else may not make up.

import type { MediaItem } from "../store/media.ts";

/** The content cannot be reached now; the request may be retried. The message is for the operator. */
export class MediaUnavailable extends Error {
  override readonly name = "MediaUnavailable";
}

/** A request that a client makes, once for an upload. */
export interface TicketRequest {
  readonly method: "GET" | "PUT";
  /** Relative, beginning with "/", where the server itself answers it. */
  readonly url: string;
  /** What it has to have besides. */
  readonly headers: Readonly<Record<string, string>>;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}

/** All calls reject with MediaUnavailable. Ids are of 22 letters and digits. */
export interface MediaPlace {
  /** A ticket to upload a file. `owner`: whose it is, in whatever form; one owner cannot use what all share. */
  upload(item: MediaItem, owner: string): Promise<TicketRequest>;
  /** A ticket to download it. */
  download(item: MediaItem): Promise<TicketRequest>;
  /** Reports whether a file was uploaded as promised. If so, nobody can change it from then on. */
  settle(item: MediaItem): Promise<boolean>;
  /** Removes a file, whatever there is of it. */
  remove(id: string): Promise<void>;
}
