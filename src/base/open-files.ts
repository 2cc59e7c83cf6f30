// Checks that the files of an open SQLite database are still those at their paths. SQLite keeps writing to files that
// were unlinked, replaced or truncated, and reports success for data that nobody will ever read. So every commit checks
// here first: three calls of stat(2), about 2 µs each.

import { realpathSync, statSync } from "node:fs";
import { fileIdentity, identityOf } from "./file-identity.ts";

/** The file that is not in place: the database itself, its size, or a file beside it (`-wal`, `-shm`). */
export type Displacement = "database" | "cut" | "log";

/**
 * Returns the identity of a database and of the files beside it: another one when any of the three was removed or
 * replaced. Throws the system's error if no database is at the path.
 */
export function databaseIdentity(path: string): string {
  // As in OpenFiles.
  const real = realpathSync(path);
  return [real, `${real}-wal`, `${real}-shm`].map(fileIdentity).join(", ");
}

/** A file at a path, with its identity when it was first seen. */
class SeenFile {
  readonly path: string;
  /** '' while the file does not exist. */
  private identity: string;

  constructor(path: string) {
    this.path = path;
    this.identity = fileIdentity(path);
  }

  /** Returns the file's size, or undefined if it was replaced or removed. */
  sizeIfSame(): number | undefined {
    const now = statSync(this.path, { throwIfNoEntry: false });
    if (now === undefined) return undefined;
    const identity = identityOf(now);
    // SQLite creates the files beside the database at the first transaction.
    if (this.identity === "") this.identity = identity;
    return identity === this.identity && now.nlink > 0 ? now.size : undefined;
  }
}

export class OpenFiles {
  private readonly database: SeenFile;
  private readonly log: SeenFile;
  private readonly shared: SeenFile;
  private sizeMax = 0;
  /** The size to which the database may shrink; undefined if it must not shrink. */
  private shrinksTo: number | undefined;

  /** Call it just after opening the database and reading from it. */
  constructor(path: string) {
    this.database = new SeenFile(path);
    // If the path is a link, SQLite keeps these files beside its target.
    const real = realpathSync(path);
    this.log = new SeenFile(`${real}-wal`);
    this.shared = new SeenFile(`${real}-shm`);
  }

  /** Accepts new content of `bytes` bytes: the file may shrink to that size. */
  accept(bytes: number): void {
    this.sizeMax = 0;
    this.shrinksTo = bytes;
  }

  /** The database's size in bytes; 0 if it is not in place. */
  size(): number {
    return this.database.sizeIfSame() ?? 0;
  }

  /** Returns what is not in place, or undefined. A database never shrinks unless somebody vacuums it. */
  displacement(): Displacement | undefined {
    const size = this.database.sizeIfSame();
    if (size === undefined) return "database";
    if (size < this.sizeMax) return "cut";
    // SQLite truncates the file at one of the next checkpoints; until then its size says nothing.
    if (this.shrinksTo !== undefined && size <= this.shrinksTo) this.shrinksTo = undefined;
    this.sizeMax = this.shrinksTo ?? size;
    return this.log.sizeIfSame() === undefined || this.shared.sizeIfSame() === undefined ? "log" : undefined;
  }
}
