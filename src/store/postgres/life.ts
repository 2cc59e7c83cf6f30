// The life of a store: a text that changes whenever a process's caches of the store may be wrong. Above all these are
// account numbers: a restored database gives the same numbers to other accounts, who would read the messages. Writers
// pass the life that they know, which is compared under their lock; readers pass it with every statement.
//
// What restores, deletions and failovers change:
//
//   epoch of roost.identity    accounts deleted, truncated or changed by hand (the trigger); roost restore; its count
//                              behind a "-": an account lost its name to a deletion (bulk/deletion-functions.ts)
//   xmin of that row           data restored to emptied tables, which brings the epoch back
//   oids of sequence, trigger  a schema that was dropped and restored, which brings the epoch back
//   start of the server        another server: a promoted standby that lacks the last commits, a point-in-time
//                              recovery, a pooler that leads elsewhere; also a restart
//
// Renewals of leases, VACUUM, freezing and REINDEX do not change it. It is null while a part is missing, for example
// during a restore: a dump creates triggers last.
//
// Not detected: a machine that is reset to a snapshot with its memory, and accounts changed with the trigger disabled.

export const replacedState = "RO002";

/** Runs a read or write in the store's life, and again in the next one where the store was replaced. */
export type InLife = <T>(work: (life: string) => Promise<T>) => Promise<T>;

/** Fires on changes of accounts, which only people make, but for deletions; else this program only adds accounts. */
export const accountTrigger = "changed_by_hand";

/** So often is something tried while accounts are deleted. */
export const triesMax = 20;

/** Set to 'on' inside a transaction while it takes the name of an account away. */
export const deletionSetting = "roost.deletes";

/**
 * Whether all that lies between two lives are deletions of accounts: it is the same store, in which numbers mean what
 * they meant. Names have to be looked up again, and what was refused may be tried again.
 */
export function areDeletions(former: string, life: string): boolean {
  const [one, other] = [partsOf(former), partsOf(life)];
  return one.base === other.base && one.rest === other.rest && other.deletions > one.deletions;
}

/** The row's xmin changes with each deletion. */
function partsOf(life: string) {
  const [epoch = "", , ...rest] = life.split(".");
  const [base = "", deletions = "0"] = epoch.split("-");
  return { base, deletions: Number(deletions), rest: rest.join(".") };
}

/** The part of a life that a restart of the same server does not change. */
export function contentOf(life: string): string {
  return life.slice(0, life.lastIndexOf("/"));
}

export const lifeFunctions: string = `
CREATE OR REPLACE FUNCTION roost.life() RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  -- null where there is no such row; || makes null of what is null.
  RETURN (
    SELECT i.epoch || '.' || i.xmin || '.' || pg_catalog.to_regclass('roost.sequence')::oid
      || '.' || t.oid || t.tgenabled::text || '/' || extract(epoch FROM pg_catalog.pg_postmaster_start_time())
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
  IF current_setting('${deletionSetting}', true) = 'on' THEN
    UPDATE roost.identity i
      SET epoch = split_part(i.epoch, '-', 1) || '-' ||
        (coalesce(nullif(split_part(i.epoch, '-', 2), ''), '0')::bigint + 1);
  ELSE
    UPDATE roost.identity SET epoch = replace(gen_random_uuid()::text, '-', '');
  END IF;
  RETURN null;
END $$;

CREATE OR REPLACE TRIGGER ${accountTrigger} AFTER DELETE OR UPDATE OR TRUNCATE ON roost.account
  FOR EACH STATEMENT EXECUTE FUNCTION roost.renew_epoch();
ALTER TABLE roost.account ENABLE ALWAYS TRIGGER ${accountTrigger};
`;
