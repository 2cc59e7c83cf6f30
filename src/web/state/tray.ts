// The files that were chosen for the next message of a conversation: they are uploaded at once, and the message names
// them when all are there.

import { computed, effect, signal } from "@preact/signals";
import { errorOf, isWorthRepeating } from "../../sdk/client-errors.ts";
import { RequestRefused, Status } from "../../sdk/core.ts";
import type { Files, Media } from "../../sdk/media/files.ts";
import type { Draft } from "../../sdk/messenger/messenger.ts";
import { texts } from "../texts/texts.ts";
import { extraOf, type PictureSize, sizeOfPicture } from "./picture-size.ts";

/** Files of a message. */
const filesMax = 10;
/** Types of messages. */
const text = 1;
const image = 2;

/** Where files are uploaded to. */
type Uploads = Pick<Files, "upload">;

/** A file on its way to the server. */
export class Attachment {
  readonly file: File;
  /** From 0 to 1. */
  readonly progress = signal(0);
  /** Why it was not uploaded; '' if it may yet be. */
  readonly fault = signal("");
  readonly media = signal<Media | undefined>(undefined);
  /** The address of its preview; '' for what is no picture. Until it leaves the tray. */
  readonly preview = signal("");
  size: PictureSize | undefined;
  private readonly measured: Promise<void>;
  private ending = new AbortController();

  constructor(file: File) {
    this.file = file;
    this.measured = this.measure();
  }

  /** Never rejects. */
  async upload(files: Uploads): Promise<void> {
    const { file } = this;
    const { signal: end } = (this.ending = new AbortController());
    this.fault.value = "";
    try {
      if (file.size === 0) throw new Error(texts().emptyFile);
      const onProgress = (sent: number): void => void (this.progress.value = sent / file.size);
      // A name that the server would refuse may come from another system.
      const name = file.name.replace(/[/\\]/g, "_");
      const media = await files.upload(file, { name, signal: end, onProgress });
      await this.measured;
      this.media.value = media;
    } catch (error) {
      if (!end.aborted) this.fault.value = reasonOf(error);
    }
  }

  /** Ends it: it has no preview any more. */
  cancel(): void {
    this.ending.abort();
    void this.measured.then(() => URL.revokeObjectURL(this.preview.peek()));
  }

  private async measure(): Promise<void> {
    this.size = await sizeOfPicture(this.file);
    if (this.size !== undefined) this.preview.value = URL.createObjectURL(this.file);
  }
}

function reasonOf(error: unknown): string {
  const t = texts();
  if (error instanceof RequestRefused && error.status === Status.PayloadTooLarge) return t.tooLarge;
  if (error instanceof RequestRefused && error.status === Status.Forbidden) return t.noRoom;
  // What fetch throws where there is no network.
  if (isWorthRepeating(error) || error instanceof TypeError) return t.noServer;
  return errorOf(error).message;
}

export class Tray {
  readonly items = signal<readonly Attachment[]>([]);
  /** More were chosen than a message names. */
  readonly isFull = signal(false);
  /** The message is to be sent as soon as all files are uploaded. */
  readonly isWaiting = signal(false);
  readonly isReady = computed(() => this.items.value.every(({ media }) => media.value !== undefined));
  /** Sends the message, or is called again when a signal changes that it has read: of the last view of this tray. */
  send: () => void = () => undefined;
  private readonly files: Uploads;
  private readonly uploaded: (media: Media, file: File) => void;

  /** `uploaded`: is told of each file that has arrived. */
  constructor(files: Uploads, uploaded: (media: Media, file: File) => void) {
    this.files = files;
    this.uploaded = uploaded;
    effect(() => {
      if (this.isWaiting.value && this.isReady.value) this.send();
    });
  }

  /** Takes what there is room for: the rest is not even read. */
  add(files: Iterable<File>): void {
    const room = filesMax - this.items.peek().length;
    const chosen = [...files];
    this.isFull.value = chosen.length > room;
    const added = chosen.slice(0, room).map((file) => new Attachment(file));
    this.items.value = [...this.items.peek(), ...added];
    for (const one of added) void this.upload(one);
  }

  remove(item: Attachment): void {
    const left = this.items.peek().filter((one) => one !== item);
    if (left.length === 0) return this.clear();
    item.cancel();
    this.isFull.value = false;
    this.items.value = left;
  }

  async upload(item: Attachment): Promise<void> {
    await item.upload(this.files);
    const { value: media } = item.media;
    if (media !== undefined) this.uploaded(media, item.file);
    if (item.fault.value !== "") this.isWaiting.value = false;
  }

  /** The message is to be sent when all files are uploaded, unless one has failed. */
  sendThen(): void {
    this.isWaiting.value = this.items.peek().every(({ fault }) => fault.peek() === "");
  }

  /** Takes all files out, as a message has them; only while all are uploaded. */
  take(): Pick<Draft, "media" | "extra" | "type"> {
    const items = this.items.peek();
    this.clear();
    const type = items.length > 0 && items.every(({ size }) => size !== undefined) ? image : text;
    return {
      media: items.flatMap(({ media }) => media.peek() ?? []),
      extra: extraOf(items.map(({ size }) => size)),
      type,
    };
  }

  clear(): void {
    // First: without files, nothing is waited for.
    this.isWaiting.value = this.isFull.value = false;
    for (const item of this.items.peek()) item.cancel();
    this.items.value = [];
  }
}
