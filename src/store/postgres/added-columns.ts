// The columns that migrations have added to tables of earlier ones.
//
// ALTER TABLE waits until nobody uses a table, and whoever comes later waits behind it, readers included. A migration
// holds its locks until its end: readers would wait for indexes that take minutes; and behind a backup, which uses all
// tables for as long as it takes, nobody would be served. So an upgrade adds the columns before (migrate.ts).

export interface AddedColumns {
  /** In the schema roost. */
  readonly table: string;
  /** Their definitions, which begin with their names. A default is a constant: no row is written. */
  readonly columns: readonly string[];
}

/** Whether the account created the group, or joined by itself. */
export const ownColumn: AddedColumns = { table: "member", columns: ["is_own boolean NOT NULL DEFAULT false"] };

/** state: 1 edited, 2 recalled; null: neither. mentions: names joined by commas. */
export const messageColumns: AddedColumns = {
  table: "message",
  columns: ["state smallint", "reply_to bigint", 'mentions text COLLATE "C"'],
};

/**
 * - entry: accounts: the first of those whom a change of a group concerns; count: how many there are. value: by kind,
 *   see StoredDetail in store/group-entries.ts. refers is 0 for a change that is about no message.
 * - chat_group: dismissed_id: the entry that dismissed the group, or 0. All windows end there, whatever their rows say.
 *   closing: it has ended, and housekeeping has not removed what it leaves yet (groups/ended-functions.ts).
 * - member: role: 1 for an admin. The owner is in the group's row, and has 0. muted_until: seconds since 1970.
 */
export const peopleColumns: readonly AddedColumns[] = [
  {
    table: "entry",
    columns: [
      "accounts bigint[]",
      "count bigint NOT NULL DEFAULT 0",
      "value bigint NOT NULL DEFAULT 0",
      "quiet boolean NOT NULL DEFAULT false",
    ],
  },
  {
    table: "chat_group",
    columns: [
      "announcement text NOT NULL DEFAULT ''",
      "approval boolean NOT NULL DEFAULT false",
      "for_admins boolean NOT NULL DEFAULT false",
      "dismissed_id bigint NOT NULL DEFAULT 0",
      "closing boolean NOT NULL DEFAULT false",
    ],
  },
  { table: "member", columns: ["role smallint NOT NULL DEFAULT 0", "muted_until bigint NOT NULL DEFAULT 0"] },
];

/** Of all migrations. */
export const addedColumns: readonly AddedColumns[] = [ownColumn, messageColumns, ...peopleColumns];

/** Returns a statement that adds columns; it takes no lock if they are there, or if the table is not. */
export function addition({ table, columns }: AddedColumns): string {
  const names = columns.map((column) => `'${column.slice(0, column.indexOf(" "))}'`);
  return `
DO $$ BEGIN
  IF to_regclass('roost.${table}') IS NOT NULL AND ${columns.length} > (
    SELECT count(*) FROM pg_attribute
    WHERE attrelid = to_regclass('roost.${table}') AND attname IN (${names.join(", ")})
  ) THEN
    ALTER TABLE roost.${table} ${columns.map((column) => `ADD COLUMN IF NOT EXISTS ${column}`).join(", ")};
  END IF;
END $$;`;
}
