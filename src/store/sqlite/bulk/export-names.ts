// Names of accounts and groups by their numbers, with their apps, within one page of an export.

import type { Database } from "bun:sqlite";

/** `app` is '' for the tombstone of a deleted account. */
interface NamedAccount {
  readonly app: string;
  readonly name: string;
}
interface NamedGroup {
  readonly app: string;
  readonly id: string;
}

export class ExportNames {
  private readonly accounts = new Map<bigint, NamedAccount | null>();
  private readonly groups = new Map<bigint, NamedGroup | null>();
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      account: db.prepare<NamedAccount, [bigint]>("SELECT app, name FROM account WHERE number = ?"),
      group: db.prepare<NamedGroup, [bigint]>(`SELECT app, id FROM "group" WHERE number = ?`),
    };
  }

  /** Call at the start of a page: numbers are not remembered across snapshots. */
  forget(): void {
    this.accounts.clear();
    this.groups.clear();
  }

  account(number: bigint): NamedAccount | null {
    return this.accounts.getOrInsertComputed(number, (key) => this.sql.account.get(key));
  }

  group(number: bigint): NamedGroup | null {
    return this.groups.getOrInsertComputed(number, (key) => this.sql.group.get(key));
  }
}
