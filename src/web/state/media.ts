// Pictures and files of messages, as the page has them: what was chosen for each conversation, and the pictures that
// were downloaded.

import { signal } from "@preact/signals";
import { Files, type Media } from "../../sdk/media/files.ts";
import type { Messenger } from "../../sdk/messenger/messenger.ts";
import { typeOfPicture } from "./picture-size.ts";
import { Tray } from "./tray.ts";

/** The bound on the pictures that are kept, in bytes: the one that was loaded first goes first. */
const keptBytesMax = 64 * 1024 * 1024;

/** A file of a message. */
export interface MessageFile {
  readonly messageId: bigint;
  readonly file: Media;
}

interface Picture {
  readonly url: string;
  readonly bytes: number;
}

export class MediaShelf {
  readonly files: Files;
  /** Whether the server takes files. */
  readonly isKept = signal(false);
  /** The picture that is shown large. */
  readonly shown = signal<MessageFile | undefined>(undefined);
  private readonly trays = new Map<string, Tray>();
  private readonly pictures = new Map<string, Picture>();
  private keptBytes = 0;

  constructor(client: Messenger) {
    this.files = new Files(client);
    void this.ask();
  }

  /** Asks the server whether it takes files; a connection that ends is asked again. */
  async ask(): Promise<void> {
    this.isKept.value = await this.files.areKept().catch(() => this.isKept.peek());
  }

  /** What was chosen for a conversation; where that is nothing, until another one is asked for. */
  trayOf(key: string): Tray {
    let tray = this.trays.get(key);
    if (tray === undefined) {
      // By what sends it, a tray keeps its conversation, with all messages that were loaded.
      for (const [other, { items }] of this.trays) if (items.peek()[0] === undefined) this.trays.delete(other);
      // One's own pictures are not downloaded.
      tray = new Tray(this.files, ({ id }, file) => void this.keep(id, file).catch(() => undefined));
      this.trays.set(key, tray);
    }
    return tray;
  }

  /** The address of a picture that is there. */
  known({ id }: Media): string | undefined {
    return this.pictures.get(id)?.url;
  }

  /** An address for an image; undefined if the file is no picture, or one too large. Rejects as downloads do. */
  async picture({ messageId, file }: MessageFile): Promise<string | undefined> {
    return this.known(file) ?? this.keep(file.id, await this.files.download(messageId, file));
  }

  close(): void {
    for (const tray of this.trays.values()) tray.clear();
    for (const id of this.pictures.keys()) this.drop(id);
  }

  private async keep(id: string, content: Blob): Promise<string | undefined> {
    const type = await typeOfPicture(content);
    if (type === undefined) return undefined;
    // Two that ask at the same time both show the one that came first.
    const former = this.pictures.get(id);
    if (former !== undefined) return former.url;
    const url = URL.createObjectURL(new Blob([content], { type }));
    this.pictures.set(id, { url, bytes: content.size });
    this.keptBytes += content.size;
    for (const oldest of this.pictures.keys()) if (this.keptBytes > keptBytesMax && oldest !== id) this.drop(oldest);
    return url;
  }

  private drop(id: string): void {
    const picture = this.pictures.get(id);
    if (picture === undefined) return;
    this.pictures.delete(id);
    this.keptBytes -= picture.bytes;
    URL.revokeObjectURL(picture.url);
  }
}
