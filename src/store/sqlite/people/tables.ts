// The tables of groups and people (schema 8): who runs a group, how one becomes a member of it, what is pinned; whom
// accounts block, whom they let write to them, and what they show of themselves.
//
// Each table has a rowid and columns of types that no other table has, so that a salvage recognises its rows
// (salvage/table-search.ts).

export const peopleTables = `
  -- The version of the last block or setting of any account, which is read with the last id.
  ALTER TABLE sequence ADD COLUMN guard_id INTEGER NOT NULL DEFAULT 0;

  ALTER TABLE "group" ADD COLUMN announcement TEXT NOT NULL DEFAULT '';
  ALTER TABLE "group" ADD COLUMN approval INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE "group" ADD COLUMN for_admins INTEGER NOT NULL DEFAULT 0;
  -- The entry that dismissed it, or 0. All windows end there, whatever their rows say.
  ALTER TABLE "group" ADD COLUMN dismissed_id INTEGER NOT NULL DEFAULT 0;
  -- It has ended, and housekeeping has not removed what it leaves yet (groups/ended-groups.ts).
  ALTER TABLE "group" ADD COLUMN closing INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX group_closing ON "group" (number) WHERE closing = 1;

  -- 1: an admin. The owner is in the group's row, and has 0.
  ALTER TABLE member ADD COLUMN role INTEGER NOT NULL DEFAULT 0;
  -- In seconds since 1970.
  ALTER TABLE member ADD COLUMN muted_until INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX member_admins ON member ("group") WHERE role > 0 AND until_id IS NULL;
  -- It ends in the number: members in the order of joining, of whom the first inherits.
  CREATE INDEX member_order ON member ("group") WHERE until_id IS NULL;

  -- Of a change of a group: numbers of the first accounts concerned, joined by commas, and how many there are.
  ALTER TABLE entry ADD COLUMN accounts TEXT;
  ALTER TABLE entry ADD COLUMN count INTEGER NOT NULL DEFAULT 0;
  -- By kind: see StoredDetail in store/group-entries.ts.
  ALTER TABLE entry ADD COLUMN value INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE entry ADD COLUMN quiet INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX entry_loud ON entry (inbox) WHERE quiet = 0;
  -- Whether an edit is a repetition: a message may have any number of entries.
  CREATE INDEX entry_client ON entry (refers, actor, client_id) WHERE client_id IS NOT NULL;

  -- An account may have settings of any number of conversations.
  CREATE INDEX conversation_pinned ON conversation (account) WHERE pinned = 1;

  CREATE TABLE invitation (
    number INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    code TEXT NOT NULL UNIQUE,
    "group" INTEGER NOT NULL,
    maker INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    -- -1: any number. 0: it is used up, and kept for whoever used it last.
    uses_left INTEGER NOT NULL
  );
  CREATE INDEX invitation_group ON invitation ("group");

  CREATE TABLE join_request (
    number INTEGER PRIMARY KEY,
    "group" INTEGER NOT NULL,
    account INTEGER NOT NULL,
    text TEXT NOT NULL,
    at_s INTEGER NOT NULL,
    UNIQUE ("group", account)
  );
  CREATE INDEX join_request_account ON join_request (account);

  CREATE TABLE pin (
    number INTEGER PRIMARY KEY,
    -- A direct conversation: its accounts, the smaller number first. A group: minus its number, and 0.
    first INTEGER NOT NULL,
    other INTEGER NOT NULL,
    message INTEGER NOT NULL UNIQUE,
    entry INTEGER NOT NULL,
    account INTEGER NOT NULL
  );
  CREATE INDEX pin_of ON pin (first, other, entry);

  CREATE TABLE block (
    number INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    -- 'on', or 'off' for one that has ended.
    state TEXT NOT NULL,
    blocked INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (account, blocked)
  );
  CREATE INDEX block_version ON block (account, version);
  CREATE INDEX block_guard ON block (version) WHERE state = 'on';

  -- Whom accounts let write to them, and add them to groups: the words of Consent in store/group-rights.ts.
  CREATE TABLE consent (
    number INTEGER PRIMARY KEY,
    account INTEGER NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    write_rule TEXT NOT NULL,
    add_rule TEXT NOT NULL
  );
  CREATE INDEX consent_guard ON consent (version);

  CREATE TABLE profile (
    number INTEGER PRIMARY KEY,
    account INTEGER NOT NULL UNIQUE,
    name TEXT NOT NULL,
    avatar TEXT NOT NULL,
    extra TEXT NOT NULL,
    version INTEGER NOT NULL
  );
`;
