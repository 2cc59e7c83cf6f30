// Reads what accounts have set for themselves, and their files that no message names, for exports: an account and what
// belongs to it are few rows.

import type { Database } from "bun:sqlite";
import type { AccountRecord } from "../../data-records.ts";
import { mediaState } from "../../media.ts";
import { consentOf, prepareConsent } from "../people/guards.ts";

export interface AccountRow {
  readonly number: bigint;
  readonly app: string;
  readonly account: string;
}

/** A file that no message names. */
interface FileRow {
  /** The version of its promise. */
  readonly number: bigint;
  readonly app: string;
  readonly account: string;
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly size: bigint;
}

export class ExportOwn {
  private readonly sql;

  constructor(db: Database) {
    const account = "SELECT number, app, name AS account FROM account";
    const file = `SELECT m.version AS number, a.app, a.name AS account, m.id, m.name, m.type, m.size
      FROM media m JOIN account a ON a.number = m.account`;
    const unnamed = `m.state < ${mediaState.named}`;
    this.sql = {
      after: db.prepare<AccountRow, [bigint, number]>(`${account} WHERE number > ? ORDER BY number LIMIT ?`),
      at: db.prepare<AccountRow, [bigint]>(`${account} WHERE number = ?`),
      consent: prepareConsent(db),
      blocked: db.prepare<{ name: string }, [bigint]>(
        `SELECT a.name FROM block b JOIN account a ON a.number = b.blocked
         WHERE b.account = ? AND b.state = 'on' AND a.app <> '' ORDER BY a.name`,
      ),
      devices: db.prepare<{ device: string }, [bigint]>("SELECT device FROM cursor WHERE account = ? ORDER BY device"),
      files: db.prepare<FileRow, [bigint, number]>(
        `${file} WHERE m.version > ? AND ${unnamed} ORDER BY m.version LIMIT ?`,
      ),
      filesOf: db.prepare<FileRow, [bigint, bigint, number]>(
        `${file} WHERE m.account = ? AND m.version > ? AND ${unnamed} ORDER BY m.version LIMIT ?`,
      ),
    };
  }

  after(number: bigint, limit: number): AccountRow[] {
    return this.sql.after.all(number, limit);
  }

  /** The account, unless an export is behind it already. */
  at(number: bigint, after: bigint): AccountRow[] {
    return number > after ? this.sql.at.all(number) : [];
  }

  /** Those of an account, or of all. */
  filesAfter(version: bigint, account: bigint | undefined, limit: number): FileRow[] {
    return account === undefined ? this.sql.files.all(version, limit) : this.sql.filesOf.all(account, version, limit);
  }

  recordOf({ number, account }: AccountRow): AccountRecord {
    const consent = this.sql.consent.get(number);
    return {
      account,
      write: consentOf(consent, "write"),
      add: consentOf(consent, "add"),
      blocked: this.sql.blocked.all(number).map(({ name }) => name),
      devices: this.sql.devices.all(number).map(({ device }) => device),
    };
  }
}
