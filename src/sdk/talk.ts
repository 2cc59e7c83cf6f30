// Talks, as an application makes them.

import type { Media } from "../wire/gen/messages/media.ts";

export interface Talk {
  readonly body: string;
  /** 1 text (the default), 2 image, 3 voice, 4 video, or the application's own. */
  readonly type?: number;
  readonly extra?: string;
  /** Accounts whose attention it draws, and the message that it answers; ignored but from a Messenger. */
  readonly mentions?: readonly string[];
  readonly replyTo?: bigint;
  /** Uploads of this account, as `Files.upload` gives them; likewise. */
  readonly media?: readonly Media[];
}

/** With its defaults. */
export function filled({ body, type = 1, extra = "", mentions = [], replyTo = 0n, media = [] }: Talk): Required<Talk> {
  return { body, type, extra, mentions, replyTo, media };
}

export interface TalkOptions {
  /** Identifies the message across retries: the server stores it once. At most 64 bytes; default: a fresh UUID. */
  readonly clientId?: string;
}

/** A message that the server has stored durably. */
export interface Stored {
  readonly id: bigint;
  /** Nanoseconds since 1970. */
  readonly sendTime: bigint;
}
