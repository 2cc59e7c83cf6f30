// Takes back what a migration has made, so that a store is one of the schema before again.

import type { Database } from "bun:sqlite";

/** Statements that make a SQLite store of schema 8 out of one of today's; the caller sets PRAGMA user_version. */
const sqliteSchema8: readonly string[] = [
  ...[
    "api_key",
    "ban",
    "app_data",
    "import",
    "import_page",
    "operation",
    "media_use",
    "media",
    "hook",
    "hook_batch",
    "hook_lease",
  ].map((table) => `DROP TABLE IF EXISTS ${table}`),
  "DROP INDEX IF EXISTS member_from",
];

/** Statements that make a SQLite store of schema 7 out of one of today's; the caller sets PRAGMA user_version. */
const sqliteSchema7: readonly string[] = [
  ...sqliteSchema8,
  ...["invitation", "join_request", "pin", "block", "consent", "profile"].map(
    (table) => `DROP TABLE IF EXISTS ${table}`,
  ),
  ...["group_closing", "member_admins", "member_order", "entry_loud", "entry_client", "conversation_pinned"].map(
    (index) => `DROP INDEX IF EXISTS ${index}`,
  ),
  "ALTER TABLE sequence DROP COLUMN guard_id",
  ...["announcement", "approval", "for_admins", "dismissed_id", "closing"].map(
    (column) => `ALTER TABLE "group" DROP COLUMN ${column}`,
  ),
  ...["role", "muted_until"].map((column) => `ALTER TABLE member DROP COLUMN ${column}`),
  ...["accounts", "count", "value", "quiet"].map((column) => `ALTER TABLE entry DROP COLUMN ${column}`),
];

/** Statements that make a SQLite store of schema 6 out of one of today's; the caller sets PRAGMA user_version. */
const sqliteSchema6: readonly string[] = [
  ...sqliteSchema7,
  ...["entry", "mention", "reaction", "hidden", "conversation", "read_mark"].map(
    (table) => `DROP TABLE IF EXISTS ${table}`,
  ),
  "DROP INDEX IF EXISTS message_thread",
  ...["state", "reply_to", "thread", "mentions"].map((column) => `ALTER TABLE message DROP COLUMN ${column}`),
];

/** Statements that make a SQLite store of schema 4 out of one of today's; the caller sets PRAGMA user_version. */
export const sqliteSchema4: readonly string[] = [
  ...sqliteSchema6,
  "DROP TABLE IF EXISTS revocation",
  "DROP TRIGGER IF EXISTS member_entered",
  "DROP TRIGGER IF EXISTS member_left",
  "DROP TRIGGER IF EXISTS member_deleted",
  "DROP TABLE IF EXISTS group_count",
  "DROP TABLE IF EXISTS unfinished",
  "ALTER TABLE member DROP COLUMN own",
];

/** Makes a SQLite store of schema 4 out of one of today's. */
export function backToSchema4(db: Database): void {
  for (const statement of sqliteSchema4) db.run(statement);
  db.run("PRAGMA user_version = 4");
}

/** Makes a SQLite store of schema 8 out of one of today's. */
export function backToSchema8(db: Database): void {
  for (const statement of sqliteSchema8) db.run(statement);
  db.run("PRAGMA user_version = 8");
}

/** Makes a SQLite store of schema 7 out of one of today's; the entries of groups are gone. */
export function backToSchema7(db: Database): void {
  for (const statement of ["DELETE FROM entry WHERE kind >= 16", ...sqliteSchema7]) db.run(statement);
  db.run("PRAGMA user_version = 7");
}

/** Makes a SQLite store of schema 5 out of one of today's. */
export function backToSchema5(db: Database): void {
  for (const statement of [...sqliteSchema6, "DROP TABLE revocation"]) db.run(statement);
  db.run("PRAGMA user_version = 5");
}

/** Makes a PostgreSQL store of schema 8 out of one of today's, but for its functions. */
export const postgresSchema8 = `
  DROP FUNCTION roost.create_key, roost.revoke_key, roost.ban, roost.delete_data, roost.deletion_slice,
    roost.store_talks, roost.set_hook, roost.remove_hook, roost.replay_hook, roost.lease_hooks, roost.save_hooks;
  DROP TABLE roost.api_key, roost.ban, roost.app_data, roost.import, roost.import_id, roost.import_speaker,
    roost.media, roost.media_use, roost.operation, roost.erased_sender, roost.hook, roost.hook_batch,
    roost.hook_lease, roost.node_last CASCADE;
  DROP INDEX roost.member_from, roost.member_until;
  DELETE FROM roost.migration WHERE number > 8;
`;

/** Makes a PostgreSQL store of schema 7 out of one of today's, but for its functions; entries of groups are gone. */
const postgresSchema7 = `
  ${postgresSchema8}
  DROP FUNCTION roost.append_talks, roost.change_members;
  DELETE FROM roost.entry WHERE kind >= 16;
  DROP INDEX roost.member_ended, roost.entry_client;
  ALTER TABLE roost.chat_group DROP COLUMN announcement, DROP COLUMN approval, DROP COLUMN for_admins,
    DROP COLUMN dismissed_id, DROP COLUMN closing;
  ALTER TABLE roost.member DROP COLUMN role, DROP COLUMN muted_until;
  ALTER TABLE roost.entry DROP COLUMN accounts, DROP COLUMN count, DROP COLUMN value, DROP COLUMN quiet;
  DROP TABLE roost.guard, roost.invitation, roost.join_request, roost.pin, roost.block, roost.consent,
    roost.profile, roost.seen;
  DELETE FROM roost.migration WHERE number > 7;
`;

/** Makes a PostgreSQL store of schema 5 out of one of today's. */
export const postgresSchema5 = `
  ${postgresSchema7}
  DROP FUNCTION roost.append_batch, roost.append_messages, roost.change_conversations, roost.mark_read;
  DROP INDEX roost.message_pair;
  ALTER TABLE roost.message DROP COLUMN state, DROP COLUMN reply_to, DROP COLUMN mentions;
  DROP TABLE roost.entry, roost.mention, roost.reply, roost.reaction, roost.reaction_count, roost.hidden,
    roost.conversation, roost.read_cursor CASCADE;
  DELETE FROM roost.migration WHERE number > 5;
`;

/** Makes a PostgreSQL store of schema 4 out of one of today's. */
export const postgresSchema4 = `
  ${postgresSchema5}
  DROP FUNCTION roost.revoke;
  DROP TABLE roost.revocation;
  DELETE FROM roost.migration WHERE number > 4;
`;

/** Makes a PostgreSQL store of schema 3 out of one of today's, but for its functions. */
export const postgresSchema3 = `
  ${postgresSchema4}
  DROP TRIGGER member_entered ON roost.member;
  DROP TRIGGER member_changed ON roost.member;
  DROP TRIGGER member_left ON roost.member;
  DROP TRIGGER member_truncated ON roost.member;
  ALTER TABLE roost.member DROP COLUMN is_own;
  DROP TABLE roost.group_count, roost.unfinished_group;
  DELETE FROM roost.migration WHERE number > 3;
`;
