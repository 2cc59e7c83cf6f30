// Blocks, settings and profiles, written inside the writer's transaction. Each change has a version, an id of the
// sequence; those of blocks and settings are in the row of the last id, too.

import type { Database } from "bun:sqlite";
import type { LimitValues } from "../../../base/limits/table.ts";
import type { PeopleCall } from "../../change-jobs.ts";
import type { SettingOutcome } from "../../conversations.ts";
import type { BlockChange, BlockOutcome, ConsentChange, ProfileChange } from "../../people.ts";
import type { Moment } from "../conversations/moment.ts";
import type { Names } from "../names.ts";
import { consentOf, type Guards, prepareConsent } from "./guards.ts";

interface BlockRow {
  readonly number: bigint;
  readonly state: string;
  readonly version: bigint;
}
interface ProfileRow {
  readonly name: string;
  readonly avatar: string;
  readonly extra: string;
  readonly version: bigint;
}

interface PeopleParts {
  readonly db: Database;
  readonly names: Names;
  readonly guards: Guards;
  readonly bounds: Pick<LimitValues, "blocksPerAccount">;
}

export class PeopleWriter {
  private readonly names: Names;
  private readonly guards: Guards;
  private readonly blocksMax: number;
  private readonly sql;

  constructor({ db, names, guards, bounds }: PeopleParts) {
    this.names = names;
    this.guards = guards;
    this.blocksMax = bounds.blocksPerAccount;
    this.sql = {
      block: db.prepare<BlockRow, [bigint, bigint]>(
        "SELECT number, state, version FROM block WHERE account = ? AND blocked = ?",
      ),
      count: db.prepare<{ count: bigint }, [bigint]>("SELECT count(*) AS count FROM block WHERE account = ?"),
      oldestOff: db.prepare<{ number: bigint }, [bigint]>(
        "SELECT number FROM block WHERE account = ? AND state = 'off' ORDER BY version LIMIT 1",
      ),
      dropBlock: db.prepare<null, [bigint]>("DELETE FROM block WHERE number = ?"),
      addBlock: db.prepare<null, [bigint, bigint, bigint]>(
        "INSERT INTO block (account, state, blocked, version) VALUES (?, 'on', ?, ?)",
      ),
      blockAnew: db.prepare<null, [bigint, bigint, bigint]>(
        "INSERT OR REPLACE INTO block (account, state, blocked, version) VALUES (?, 'on', ?, ?)",
      ),
      setBlock: db.prepare<null, [string, bigint, bigint]>("UPDATE block SET state = ?, version = ? WHERE number = ?"),
      guard: db.prepare<null, [bigint]>("UPDATE sequence SET guard_id = ?"),
      consent: prepareConsent(db),
      setConsent: db.prepare<null, [bigint, bigint, string, string]>(
        "INSERT OR REPLACE INTO consent (account, version, write_rule, add_rule) VALUES (?, ?, ?, ?)",
      ),
      profile: db.prepare<ProfileRow, [bigint]>("SELECT name, avatar, extra, version FROM profile WHERE account = ?"),
      setProfile: db.prepare<null, [bigint, string, string, string, bigint]>(
        "INSERT OR REPLACE INTO profile (account, name, avatar, extra, version) VALUES (?, ?, ?, ?, ?)",
      ),
    };
  }

  write(call: PeopleCall, moment: Moment): BlockOutcome {
    switch (call.call) {
      case "block":
        return this.block(call, moment);
      case "consent":
        return this.consent(call, moment);
      case "profile":
        return this.profile(call, moment);
    }
  }

  private block(
    { app, account: name, blocked: blockedName, isOff, toKnown }: BlockChange,
    moment: Moment,
  ): BlockOutcome {
    const known = this.names.findAccount(app, blockedName);
    if (known === undefined && isOff) return { result: "unchanged", version: 0n };
    if (known === undefined && toKnown === true) return { result: "notFound" };
    const account = this.names.account(app, name);
    const row = known === undefined ? null : this.sql.block.get(account, known);
    if (row === null ? isOff : (row.state === "off") === isOff)
      return { result: "unchanged", version: row?.version ?? 0n };
    if (row === null && (this.sql.count.get(account)?.count ?? 0n) >= BigInt(this.blocksMax)) {
      const oldest = this.sql.oldestOff.get(account);
      if (oldest === null) return { result: "full" };
      this.sql.dropBlock.run(oldest.number);
    }
    const version = this.nextGuard(account, moment);
    if (row === null) this.sql.addBlock.run(account, known ?? this.names.account(app, blockedName), version);
    else this.sql.setBlock.run(isOff ? "off" : "on", version, row.number);
    return { result: "stored", version, ...(known === undefined && { madeAccount: true }) };
  }

  /** Of an import: blocks those accounts that are not blocked yet. False if they would be too many. */
  blockAll(app: string, name: string, blocked: readonly string[], moment: Moment): boolean {
    if (blocked.length === 0) return true;
    const account = this.names.account(app, name);
    const fresh = new Set(blocked.map((each) => this.names.account(app, each)));
    for (const each of fresh) if (this.sql.block.get(account, each)?.state === "on") fresh.delete(each);
    if ((this.sql.count.get(account)?.count ?? 0n) + BigInt(fresh.size) > BigInt(this.blocksMax)) return false;
    for (const each of fresh) this.sql.blockAnew.run(account, each, this.nextGuard(account, moment));
    return true;
  }

  private consent({ app, account: name, write, add }: ConsentChange, moment: Moment): SettingOutcome {
    const row = this.sql.consent.get(this.names.findAccount(app, name) ?? 0n);
    const [before, beforeAdd] = [consentOf(row, "write"), consentOf(row, "add")];
    if ((write ?? before) === before && (add ?? beforeAdd) === beforeAdd)
      return { result: "unchanged", version: row?.version ?? 0n };
    const account = this.names.account(app, name);
    const version = this.nextGuard(account, moment);
    this.sql.setConsent.run(account, version, write ?? before, add ?? beforeAdd);
    return { result: "stored", version };
  }

  private profile(change: ProfileChange, { ids, wallMs }: Moment): SettingOutcome {
    const known = this.names.findAccount(change.app, change.account) ?? 0n;
    const before = this.sql.profile.get(known) ?? { name: "", avatar: "", extra: "", version: 0n };
    const after = {
      name: change.name ?? before.name,
      avatar: change.avatar ?? before.avatar,
      extra: change.extra ?? before.extra,
    };
    if (after.name === before.name && after.avatar === before.avatar && after.extra === before.extra)
      return { result: "unchanged", version: before.version };
    const version = ids.next(wallMs);
    const account = this.names.account(change.app, change.account);
    this.sql.setProfile.run(account, after.name, after.avatar, after.extra, version);
    return { result: "stored", version };
  }

  /** The version of a block or setting, from which on the account may refuse somebody. */
  private nextGuard(account: bigint, { ids, wallMs }: Moment): bigint {
    const version = ids.next(wallMs);
    this.guards.guard(account);
    this.sql.guard.run(version);
    return version;
  }
}
