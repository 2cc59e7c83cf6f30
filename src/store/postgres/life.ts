// The life of a store: a text that is another one whenever what a process remembers of the store may be wrong. Account
// numbers above all: a restored database gives the same numbers to others, who would read their messages. Writers give the
// life that they know and it is compared under their lock; readers give it with every statement.
//
// What restores, deletions and failovers change of it:
//
//   epoch of roost.identity    a deletion, truncation or change of accounts by hand (the trigger), roost restore
//   xmin of that row           data restored into emptied tables, which bring the epoch back
//   oids of sequence, trigger  a schema that was dropped and restored, which brings the epoch back
//   start of the server        another server: a standby that was promoted and lacks the last commits, a point-in-time
//                              recovery, a pooler that leads elsewhere; a mere restart, too
//
// Renewals of leases, VACUUM, freezing and REINDEX change none of these. It is null while a part is missing, such as in the
// middle of a restore: a dump makes triggers last.
//
// Not noticed: a machine set back to a snapshot with its memory, and accounts changed with the trigger disabled.

/** The SQLSTATE of what is refused because the store is not the one that the caller knows. */
export const replacedState = "RO002";

/** Fires on what only people do to accounts: this program adds them and does nothing else. */
export const accountTrigger = "changed_by_hand";

/** The part of a life that a restart of the same server leaves as it is. */
export function contentOf(life: string): string {
  return life.slice(0, life.lastIndexOf("/"));
}

export const lifeFunctions: string = `
CREATE OR REPLACE FUNCTION roost.life() RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  -- null where there is no such row; || makes null of what is null.
  RETURN (
    SELECT i.epoch || '.' || i.xmin || '.' || pg_catalog.to_regclass('roost.sequence')::oid || '.' || t.oid || t.tgenabled::text
      || '/' || extract(epoch FROM pg_catalog.pg_postmaster_start_time())
    FROM roost.identity i, pg_catalog.pg_trigger t
    WHERE t.tgrelid = pg_catalog.to_regclass('roost.account') AND t.tgname = '${accountTrigger}');
END $$;

-- True, or an error: a condition of every statement that reads. It names no column, so it is evaluated once, and first.
CREATE OR REPLACE FUNCTION roost.require_life(a_life text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_life IS DISTINCT FROM roost.life() THEN
    RAISE EXCEPTION 'the database holds another store than before' USING ERRCODE = '${replacedState}';
  END IF;
  RETURN true;
END $$;

-- The lock lets no writer go on with numbers that it was told before.
CREATE OR REPLACE FUNCTION roost.renew_epoch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM roost.sequence FOR UPDATE;
  UPDATE roost.identity SET epoch = replace(gen_random_uuid()::text, '-', '');
  RETURN null;
END $$;

CREATE OR REPLACE TRIGGER ${accountTrigger} AFTER DELETE OR UPDATE OR TRUNCATE ON roost.account
  FOR EACH STATEMENT EXECUTE FUNCTION roost.renew_epoch();
ALTER TABLE roost.account ENABLE ALWAYS TRIGGER ${accountTrigger};
`;
