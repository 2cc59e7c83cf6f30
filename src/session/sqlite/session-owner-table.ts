// The identity and the owner of the file of sessions, in a table beside the others: programs of the version before do not
// know it, and use the file all the same, so it comes without another schema version.

import type { Database } from "bun:sqlite";
import {
  damagedIdentitySentence,
  judgeClaim,
  livingOwnerSentence,
  newStoreIdentity,
  refusedClaimSentence,
  claimOfOwner,
  type ClaimOutcome,
  type StoreClaim,
} from "../../auth/store-ownership.ts";
import { ClaimRefused, ownersText, readIdentity, readOwners, type OwnerWatch } from "../session-owner.ts";

const table = `CREATE TABLE IF NOT EXISTS ownership (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  identity TEXT NOT NULL,
  owners TEXT NOT NULL
)`;

const select = "SELECT identity, owners FROM ownership";

interface Row {
  readonly identity: unknown;
  readonly owners: unknown;
}

interface FileClaim {
  /** The store's name for sentences. */
  readonly store: string;
  readonly claim: StoreClaim;
  /** The identity that a file without one gets; undefined: a new one. */
  readonly known: string | undefined;
  /** Of a file that is to be adopted. */
  readonly watch: OwnerWatch;
}

/** A file is to be adopted, but somebody may renew leases in it: it has to be watched first. */
export class OwnerMayLive extends Error {
  override readonly name = "OwnerMayLive";
}

/**
 * Claims the file, in a transaction of its own if anything has to be written. Throws ClaimRefused, also while another
 * process holds the lock, and OwnerMayLive.
 */
export function claimFile(
  db: Database,
  wanted: FileClaim,
): { readonly identity: string; readonly outcome: ClaimOutcome } {
  const { store, claim: claimed } = wanted;
  const row = rowOf(db);
  const owners = readOwners(row?.owners);
  const outcome = owners && judgeClaim(owners, claimed);
  if (outcome === "refused") throw new ClaimRefused(refusedClaimSentence(store, claimed));
  // A file that is the claimant's already is opened beside somebody who holds the lock.
  const identity = outcome === "kept" ? readIdentity(row?.identity) : undefined;
  return identity === undefined ? db.transaction(() => claim(db, wanted)).immediate() : { identity, outcome: "kept" };
}

/** What the file says of itself; null if it says nothing. */
function rowOf(db: Database): Row | null {
  const hasTable = db.query("SELECT 1 FROM sqlite_schema WHERE name = 'ownership'").get() !== null;
  return hasTable ? db.query<Row, []>(select).get() : null;
}

/** Reports whether the file still says what an earlier claim has found: that it is the store `known`, and the claimant's. */
export function isStillClaimed(db: Database, known: string | undefined, claimed: StoreClaim): boolean {
  const row = rowOf(db);
  const owners = readOwners(row?.owners);
  return owners !== undefined && judgeClaim(owners, claimed) === "kept" && readIdentity(row?.identity) === known;
}

function claim(
  db: Database,
  { store, claim: claimed, known, watch }: FileClaim,
): { readonly identity: string; readonly outcome: ClaimOutcome } {
  db.run(table);
  const row = db.query<Row, []>(select).get();
  const owners = row === null ? [] : readOwners(row.owners);
  const identity = readIdentity(row?.identity);
  const isDamaged = row !== null && (owners === undefined || identity === undefined);
  const outcome = judgeClaim(owners ?? [], claimed);
  if (outcome === "refused") throw new ClaimRefused(refusedClaimSentence(store, claimed));
  if (isDamaged && !claimed.adopt && known === undefined) throw new ClaimRefused(damagedIdentitySentence(store));
  // Whose it was cannot be told if the owners are damaged.
  if (claimed.adopt && (outcome === "adopted" || owners === undefined)) requireNobody(db, store, watch);
  if (outcome === "kept" && !isDamaged && identity !== undefined) return { identity, outcome };
  const isAnother = outcome === "adopted" || (isDamaged && claimed.adopt);
  const next = isAnother ? newStoreIdentity() : (identity ?? known ?? newStoreIdentity());
  const nextOwners = outcome === "kept" && owners !== undefined ? owners : claimed.fingerprints;
  db.run("INSERT OR REPLACE INTO ownership VALUES (1, ?, ?)", [next, ownersText(nextOwners)]);
  return { identity: next, outcome: isAnother ? "adopted" : outcome };
}

/**
 * Makes these fingerprints the owner's, inside a transaction of the caller. Returns false, with nothing changed, if the file
 * does not say that it is the claimant's or nobody's.
 */
export function setOwners(db: Database, claimed: StoreClaim, fingerprints: readonly string[]): boolean {
  const owners = readOwners(db.query<Row, []>(select).get()?.owners);
  if (owners === undefined || judgeClaim(owners, claimOfOwner(claimed.fingerprints)) === "refused") return false;
  db.run("UPDATE ownership SET owners = ?", [ownersText(fingerprints)]);
  return true;
}

/** Throws ClaimRefused if a login node renews leases, and OwnerMayLive as long as that is not known. */
function requireNobody(db: Database, store: string, watch: OwnerWatch): void {
  const ticked = db.query<{ ticked_ms: number }, []>("SELECT ticked_ms FROM state").get()?.ticked_ms ?? 0;
  if (ticked === 0 || String(ticked) === watch.still) return;
  if (watch.saw(String(ticked)) === "living") throw new ClaimRefused(livingOwnerSentence(store));
  throw new OwnerMayLive("it is not known yet whether somebody renews leases in the file that is to be adopted");
}
