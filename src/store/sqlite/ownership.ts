// The store's identity and owner: the rows of `identity` and `owner`, accessed inside a write transaction.
//
// A process claims the store before it takes a node number: when it opens the store, and whenever its row in `node` is
// gone. An adoption deletes all rows, so that a suspended process of the former owner claims again before it writes.
// Readers check the owner in their snapshot.

import { SQLiteError, type Database } from "bun:sqlite";
import {
  damagedIdentitySentence,
  isStoreIdentity,
  judgeClaim,
  livingOwnerSentence,
  newStoreIdentity,
  refusedClaimSentence,
  claimOfOwner,
  type ClaimOutcome,
  type StoreClaim,
} from "../../auth/store-ownership.ts";
import { leaseMs } from "./node-lease.ts";
import { NotOwned } from "./refusal.ts";

export interface Claimed {
  readonly identity: string;
  readonly outcome: ClaimOutcome;
}

export class Ownership {
  private readonly db: Database;
  /** The store's name in error messages. */
  private readonly store: string;
  private wanted: StoreClaim;
  claimed: Claimed | undefined;

  constructor(db: Database, store: string, claim: StoreClaim) {
    this.db = db;
    this.store = store;
    this.wanted = claim;
  }

  /** Throws NotOwned. An adoption fails while another holder has a valid lease at `wallMs`. */
  claim(wallMs: number, holder: string): void {
    const { db, store, wanted } = this;
    const outcome = judgeClaim(this.owners(), wanted);
    if (outcome === "refused") throw new NotOwned(refusedClaimSentence(store, wanted));
    if (outcome === "adopted" && this.isAlive(wallMs, holder)) throw new NotOwned(livingOwnerSentence(store));
    const known = identityOf(db);
    if (known === undefined && !wanted.adopt) throw new NotOwned(damagedIdentitySentence(store));
    const isRenewed = outcome === "adopted" || known === undefined;
    // Also when the first owner takes the store: a copy that another process takes becomes a different store.
    const identity = isRenewed || outcome === "taken" ? renewIdentity(db) : known;
    if (outcome === "adopted") db.run("DELETE FROM node");
    if (outcome === "adopted" || outcome === "taken") this.write(wanted.fingerprints);
    this.wanted = claimOfOwner(wanted.fingerprints);
    this.claimed = { identity, outcome: isRenewed ? "adopted" : outcome };
  }

  /** Replaces the owner's fingerprints. Throws NotOwned if the store has become another cluster's. */
  setOwners(fingerprints: readonly string[]): void {
    const { store, wanted } = this;
    const claim = claimOfOwner(wanted.fingerprints);
    if (judgeClaim(this.owners(), claim) === "refused") throw new NotOwned(refusedClaimSentence(store, claim));
    this.write(fingerprints);
  }

  claimAs(fingerprints: readonly string[]): void {
    this.wanted = { ...this.wanted, fingerprints };
  }

  /** Inside a read snapshot: throws NotOwned if the store belongs to another cluster now. */
  require(): void {
    const { store, wanted } = this;
    try {
      if (judgeClaim(this.owners(), wanted) === "refused") throw new NotOwned(refusedClaimSentence(store, wanted));
    } catch (error) {
      // A store of an earlier version has no owner; the writer migrates it.
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

  /** Ignores leases that end later than one that begins now: their clock was ahead. */
  private isAlive(wallMs: number, holder: string): boolean {
    const living = this.db.query<{ number: bigint }, [number, number, string]>(
      "SELECT number FROM node WHERE until_ms > ? AND until_ms <= ? AND holder <> ? LIMIT 1",
    );
    return living.get(wallMs, wallMs + leaseMs, holder) !== null;
  }
}

/** Returns a store's identity; undefined if it is malformed. */
export function identityOf(db: Database): string | undefined {
  const rows = db.query<{ identity: unknown }, []>("SELECT identity FROM identity").all();
  const identity = rows[0]?.identity;
  return rows.length === 1 && typeof identity === "string" && isStoreIdentity(identity) ? identity : undefined;
}

/** Gives the store a new identity; returns it. */
export function renewIdentity(db: Database): string {
  const identity = newStoreIdentity();
  db.run("DELETE FROM identity");
  db.run("INSERT INTO identity (one, identity, epoch) VALUES (1, ?, ?)", [identity, newStoreIdentity()]);
  return identity;
}

/** Returns the name in error messages of the store at a path. */
export function storeName(path: string): string {
  return `The message store ${path}`;
}
