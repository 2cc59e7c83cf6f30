// An outbox in a file, for Bun and Node: a line of JSON with the owner, then one for each change, which is on the disk
// before a message is sent. A page must not import this module.

import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  write,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { promisify } from "node:util";
import { FileLock } from "./file-lock.ts";
import type { Media } from "../../wire/gen/messages/media.ts";
import type { OpenOutbox, OutboxEntry, OutboxOwner, OutboxStorage } from "./outbox-storage.ts";

/** Lines about entries that are gone which a file may hold before it is written anew. */
const deadLinesMax = 1_000;

type Line = { readonly put: OutboxEntry } | { readonly remove: string };
/** As JSON has it: the sizes of files are text. */
interface ReadEntry extends Omit<OutboxEntry, "media"> {
  readonly media?: readonly (Omit<Media, "size"> & { readonly size: string })[];
}
type ReadLine = { readonly put: ReadEntry } | { readonly remove: string };

interface Write {
  readonly line: Line;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const writeSome = promisify(write);
const syncData = promisify(fdatasync);

/**
 * Keeps the outbox of one device of one account in this file, which only its owner may read (mode 0600). A lock file
 * beside it, `PATH.lock`, keeps other processes out; one that a dead process has left is replaced. `Messenger.connect`
 * rejects with an Error if another process uses the file, if it is another account's or device's, or no outbox.
 */
export function openFileOutbox(path: string): OpenOutbox {
  return (owner) => new FileOutbox(path, owner);
}

class FileOutbox implements OutboxStorage {
  private readonly path: string;
  private readonly owner: OutboxOwner;
  private readonly lock: FileLock;
  /** What the file says, in the order in which entries were first put. */
  private readonly entries = new Map<string, OutboxEntry>();
  private lines = 0;
  /** The length of what is whole, in bytes. */
  private length = 0;
  private file: number | undefined;
  private waiting: Write[] = [];
  private writing: Promise<void> | undefined;
  private isClosed = false;

  constructor(path: string, owner: OutboxOwner) {
    // The working directory may change.
    this.path = resolve(path);
    this.owner = owner;
    this.lock = new FileLock(`${this.path}.lock`);
  }

  load(): Promise<readonly OutboxEntry[]> {
    return new Promise((done) => {
      const user = this.lock.take();
      if (user !== undefined)
        throw new Error(
          `the outbox ${this.path} is in use by process ${user}; if that is no user of it, remove ${this.path}.lock`,
        );
      try {
        this.read();
        this.writeAnew();
      } catch (error) {
        this.lock.release();
        throw error;
      }
      done([...this.entries.values()]);
    });
  }

  put(entry: OutboxEntry): Promise<void> {
    return this.append({ put: entry });
  }

  remove(clientId: string): Promise<void> {
    return this.entries.has(clientId) ? this.append({ remove: clientId }) : Promise.resolve();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.writing;
    this.closeFile();
    this.lock.release();
  }

  private closeFile(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private append(line: Line): Promise<void> {
    // The file may be another client's by now.
    if (this.isClosed) return Promise.reject(new Error(`the outbox ${this.path} is closed: its client has ended`));
    this.apply(line);
    return new Promise((done, reject) => {
      this.waiting.push({ line, resolve: done, reject });
      this.writing ??= this.writeAll();
    });
  }

  /** What comes while the disk is at work is written together afterwards. */
  private async writeAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const writes = this.waiting;
      this.waiting = [];
      try {
        await this.writeLines(writes.map(({ line }) => line));
      } catch (error) {
        for (const { reject } of writes) reject(error);
        continue;
      }
      for (const written of writes) written.resolve();
    }
    this.writing = undefined;
  }

  private async writeLines(lines: readonly Line[]): Promise<void> {
    // After a failure, a new file has everything.
    if (this.file === undefined || this.lines - this.entries.size > deadLinesMax) return this.writeAnew();
    const bytes = Buffer.from(lines.map(textOf).join(""));
    try {
      for (let at = 0; at < bytes.length;) {
        const { bytesWritten } = await writeSome(this.file, bytes, at, bytes.length - at, this.length + at);
        at += bytesWritten;
      }
      await syncData(this.file);
    } catch (error) {
      this.cutBack();
      throw error;
    }
    this.length += bytes.length;
    this.lines += lines.length;
  }

  /** No half line may stand before a whole one. */
  private cutBack(): void {
    try {
      if (this.file !== undefined) ftruncateSync(this.file, this.length);
    } catch {
      // The next change writes the file anew.
      this.closeFile();
    }
  }

  private read(): void {
    const text = contentOf(this.path);
    if (text === undefined || text === "") return;
    const [head = "", ...lines] = text.split("\n");
    const owner = parsed(head)?.["outbox"];
    if (owner === undefined) throw new Error(`${this.path} is not an outbox; name another file`);
    if (JSON.stringify(owner) !== JSON.stringify(nameOf(this.owner)))
      throw new Error(`the outbox ${this.path} is that of ${JSON.stringify(owner)}; name another file`);
    // A process that died while it wrote has left the beginning of a line, which nobody was told of.
    for (const [at, line] of lines.slice(0, -1).entries()) {
      const change = parsed(line);
      if (!isLine(change)) throw new Error(`${this.path}, line ${at + 2} is damaged; move the file away`);
      this.apply("put" in change ? { put: entryOf(change.put) } : change);
    }
  }

  private apply(line: Line): void {
    if ("put" in line) this.entries.set(line.put.clientId, line.put);
    else this.entries.delete(line.remove);
  }

  /** Replaces the file by one with the entries alone. */
  private writeAnew(): void {
    this.closeFile();
    const draft = `${this.path}.new`;
    const lines = [...this.entries.values()].map((put) => textOf({ put }));
    const text = `${JSON.stringify({ outbox: nameOf(this.owner) })}\n${lines.join("")}`;
    rmSync(draft, { force: true });
    const file = openSync(draft, "wx", 0o600);
    try {
      writeFileSync(file, text);
      fsyncSync(file);
      renameSync(draft, this.path);
      syncFolder(dirname(this.path));
    } catch (error) {
      closeSync(file);
      throw error;
    }
    this.file = file;
    this.lines = lines.length;
    this.length = Buffer.byteLength(text);
  }
}

const nameOf = ({ account, device }: OutboxOwner): readonly string[] => [account, device];

function entryOf({ media, ...entry }: ReadEntry): OutboxEntry {
  if (media === undefined) return entry;
  return { ...entry, media: media.map((file) => ({ ...file, size: BigInt(file.size) })) };
}

function textOf(line: Line): string {
  return `${JSON.stringify(line, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value))}\n`;
}

function parsed(line: string): { readonly [key: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function isLine(value: object | undefined): value is ReadLine {
  if (value === undefined) return false;
  if ("remove" in value) return typeof value.remove === "string";
  const { put } = { put: undefined, ...value };
  return typeof put === "object" && put !== null && "clientId" in put && typeof put["clientId"] === "string";
}

/** Undefined if there is no such file. */
function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
