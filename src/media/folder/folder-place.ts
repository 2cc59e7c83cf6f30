// Files in a folder of this process: `files/` has those that are complete, under their ids, and `uploads/` what is
// arriving. A file is written to `uploads/`, flushed, and linked into `files/`, where nothing is ever overwritten: what
// is there is whole, and stays as it is until it is removed.

import { closeSync, fsyncSync, mkdirSync, openSync, rmSync } from "node:fs";
import { stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ensureSecret, secretPath, secretsFromFile } from "../../auth/secret.ts";
import type { Clock } from "../../base/clock.ts";
import { downloadTicketSeconds, uploadTicketSeconds } from "../../base/limits/fixed.ts";
import { reasonOf } from "../../base/reason-of.ts";
import type { MediaItem } from "../../store/media.ts";
import { type MediaPlace, MediaUnavailable, type TicketRequest } from "../media-place.ts";
import { type Grant, ownerTag, signedPath } from "./media-url.ts";

export class FolderPlace implements MediaPlace {
  readonly key: Uint8Array;
  private readonly folder: string;
  private readonly publicUrl: string;
  private readonly clock: Pick<Clock, "wallMs">;

  /**
   * Makes the folder, which is this process's alone, and its key, if they are not there. `publicUrl`: what is put
   * before the paths of tickets; '' for none. Throws the system's error, or SecretError.
   */
  constructor(folder: string, publicUrl: string, clock: Pick<Clock, "wallMs">) {
    this.folder = folder;
    this.publicUrl = publicUrl.replace(/\/+$/, "");
    this.clock = clock;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // What a killed process was receiving.
    rmSync(join(folder, "uploads"), { recursive: true, force: true });
    for (const each of ["files", "uploads"]) mkdirSync(join(folder, each), { recursive: true, mode: 0o700 });
    ensureSecret(folder);
    const [key] = secretsFromFile(secretPath(folder)).keys;
    if (key === undefined) throw new Error("a secret file without a key is refused");
    this.key = key;
  }

  /** Where a complete file is. `id` is one of `grantOf` or of the store. */
  pathOf(id: string): string {
    return join(this.folder, "files", id);
  }

  /** Where a file is written while it arrives. */
  draftOf(id: string): string {
    return join(this.folder, "uploads", id);
  }

  /** Makes the names of the files that were linked last survive a power failure. */
  syncNames(): void {
    const folder = openSync(join(this.folder, "files"), "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  upload({ id, type, size }: MediaItem, owner: string): Promise<TicketRequest> {
    const until = this.nowSeconds() + uploadTicketSeconds;
    const by = ownerTag(this.key, owner);
    return Promise.resolve(this.ticket("PUT", { op: "put", id, until, size, type, by }, { "content-type": type }));
  }

  download({ id, name, type }: MediaItem): Promise<TicketRequest> {
    const until = this.nowSeconds() + downloadTicketSeconds;
    return Promise.resolve(this.ticket("GET", { op: "get", id, until, name, type }, {}));
  }

  async settle({ id, size }: MediaItem): Promise<boolean> {
    try {
      return (await stat(this.pathOf(id))).size === size;
    } catch (error) {
      return isMissing(error) ? false : unavailable(error);
    }
  }

  async remove(id: string): Promise<void> {
    try {
      await unlink(this.pathOf(id));
    } catch (error) {
      if (!isMissing(error)) unavailable(error);
    }
  }

  private ticket(method: TicketRequest["method"], grant: Grant, headers: TicketRequest["headers"]): TicketRequest {
    return { method, url: this.publicUrl + signedPath(this.key, grant), headers, expiresAt: grant.until };
  }

  private nowSeconds(): number {
    return Math.floor(this.clock.wallMs() / 1000);
  }
}

/** Whether a system's error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function unavailable(cause: unknown): never {
  throw new MediaUnavailable(`the folder of files cannot be used: ${reasonOf(cause)}`, { cause });
}
