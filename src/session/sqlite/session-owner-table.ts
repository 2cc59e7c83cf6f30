// The identity and owner of the file of sessions, in an additional table without a new schema version, because programs
// of the previous version use the same file.

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
  readonly store: string;
  readonly claim: StoreClaim;
  /** The identity for a file without one; undefined for a new one. */
  readonly known: string | undefined;
  readonly watch: OwnerWatch;
}

/** A file is to be adopted, but another process may renew leases in it: it has to be watched first. */
export class OwnerMayLive extends Error {
  override readonly name = "OwnerMayLive";
}

/**
 * Claims the file, in a transaction of its own if it has to write. Throws ClaimRefused and OwnerMayLive, also while
 * another process holds the lock.
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
  // A file that the claimant owns already can be opened while another process holds the lock.
  const identity = outcome === "kept" ? readIdentity(row?.identity) : undefined;
  return identity === undefined ? db.transaction(() => claim(db, wanted)).immediate() : { identity, outcome: "kept" };
}

function rowOf(db: Database): Row | null {
  const hasTable = db.query("SELECT 1 FROM sqlite_schema WHERE name = 'ownership'").get() !== null;
  return hasTable ? db.query<Row, []>(select).get() : null;
}

/** Reports whether the file is still the store `known` and the claimant's. */
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
  // With damaged owners, the file may be another's.
  if (claimed.adopt && (outcome === "adopted" || owners === undefined)) requireNobody(db, store, watch);
  if (outcome === "kept" && !isDamaged && identity !== undefined) return { identity, outcome };
  const isAnother = outcome === "adopted" || (isDamaged && claimed.adopt);
  const next = isAnother ? newStoreIdentity() : (identity ?? known ?? newStoreIdentity());
  const nextOwners = outcome === "kept" && owners !== undefined ? owners : claimed.fingerprints;
  db.run("INSERT OR REPLACE INTO ownership VALUES (1, ?, ?)", [next, ownersText(nextOwners)]);
  return { identity: next, outcome: isAnother ? "adopted" : outcome };
}

/**
 * Records these fingerprints as the owner's, inside the caller's transaction. Returns false, changing nothing, unless
 * the file is the claimant's or has no owner.
 */
export function setOwners(db: Database, claimed: StoreClaim, fingerprints: readonly string[]): boolean {
  const owners = readOwners(db.query<Row, []>(select).get()?.owners);
  if (owners === undefined || judgeClaim(owners, claimOfOwner(claimed.fingerprints)) === "refused") return false;
  db.run("UPDATE ownership SET owners = ?", [ownersText(fingerprints)]);
  return true;
}

/** Throws ClaimRefused if a login node renews leases, and OwnerMayLive while that is unknown. */
function requireNobody(db: Database, store: string, watch: OwnerWatch): void {
  const ticked = db.query<{ ticked_ms: number }, []>("SELECT ticked_ms FROM state").get()?.ticked_ms ?? 0;
  if (String(ticked) === watch.still) return;
  if (watch.saw(String(ticked)) === "living") throw new ClaimRefused(livingOwnerSentence(store));
  throw new OwnerMayLive("it is not known yet whether a process renews leases in the file that is to be adopted");
}
