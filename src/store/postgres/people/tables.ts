// The tables of groups that one can run and of people (schema 8): who runs a group, how one becomes a member of it,
// what is pinned; whom accounts block, whom they let write to them, and what they show of themselves.

import { addition, peopleColumns } from "../added-columns.ts";

export const peopleTables = `
-- Writers lock this first: none of them holds a lock for which this waits.
SELECT FROM roost.sequence FOR UPDATE;

-- Accounts that may refuse somebody: those that have, or had, a block or a setting other than everybody. version: that
-- of the last one. It is no column of sequence, which writers lock while they wait for its row, nor of account, where a
-- change counts as one by hand (life.ts).
CREATE TABLE roost.guard (
  account bigint PRIMARY KEY,
  version bigint NOT NULL
);
CREATE INDEX guard_version ON roost.guard (version);

${peopleColumns.map(addition).join("\n")}
-- A purge, which does not wait for that lock, comes to entries before members.
CREATE INDEX entry_loud ON roost.entry (inbox, id) WHERE NOT quiet;
-- Whether an edit is a repetition: a message may have any number of entries.
CREATE INDEX entry_client ON roost.entry (refers, actor, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX chat_group_closing ON roost.chat_group (number) WHERE closing;
-- For the changes of a group's members since an id.
CREATE INDEX member_ended ON roost.member (chat_group, until_id) WHERE until_id IS NOT NULL;
CREATE INDEX member_admins ON roost.member (chat_group) WHERE role > 0 AND until_id IS NULL;

-- uses_left: -1 for any number; 0: it is used up, and kept for whoever used it last. Times are in seconds since 1970.
CREATE TABLE roost.invitation (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  chat_group bigint NOT NULL,
  maker bigint NOT NULL,
  expires_s bigint NOT NULL,
  uses_left integer NOT NULL,
  app text COLLATE "C" NOT NULL,
  code text COLLATE "C" NOT NULL UNIQUE
);
CREATE INDEX invitation_group ON roost.invitation (chat_group, number);

CREATE TABLE roost.join_request (
  chat_group bigint NOT NULL,
  account bigint NOT NULL,
  at_s bigint NOT NULL,
  text text NOT NULL,
  PRIMARY KEY (chat_group, account)
);
CREATE INDEX join_request_account ON roost.join_request (account);

-- first, other: the accounts of a direct conversation, the smaller number first; or minus a group's number, and 0.
-- account: who pinned it.
CREATE TABLE roost.pin (
  message bigint PRIMARY KEY,
  first bigint NOT NULL,
  other bigint NOT NULL,
  entry bigint NOT NULL,
  account bigint NOT NULL
);
CREATE INDEX pin_of ON roost.pin (first, other, entry);

CREATE TABLE roost.block (
  account bigint NOT NULL,
  blocked bigint NOT NULL,
  version bigint NOT NULL,
  is_off boolean NOT NULL,
  PRIMARY KEY (account, blocked)
);
-- Its condition is true: by it, no other block is looked up in this index than one by its version.
CREATE INDEX block_version ON roost.block (account, version) WHERE version > 0;
CREATE INDEX block_guard ON roost.block (version) WHERE NOT is_off;

-- The rules are the words of Consent in store/group-rights.ts.
CREATE TABLE roost.consent (
  account bigint PRIMARY KEY,
  version bigint NOT NULL,
  write_rule text COLLATE "C" NOT NULL,
  add_rule text COLLATE "C" NOT NULL
);

CREATE TABLE roost.profile (
  account bigint PRIMARY KEY,
  version bigint NOT NULL,
  name text NOT NULL,
  avatar text NOT NULL,
  extra text NOT NULL
);

-- When accounts were online last, in minutes since 1970.
CREATE TABLE roost.seen (
  account bigint PRIMARY KEY,
  minute bigint NOT NULL
) WITH (fillfactor = 80);
`;
