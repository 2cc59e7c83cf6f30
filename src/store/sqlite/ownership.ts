// Which store the file is and whose: the rows of `identity` and `owner`, read and changed inside a write transaction.
//
// A claim is made before this process takes a node number: at the opening, and whenever its row in `node` is gone. An
// adoption deletes all rows, so a process of the former owner that stood still meanwhile claims again before it writes. What
// is read is looked at in the snapshot itself.

import { SQLiteError, type Database } from "bun:sqlite";
import {
  damagedIdentitySentence,
  isStoreIdentity,
  judgeClaim,
  livingOwnerSentence,
  newStoreIdentity,
  refusedClaimSentence,
  withoutAdoption,
  type ClaimOutcome,
  type StoreClaim,
} from "../../auth/store-ownership.ts";
import { leaseMs } from "./node-lease.ts";
import { NotOwned } from "./refusal.ts";

/** What a claim that was not refused has found. */
export interface Claimed {
  readonly identity: string;
  readonly outcome: ClaimOutcome;
}

export class Ownership {
  private readonly db: Database;
  /** The store's name for sentences. */
  private readonly store: string;
  private wanted: StoreClaim;
  /** Of the last claim; undefined before the first one. */
  claimed: Claimed | undefined;

  constructor(db: Database, store: string, claim: StoreClaim) {
    this.db = db;
    this.store = store;
    this.wanted = claim;
  }

  /** Throws NotOwned. An adoption is right only if no lease of another holder lasts at `wallMs`. */
  claim(wallMs: number, holder: string): void {
    const { db, store, wanted } = this;
    const outcome = judgeClaim(this.owners(), wanted);
    if (outcome === "refused") throw new NotOwned(refusedClaimSentence(store, wanted));
    if (outcome === "adopted" && this.isAlive(wallMs, holder)) throw new NotOwned(livingOwnerSentence(store));
    const known = identityOf(db);
    if (known === undefined && !wanted.adopt) throw new NotOwned(damagedIdentitySentence(store));
    const isRenewed = outcome === "adopted" || known === undefined;
    // Also of one that was nobody's: a copy of it, which another process takes, is another store.
    const identity = isRenewed || outcome === "taken" ? renewIdentity(db) : known;
    if (outcome === "adopted") db.run("DELETE FROM node");
    if (outcome === "adopted" || outcome === "taken") this.write(wanted.fingerprints);
    this.wanted = withoutAdoption(wanted);
    this.claimed = { identity, outcome: isRenewed ? "adopted" : outcome };
  }

  /** Replaces the owner's fingerprints. Throws NotOwned if the store has become another cluster's. */
  setOwners(fingerprints: readonly string[]): void {
    const { store, wanted } = this;
    const claim = withoutAdoption(wanted);
    if (judgeClaim(this.owners(), claim) === "refused") throw new NotOwned(refusedClaimSentence(store, claim));
    this.write(fingerprints);
  }

  /** Claims go by these fingerprints from now on. */
  claimAs(fingerprints: readonly string[]): void {
    this.wanted = { ...this.wanted, fingerprints };
  }

  /** Inside a snapshot that is read from: throws NotOwned if the store has become another cluster's. */
  require(): void {
    const { store, wanted } = this;
    try {
      if (judgeClaim(this.owners(), wanted) === "refused") throw new NotOwned(refusedClaimSentence(store, wanted));
    } catch (error) {
      // A store of an earlier version is nobody's; the writer brings it up to date.
      if (!(error instanceof SQLiteError && error.message.includes("no such table: owner"))) throw error;
    }
  }

  private owners(): string[] {
    const rows = this.db.query<{ fingerprint: string }, []>("SELECT fingerprint FROM owner").all();
    return rows.map(({ fingerprint }) => fingerprint);
  }

  private write(fingerprints: readonly string[]): void {
    this.db.run("DELETE FROM owner");
    const add = this.db.query<null, [string]>("INSERT OR IGNORE INTO owner VALUES (?)");
    for (const fingerprint of fingerprints) add.run(fingerprint);
  }

  /** A lease that ends later than one can that begins now is a leftover of a clock that was ahead. */
  private isAlive(wallMs: number, holder: string): boolean {
    const living = this.db.query<{ number: bigint }, [number, number, string]>(
      "SELECT number FROM node WHERE until_ms > ? AND until_ms <= ? AND holder <> ? LIMIT 1",
    );
    return living.get(wallMs, wallMs + leaseMs, holder) !== null;
  }
}

/** Returns a store's identity; undefined if it is not one row of the right form. */
export function identityOf(db: Database): string | undefined {
  const rows = db.query<{ identity: unknown }, []>("SELECT identity FROM identity").all();
  const identity = rows[0]?.identity;
  return rows.length === 1 && typeof identity === "string" && isStoreIdentity(identity) ? identity : undefined;
}

/** Makes it another store. Returns its identity. */
export function renewIdentity(db: Database): string {
  const identity = newStoreIdentity();
  db.run("DELETE FROM identity");
  db.run("INSERT INTO identity (one, identity, epoch) VALUES (1, ?, ?)", [identity, newStoreIdentity()]);
  return identity;
}

/** What sentences call the store at a path. */
export function storeName(path: string): string {
  return `The message store ${path}`;
}
