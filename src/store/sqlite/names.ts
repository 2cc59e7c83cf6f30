// Maps accounts and groups to integers. A number is never reused or changed, so the cache is valid until a rollback or
// until the store is replaced (writer.ts), which call `forget`.

import type { Database } from "bun:sqlite";
import { accountKey } from "../../base/account-key.ts";
import { GenerationCache } from "../../base/generation-cache.ts";

/** The bound on cached names of a table and connection; about 150 bytes each. */
const cachedMax = 200_000;

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

  /** What was just inserted. */
  add(app: string, name: string, number: bigint): void {
    this.cached.set(accountKey(app, name), number);
  }

  forget(): void {
    this.cached.clear();
  }
}

/** Looks up numbers; `account` also creates them if the connection may write. */
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

  findAccount(app: string, name: string): bigint | undefined {
    return this.accounts.find(app, name);
  }

  /** Returns the account's number, creating one for a new account. */
  account(app: string, name: string): bigint {
    const known = this.accounts.find(app, name);
    if (known !== undefined) return known;
    const made = this.insertAccount.get(app, name);
    if (made === null) throw new Error("an inserted account has a number");
    this.accounts.add(app, name, made.number);
    return made.number;
  }

  forget(): void {
    this.accounts.forget();
    this.groups.forget();
  }
}
