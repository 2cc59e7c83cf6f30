// Accounts and groups as integers. The program never reuses or changes a number, so a cache of them is valid until a
// transaction is rolled back or the store turns out to be another one (writer.ts): `forget` then empties it.

import type { Database } from "bun:sqlite";
import { accountKey } from "../../base/account-key.ts";
import { GenerationCache } from "../../base/generation-cache.ts";

/** Names of one table that a connection remembers; about 150 bytes each. */
const cachedMax = 200_000;

/** The numbers of one table. */
class NumberTable {
  private readonly cached = new GenerationCache<bigint>(cachedMax);
  private readonly select;

  constructor(db: Database, sql: string) {
    this.select = db.prepare<{ number: bigint }, [string, string]>(sql);
  }

  find(app: string, name: string): bigint | undefined {
    const at = accountKey(app, name);
    const cached = this.cached.get(at);
    if (cached !== undefined) return cached;
    const row = this.select.get(app, name);
    if (row !== null) this.cached.set(at, row.number);
    return row?.number;
  }

  forget(): void {
    this.cached.clear();
  }
}

/** Looks numbers up; `account` makes a new one where the connection may write. */
export class Names {
  private readonly accounts: NumberTable;
  private readonly groups: NumberTable;
  private readonly insertAccount;

  constructor(db: Database) {
    this.accounts = new NumberTable(db, "SELECT number FROM account WHERE app = ? AND name = ?");
    this.groups = new NumberTable(db, `SELECT number FROM "group" WHERE app = ? AND id = ?`);
    this.insertAccount = db.prepare<{ number: bigint }, [string, string]>(
      "INSERT INTO account (app, name) VALUES (?, ?) RETURNING number",
    );
  }

  findGroup(app: string, id: string): bigint | undefined {
    return this.groups.find(app, id);
  }

  /** Undefined for an account that has never appeared. */
  findAccount(app: string, name: string): bigint | undefined {
    return this.accounts.find(app, name);
  }

  /** The account's number; a new one at the account's first appearance. */
  account(app: string, name: string): bigint {
    const known = this.accounts.find(app, name);
    if (known !== undefined) return known;
    this.insertAccount.get(app, name);
    const made = this.accounts.find(app, name);
    if (made === undefined) throw new Error("an account that was just inserted is found");
    return made;
  }

  /** To be called after a rollback, and when the store is another one. */
  forget(): void {
    this.accounts.forget();
    this.groups.forget();
  }
}
