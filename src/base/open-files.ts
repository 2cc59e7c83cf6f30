// Whether the files of an SQLite database that is open are still those at their paths. SQLite goes on writing into files
// that were unlinked, replaced or cut, and reports success for what nobody will ever read again. So whoever commits asks
// here first. A look costs three calls of stat(2), about 2 µs each.

import { realpathSync, statSync } from "node:fs";
import { fileIdentity, identityOf } from "./file-identity.ts";

/** What is wrong: the database itself, its size, or what SQLite keeps beside it (`-wal`, `-shm`). */
export type Displacement = "database" | "cut" | "log";

/** One file at a path, as it was when it was first seen. */
class SeenFile {
  readonly path: string;
  /** '' while the file does not exist. */
  private identity: string;

  constructor(path: string) {
    this.path = path;
    this.identity = fileIdentity(path);
  }

  /** The file's size if it is still the same; undefined if it is another one, or none. */
  sizeIfSame(): number | undefined {
    const now = statSync(this.path, { throwIfNoEntry: false });
    if (now === undefined) return undefined;
    const identity = identityOf(now);
    // SQLite makes the files beside the database at the first transaction.
    if (this.identity === "") this.identity = identity;
    return identity === this.identity && now.nlink > 0 ? now.size : undefined;
  }
}

export class OpenFiles {
  private readonly database: SeenFile;
  private readonly log: SeenFile;
  private readonly shared: SeenFile;
  private sizeMax = 0;
  /** The database may become as short as this; undefined: it may not become shorter. */
  private shrinksTo: number | undefined;

  /** To be made by whoever has just opened the database and read from it. */
  constructor(path: string) {
    this.database = new SeenFile(path);
    // Where the path is a link, SQLite keeps its files beside what it points to.
    const real = realpathSync(path);
    this.log = new SeenFile(`${real}-wal`);
    this.shared = new SeenFile(`${real}-shm`);
  }

  /** The database's content is another one, of so many bytes: the file may become as short as that. */
  accept(bytes: number): void {
    this.sizeMax = 0;
    this.shrinksTo = bytes;
  }

  /** The database's size in bytes; 0 while it is not in place. */
  size(): number {
    return this.database.sizeIfSame() ?? 0;
  }

  /** What is not in place; undefined: all is. A database never becomes shorter while nobody vacuums it. */
  displacement(): Displacement | undefined {
    const size = this.database.sizeIfSame();
    if (size === undefined) return "database";
    if (size < this.sizeMax) return "cut";
    // SQLite cuts the file with one of the next checkpoints; until then its size says nothing.
    if (this.shrinksTo !== undefined && size <= this.shrinksTo) this.shrinksTo = undefined;
    this.sizeMax = this.shrinksTo ?? size;
    return this.log.sizeIfSame() === undefined || this.shared.sizeIfSame() === undefined ? "log" : undefined;
  }
}
