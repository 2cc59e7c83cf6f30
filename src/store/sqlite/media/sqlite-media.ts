// Files that messages name, on the main thread: what is read is asked from the reader, what is written goes through the
// batches of changes (job-store.ts).

import {
  type GoneMedia,
  MediaCalls,
  type MediaItem,
  type MediaStore,
  type MediaUse,
  type OwnMedia,
  type WriteMedia,
} from "../../media.ts";
import { answerTo } from "../people/ask-reader.ts";
import type { RequestTarget } from "../protocol.ts";

export class SqliteMedia extends MediaCalls implements MediaStore {
  private readonly reader: RequestTarget;

  constructor(reader: RequestTarget, write: WriteMedia) {
    super(write);
    this.reader = reader;
  }

  own(app: string, account: string, ids: readonly string[]): Promise<readonly OwnMedia[]> {
    return answerTo(this.reader, { ask: "ownMedia", app, account, ids });
  }

  useOf(app: string, account: string): Promise<MediaUse> {
    return answerTo(this.reader, { ask: "mediaUse", app, account });
  }

  ofMessage(app: string, account: string | undefined, messageId: bigint): Promise<readonly MediaItem[] | undefined> {
    return answerTo(this.reader, { ask: "mediaOf", app, account, messageId: `${messageId}` });
  }

  gone(after: bigint, limit: number): Promise<readonly GoneMedia[]> {
    return answerTo(this.reader, { ask: "goneMedia", after: `${after}`, limit });
  }
}
