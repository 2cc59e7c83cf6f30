// A clock that a test sets, for one database of a PostgreSQL server: the store's functions ask roost.wall_us for the
// time, which this replaces.

import type { SQL } from "bun";

export class DatabaseClock {
  private readonly sql: SQL;

  private constructor(sql: SQL) {
    this.sql = sql;
  }

  /** For a database that has the store's schema. It goes right at first. */
  static async install(sql: SQL): Promise<DatabaseClock> {
    await sql.unsafe(`
      CREATE SCHEMA test_clock;
      CREATE TABLE test_clock.state (off_us bigint NOT NULL, fixed_us bigint);
      INSERT INTO test_clock.state VALUES (0, null);
      CREATE OR REPLACE FUNCTION roost.wall_us() RETURNS bigint LANGUAGE sql VOLATILE AS $$
        SELECT coalesce(fixed_us, floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint) + off_us
        FROM test_clock.state;
      $$;`);
    return new DatabaseClock(sql);
  }

  /** So far from the machine's clock, ahead if positive. */
  async setOff(ms: number): Promise<void> {
    await this.sql`UPDATE test_clock.state SET off_us = ${ms * 1000}, fixed_us = null`;
  }

  /** It stands still at this moment. */
  async fix(wallMs: number): Promise<void> {
    await this.sql`UPDATE test_clock.state SET off_us = 0, fixed_us = ${wallMs * 1000}`;
  }

  async wallMs(): Promise<number> {
    const [row]: { us: bigint }[] = await this.sql`SELECT roost.wall_us() AS us`;
    return Number(row?.us ?? 0n) / 1000;
  }
}
