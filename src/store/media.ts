// Files that messages name: what a store keeps of them. Their content is elsewhere (src/media/), and goes through no
// store.
//
// A file is promised by a ticket, complete when its whole content is there, named by messages from then on, and gone
// when the last of them is: recalled, or deleted. One that no message names within a day is gone, too; the day is time
// that processes have seen pass (trusted-time.ts), not a reading of a clock. A row that is gone stays until its content
// has been removed, so that a crash forgets none, and no message can name it any more.

/** The states of a file, as the engines store them. */
export const mediaState = { promised: 0, complete: 1, named: 2, gone: 3 } as const;

/** A file as messages show it. */
export interface MediaItem {
  /** 128 random bits in base 62. */
  readonly id: string;
  /** As its sender calls it; no path. */
  readonly name: string;
  /** Its media type, without parameters. */
  readonly type: string;
  /** In bytes. */
  readonly size: number;
}

interface MediaDraft extends MediaItem {
  readonly app: string;
  readonly account: string;
  /** Undefined: the bytes of all files of the account have no bound. */
  readonly quota?: MediaQuotaWish;
}

/** The bytes of an account's files that are not gone. */
export interface MediaUse {
  readonly bytes: number;
  /** The number of the newest file of the store at that time, as decimal text: those with larger ones came later. */
  readonly upTo: string;
}

/** The most bytes of an account's files, and how many it had lately: what came since is added in the commit. */
interface MediaQuotaWish extends MediaUse {
  readonly bytesMax: number;
}

/** A file of an account, which a message may name. */
export interface OwnMedia extends MediaItem {
  /** False: its ticket was given, and whether its content is there has to be looked up. */
  readonly isComplete: boolean;
}

export interface GoneMedia {
  /** Rises with each file of the store; where the next page begins. */
  readonly number: bigint;
  readonly id: string;
  /** An id of the sequence, taken when it was promised: its ticket is no older. */
  readonly version: bigint;
}

export interface MediaStore {
  /**
   * Stores the promise of a file. `full`, `fullOfBytes`: with it the account would have too many that no message names
   * (`mediaUnnamed`), or too large ones (`mediaUnnamedBytes`). `fullOfAll`: beyond its quota.
   */
  promise(draft: MediaDraft): Promise<MediaOutcome["result"]>;
  /** The bytes of all files of an account that are not gone. Costs a look at each of them. */
  useOf(app: string, account: string): Promise<MediaUse>;
  /** Returns those of the files that are the account's own, and not gone, in the order asked. */
  own(app: string, account: string, ids: readonly string[]): Promise<readonly OwnMedia[]>;
  /** The content of these files of the account is there. Nothing happens to those that are not promised. */
  complete(app: string, account: string, ids: readonly string[]): Promise<void>;
  /**
   * Returns the files of a message in its order; undefined if there is no such message, or the account may not read it.
   * Without an account any message of the app can be read.
   */
  ofMessage(app: string, account: string | undefined, messageId: bigint): Promise<readonly MediaItem[] | undefined>;
  /** Returns files that are gone, with numbers above `after`, the smallest first. */
  gone(after: bigint, limit: number): Promise<readonly GoneMedia[]>;
  /** Their content has been removed, and none comes any more: forgets those of these files that are gone. */
  forget(ids: readonly string[]): Promise<void>;
}

/** A call of MediaStore that writes. */
export type MediaCall =
  | ({ readonly call: "promise" } & MediaDraft)
  | { readonly call: "complete"; readonly app: string; readonly account: string; readonly ids: readonly string[] }
  | { readonly call: "forget"; readonly ids: readonly string[] };

export interface MediaOutcome {
  readonly result: "stored" | "full" | "fullOfBytes" | "fullOfAll";
}

/** Commits a call. `characters`: of its texts. */
export type WriteMedia = (call: MediaCall, characters: number) => Promise<MediaOutcome>;

/** The part of a MediaStore that the engines share: calls that write become jobs. Reading is up to the engine. */
export abstract class MediaCalls implements Pick<MediaStore, "promise" | "complete" | "forget"> {
  private readonly write: WriteMedia;

  constructor(write: WriteMedia) {
    this.write = write;
  }

  async promise(draft: MediaDraft): Promise<MediaOutcome["result"]> {
    return (await this.write({ call: "promise", ...draft }, draft.name.length + draft.type.length)).result;
  }

  async complete(app: string, account: string, ids: readonly string[]): Promise<void> {
    await this.write({ call: "complete", app, account, ids }, 0);
  }

  async forget(ids: readonly string[]): Promise<void> {
    await this.write({ call: "forget", ids }, 0);
  }
}
