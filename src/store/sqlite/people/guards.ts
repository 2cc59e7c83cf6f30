// Whom an account lets reach it, for the writer. A bitmap has the accounts that may refuse somebody: those with a
// block, or with other settings than everybody. So whoever writes to one of the others costs a bit, and no lookup. Bits
// stay when their reason is gone. Whom such an account lets write is remembered until any block or setting changes, and
// a minute at most; it costs two lookups otherwise.

import type { Database } from "bun:sqlite";
import { systemAccount } from "../../../auth/names.ts";
import { GenerationCache } from "../../../base/generation-cache.ts";
import { NumberSet } from "../../../base/number-set.ts";
import { type Consent, consents, mayReach } from "../../group-rights.ts";
import { KnownWriters } from "./known-writers.ts";

/** The bound on pairs that are known to have talked; about 100 bytes each. */
const pairsMax = 50_000;

interface ConsentRow {
  readonly version: bigint;
  readonly write_rule: string;
  readonly add_rule: string;
}

/** What an account wants of another. */
type Wish = "write" | "add";

export function consentOf(row: ConsentRow | null, wish: Wish): Consent {
  const rule = wish === "write" ? row?.write_rule : row?.add_rule;
  return consents.find((consent) => consent === rule) ?? "everybody";
}

/** Finds a block that is in force: (who blocks, whom). */
export function prepareIsBlocked(db: Database) {
  return db.prepare<{ one: bigint }, [bigint, bigint]>(
    "SELECT 1 AS one FROM block WHERE account = ? AND blocked = ? AND state = 'on'",
  );
}

export function prepareConsent(db: Database) {
  return db.prepare<ConsentRow, [bigint]>("SELECT version, write_rule, add_rule FROM consent WHERE account = ?");
}

export class Guards {
  /** The version up to which `guarded` has everything; undefined: nothing was read yet. */
  private known: bigint | undefined;
  private readonly guarded = new NumberSet();
  private readonly talked = new GenerationCache<true>(pairsMax);
  private readonly writers = new KnownWriters();
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      blockers: db.prepare<{ account: bigint }, [bigint]>(
        "SELECT account FROM block WHERE version > ? AND state = 'on'",
      ),
      unwilling: db.prepare<{ account: bigint }, [bigint]>("SELECT account FROM consent WHERE version > ?"),
      isSystem: db.prepare<{ one: bigint }, [bigint]>(
        `SELECT 1 AS one FROM account WHERE number = ? AND name = '${systemAccount}'`,
      ),
      isBlocked: prepareIsBlocked(db),
      consent: prepareConsent(db),
    };
  }

  /** At the start of a transaction: takes in what others have committed. `version`: of the row of the last id. */
  follow(version: bigint): void {
    if (version === this.known) return;
    this.writers.clear();
    if (this.known !== undefined && version < this.known) this.forget();
    const above = this.known ?? -1n;
    for (const statement of [this.sql.blockers, this.sql.unwilling])
      for (const { account } of statement.iterate(above)) this.guard(account);
    this.known = version;
  }

  /** The account may refuse somebody from now on. */
  guard(account: bigint): void {
    this.writers.clear();
    this.guarded.add(account);
  }

  isGuarded(account: bigint): boolean {
    return this.guarded.has(account);
  }

  /** Whether an account blocks another. */
  isBlocked(account: bigint, other: bigint): boolean {
    return this.isGuarded(account) && this.sql.isBlocked.get(account, other) !== null;
  }

  /**
   * Whether an account may write to another, or add it to groups. `hasPair`: whether they have a direct conversation,
   * if the caller knows; `true` is remembered, so it has to be true. Undefined: that has to be known. The system
   * reaches everybody.
   */
  mayReach(actor: bigint, target: bigint, wish: Wish, hasPair: boolean | undefined): boolean | undefined {
    if (actor === target || !this.isGuarded(target)) return true;
    if (wish === "write" && this.writers.has(actor, target)) return true;
    const isBlocked = this.sql.isBlocked.get(target, actor) !== null;
    const consent = consentOf(this.sql.consent.get(target), wish);
    if (hasPair === true) this.talked.set(pairKey(actor, target), true);
    const hasConversation = hasPair ?? this.talked.get(pairKey(actor, target));
    const isAllowed = mayReach({ isSelf: false, isBlocked, consent, hasConversation: hasConversation === true });
    if (isAllowed && wish === "write") this.writers.add(actor, target);
    // Looked up last: on the path of nearly every talk it would be for nothing.
    if (isAllowed || this.sql.isSystem.get(actor) !== null) return true;
    return hasConversation === undefined && !isBlocked && consent === "conversations" ? undefined : false;
  }

  /** Call now and then: the retention may have ended conversations, here or in another process. */
  forgetPairs(): void {
    this.talked.clear();
    this.writers.clear();
  }

  /** The store was replaced, or may have been. */
  forget(): void {
    this.known = undefined;
    this.guarded.clear();
    this.forgetPairs();
  }
}

function pairKey(one: bigint, other: bigint): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
