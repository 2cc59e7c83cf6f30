-- The schema and functions of schema 10 as they were: what a store has that is upgraded from it. It never changes.

CREATE TABLE roost.sequence (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  last_id bigint NOT NULL,
  committed_ms bigint NOT NULL
);
INSERT INTO roost.sequence (last_id, committed_ms) VALUES (0, 0);

-- since_id is the store's last id when the holder took the number: smaller ones are another holder's.
CREATE TABLE roost.node (
  number integer PRIMARY KEY,
  holder text COLLATE "C" NOT NULL UNIQUE,
  until_ms bigint NOT NULL,
  since_id bigint NOT NULL
);

CREATE TABLE roost.account (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  app text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  UNIQUE (app, name)
);

CREATE TABLE roost.chat_group (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner bigint NOT NULL,
  created_ms bigint NOT NULL,
  version bigint NOT NULL,
  member_count bigint NOT NULL,
  closed boolean NOT NULL,
  app text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  name text NOT NULL,
  avatar text NOT NULL,
  introduction text NOT NULL,
  UNIQUE (app, id)
);

-- Numbered in the order of joining.
CREATE TABLE roost.member (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  chat_group bigint NOT NULL,
  account bigint NOT NULL,
  from_id bigint NOT NULL,
  until_id bigint,
  joined_ms bigint NOT NULL,
  alias text NOT NULL DEFAULT '',
  avatar text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX member_now ON roost.member (chat_group, account) WHERE until_id IS NULL;
CREATE INDEX member_order ON roost.member (chat_group, number) WHERE until_id IS NULL;
CREATE INDEX member_groups ON roost.member (account) WHERE until_id IS NULL;
CREATE INDEX member_window ON roost.member (account, chat_group, from_id, until_id);
CREATE INDEX member_past ON roost.member (until_id) WHERE until_id IS NOT NULL;

CREATE TABLE roost.message (
  id bigint PRIMARY KEY,
  inbox bigint NOT NULL,
  sender bigint NOT NULL,
  sent_ns bigint NOT NULL,
  type integer NOT NULL,
  body text NOT NULL,
  extra text NOT NULL,
  client_id text COLLATE "C"
) WITH (
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);
CREATE INDEX message_inbox ON roost.message (inbox, id);
-- What an account sent to groups is found in its windows.
CREATE INDEX message_sent ON roost.message (sender, id) WHERE inbox > 0 AND inbox <> sender;
CREATE UNIQUE INDEX message_client ON roost.message (sender, client_id) WHERE client_id IS NOT NULL;

CREATE TABLE roost.cursor (
  account bigint NOT NULL,
  acked bigint NOT NULL,
  device text COLLATE "C" NOT NULL,
  PRIMARY KEY (account, device)
) WITH (fillfactor = 80);


-- turn counts the looks of all processes: whoever saves one has read the turn before. The rest is the trusted time's,
-- beside its horizon.
CREATE TABLE roost.look (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  turn bigint NOT NULL,
  ran_ms bigint NOT NULL,
  leapt_ms bigint NOT NULL
);
INSERT INTO roost.look (turn, ran_ms, leapt_ms) VALUES (0, 0, 0);

CREATE TABLE roost.horizon (
  kind text COLLATE "C" PRIMARY KEY CHECK (kind IN ('messages', 'time')),
  at_ms bigint NOT NULL,
  keep_ms bigint NOT NULL,
  looked_ms bigint NOT NULL,
  credit_ms bigint NOT NULL,
  is_waiting boolean NOT NULL,
  proven_ms bigint NOT NULL
);

CREATE TABLE roost.mark (
  id bigint PRIMARY KEY,
  at_ms bigint NOT NULL,
  ran_ms bigint NOT NULL
);
CREATE INDEX mark_at ON roost.mark (at_ms, id);


CREATE TABLE roost.identity (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  identity text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL
);
INSERT INTO roost.identity (identity, epoch)
  VALUES (replace(gen_random_uuid()::text, '-', ''), replace(gen_random_uuid()::text, '-', ''));
CREATE TABLE roost.owner (fingerprint text COLLATE "C" PRIMARY KEY);


-- Writers lock this first: none of them holds a lock for which this waits.
SELECT FROM roost.sequence FOR UPDATE;

DO $$ BEGIN
  IF to_regclass('roost.member') IS NOT NULL AND 1 > (
    SELECT count(*) FROM pg_attribute
    WHERE attrelid = to_regclass('roost.member') AND attname IN ('is_own')
  ) THEN
    ALTER TABLE roost.member ADD COLUMN IF NOT EXISTS is_own boolean NOT NULL DEFAULT false;
  END IF;
END $$;
CREATE TABLE roost.group_count (
  account bigint PRIMARY KEY,
  own bigint NOT NULL,
  put bigint NOT NULL
) WITH (fillfactor = 80);
CREATE TABLE roost.unfinished_group (
  chat_group bigint PRIMARY KEY,
  step bigint NOT NULL
);


CREATE TABLE roost.revocation (
  id bigint PRIMARY KEY,
  before_ms bigint NOT NULL,
  app text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  -- Null: all.
  device text COLLATE "C"
);
CREATE INDEX revocation_of ON roost.revocation (app, account);


SELECT FROM roost.sequence FOR UPDATE;

DO $$ BEGIN
  IF to_regclass('roost.message') IS NOT NULL AND 3 > (
    SELECT count(*) FROM pg_attribute
    WHERE attrelid = to_regclass('roost.message') AND attname IN ('state', 'reply_to', 'mentions')
  ) THEN
    ALTER TABLE roost.message ADD COLUMN IF NOT EXISTS state smallint, ADD COLUMN IF NOT EXISTS reply_to bigint, ADD COLUMN IF NOT EXISTS mentions text COLLATE "C";
  END IF;
END $$;
-- Its condition is another than that of message_sent: what is looked up by one is no question for the other, whatever
-- the planner thinks of accounts that have sent much.
CREATE INDEX message_pair ON roost.message (sender, inbox, id) WHERE inbox >= 1;

-- inbox: the partner of the actor, or minus the group's number. kind: entryKind of store/conversations.ts.
CREATE TABLE roost.entry (
  id bigint PRIMARY KEY,
  inbox bigint NOT NULL,
  actor bigint NOT NULL,
  refers bigint NOT NULL,
  at_ns bigint NOT NULL,
  kind smallint NOT NULL,
  is_off boolean NOT NULL,
  client_id text COLLATE "C",
  reaction text COLLATE "C"
);
CREATE INDEX entry_inbox ON roost.entry (inbox, id);
CREATE INDEX entry_sent ON roost.entry (actor, id) WHERE inbox > 0 AND inbox <> actor;
CREATE INDEX entry_refers ON roost.entry (refers, kind, actor);

-- Of others' messages. account 0: everybody in the group.
CREATE TABLE roost.mention (
  account bigint NOT NULL,
  other bigint NOT NULL,
  id bigint NOT NULL,
  PRIMARY KEY (account, other, id)
);
-- For purges; it is no choice for ranges of ids.
CREATE INDEX mention_id ON roost.mention USING hash (id);

CREATE TABLE roost.reply (
  id bigint PRIMARY KEY,
  root bigint NOT NULL
);
CREATE INDEX reply_root ON roost.reply (root, id);

-- entry: which one it came with.
CREATE TABLE roost.reaction (
  message bigint NOT NULL,
  account bigint NOT NULL,
  entry bigint NOT NULL,
  reaction text COLLATE "C" NOT NULL,
  PRIMARY KEY (message, reaction, account)
);
-- How many there are of each kind.
CREATE TABLE roost.reaction_count (
  message bigint NOT NULL,
  accounts bigint NOT NULL,
  reaction text COLLATE "C" NOT NULL,
  PRIMARY KEY (message, reaction)
);

CREATE TABLE roost.hidden (
  account bigint NOT NULL,
  id bigint NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (id, account)
);
CREATE INDEX hidden_version ON roost.hidden (account, version);

-- Each side of a direct conversation has a row from the first message on; of groups there are only settings. version 0:
-- nothing was set. The key is made after the rows, which takes a third of the time.
CREATE TABLE roost.conversation (
  account bigint NOT NULL,
  other bigint NOT NULL,
  hidden_id bigint NOT NULL DEFAULT 0,
  cleared_id bigint NOT NULL DEFAULT 0,
  version bigint NOT NULL DEFAULT 0,
  is_pinned boolean NOT NULL DEFAULT false,
  is_muted boolean NOT NULL DEFAULT false
);
INSERT INTO roost.conversation (account, other)
  SELECT DISTINCT side.account, side.other
  FROM roost.message m, LATERAL (VALUES (m.sender, m.inbox), (m.inbox, m.sender)) AS side (account, other)
  WHERE m.inbox > 0;
ALTER TABLE roost.conversation ADD PRIMARY KEY (account, other);
CREATE INDEX conversation_version ON roost.conversation (account, version) WHERE version > 0;
CREATE INDEX conversation_pinned ON roost.conversation (account) WHERE is_pinned;

CREATE TABLE roost.read_cursor (
  account bigint NOT NULL,
  other bigint NOT NULL,
  read_id bigint NOT NULL,
  PRIMARY KEY (account, other)
) WITH (fillfactor = 80);



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


DO $$ BEGIN
  IF to_regclass('roost.entry') IS NOT NULL AND 4 > (
    SELECT count(*) FROM pg_attribute
    WHERE attrelid = to_regclass('roost.entry') AND attname IN ('accounts', 'count', 'value', 'quiet')
  ) THEN
    ALTER TABLE roost.entry ADD COLUMN IF NOT EXISTS accounts bigint[], ADD COLUMN IF NOT EXISTS count bigint NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS value bigint NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS quiet boolean NOT NULL DEFAULT false;
  END IF;
END $$;

DO $$ BEGIN
  IF to_regclass('roost.chat_group') IS NOT NULL AND 5 > (
    SELECT count(*) FROM pg_attribute
    WHERE attrelid = to_regclass('roost.chat_group') AND attname IN ('announcement', 'approval', 'for_admins', 'dismissed_id', 'closing')
  ) THEN
    ALTER TABLE roost.chat_group ADD COLUMN IF NOT EXISTS announcement text NOT NULL DEFAULT '', ADD COLUMN IF NOT EXISTS approval boolean NOT NULL DEFAULT false, ADD COLUMN IF NOT EXISTS for_admins boolean NOT NULL DEFAULT false, ADD COLUMN IF NOT EXISTS dismissed_id bigint NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS closing boolean NOT NULL DEFAULT false;
  END IF;
END $$;

DO $$ BEGIN
  IF to_regclass('roost.member') IS NOT NULL AND 2 > (
    SELECT count(*) FROM pg_attribute
    WHERE attrelid = to_regclass('roost.member') AND attname IN ('role', 'muted_until')
  ) THEN
    ALTER TABLE roost.member ADD COLUMN IF NOT EXISTS role smallint NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS muted_until bigint NOT NULL DEFAULT 0;
  END IF;
END $$;
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

SELECT FROM roost.sequence FOR UPDATE;

CREATE INDEX IF NOT EXISTS entry_client ON roost.entry (refers, actor, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS member_ended ON roost.member (chat_group, until_id) WHERE until_id IS NOT NULL;


-- hash: SHA-256 of the key, in hexadecimal digits; nobody can tell the key from it. version: from the sequence of
-- messages; each change of a row takes a new one. scopes: joined by commas. revoked_ms: 0 while it is in force.
CREATE TABLE roost.api_key (
  version bigint NOT NULL UNIQUE,
  created_ms bigint NOT NULL,
  revoked_ms bigint NOT NULL,
  id text COLLATE "C" PRIMARY KEY,
  hash text COLLATE "C" NOT NULL UNIQUE,
  app text COLLATE "C" NOT NULL,
  scopes text COLLATE "C" NOT NULL,
  name text NOT NULL
);


-- Part of the account's row of kind 'revoke' in roost.revocation, which each change replaces. It is a table of its own
-- for programs of schema 8, which write to that one. Accounts may have no row in roost.account.
CREATE TABLE roost.ban (
  until_ms bigint NOT NULL,
  app text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  PRIMARY KEY (app, account)
);


-- id, version: from the sequence of messages. events: joined by commas. told, undelivered: the positions of its lanes.
CREATE TABLE roost.hook (
  id bigint PRIMARY KEY,
  version bigint NOT NULL,
  told bigint NOT NULL,
  undelivered bigint NOT NULL,
  lost bigint NOT NULL DEFAULT 0,
  fail_open boolean NOT NULL,
  app text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  url text COLLATE "C" NOT NULL,
  secret text COLLATE "C" NOT NULL,
  events text COLLATE "C" NOT NULL,
  UNIQUE (app, name)
) WITH (fillfactor = 50);

-- refs: joined by commas. number: in the order in which they were put.
CREATE TABLE roost.hook_batch (
  hook bigint NOT NULL,
  number bigint GENERATED ALWAYS AS IDENTITY,
  up_to bigint NOT NULL,
  due_ms bigint NOT NULL,
  attempts integer NOT NULL,
  webhook_id text COLLATE "C" NOT NULL,
  lane text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  refs text COLLATE "C" NOT NULL,
  conversation text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (hook, webhook_id)
);
CREATE INDEX hook_batch_state ON roost.hook_batch (hook, state, number);

CREATE TABLE roost.hook_lease (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  beat bigint NOT NULL,
  holder text COLLATE "C" NOT NULL
);
INSERT INTO roost.hook_lease (beat, holder) VALUES (0, '');


-- version: an id of the sequence, taken when it was promised. uses: how many messages name it; counted, because a purge
-- deletes uses beside the writers' lock. state: see mediaState in store/media.ts.
CREATE TABLE roost.media (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account bigint NOT NULL,
  size bigint NOT NULL,
  version bigint NOT NULL,
  uses bigint NOT NULL DEFAULT 0,
  state smallint NOT NULL,
  id text COLLATE "C" NOT NULL UNIQUE,
  name text NOT NULL,
  type text NOT NULL
);
CREATE INDEX media_unnamed ON roost.media (version) WHERE state < 2;
CREATE INDEX media_unnamed_of ON roost.media (account) WHERE state < 2;
CREATE INDEX media_bytes_of ON roost.media (account, size) WHERE state <> 3;
CREATE INDEX media_gone ON roost.media (number) WHERE state = 3;

-- place: from 0, in the order of the message.
CREATE TABLE roost.media_use (
  message bigint NOT NULL,
  place smallint NOT NULL,
  media text COLLATE "C" NOT NULL,
  PRIMARY KEY (message, place)
);
CREATE INDEX media_use_of ON roost.media_use (media);


-- What an app has besides its accounts and groups. An app without a row has nothing of this. watermark_id: nothing up
-- to this id is read any more; it is erased up to purged_id. keep_days: how long messages are kept; 0: without end.
-- import_state: none, importing, complete, or live: somebody else has used the app meanwhile. checked_id: nobody else
-- has, as far as messages up to this id tell.
CREATE TABLE roost.app_data (
  watermark_id bigint NOT NULL,
  purged_id bigint NOT NULL,
  keep_days bigint NOT NULL,
  checked_id bigint NOT NULL,
  app text COLLATE "C" PRIMARY KEY,
  import_state text COLLATE "C" NOT NULL
);
-- Looks at the clocks ask which apps have a retention; writers ask with each batch whether any app has a watermark.
CREATE INDEX app_data_watermark ON roost.app_data (watermark_id) WHERE watermark_id > 0;
CREATE INDEX app_data_kept ON roost.app_data (app) WHERE keep_days > 0;
CREATE INDEX app_data_due ON roost.app_data (app) WHERE purged_id < watermark_id;

-- page_records: the records of the last page, which may be sent again. last_id: the former id of the last message.
CREATE TABLE roost.import (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  stored bigint NOT NULL,
  page_records bigint NOT NULL,
  last_id bigint NOT NULL,
  app text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  UNIQUE (app, name)
);

-- Which ids messages had, and have now.
CREATE TABLE roost.import_id (
  import bigint NOT NULL,
  former bigint NOT NULL,
  id bigint NOT NULL,
  PRIMARY KEY (import, former)
);

-- Accounts that an import says to have sent messages to groups while they were no members: no window leads to those.
CREATE TABLE roost.import_speaker (
  account bigint NOT NULL,
  chat_group bigint NOT NULL,
  PRIMARY KEY (account, chat_group)
);

-- The deletion of an account: its number, the name that it had ('' at the end), and how far it is. step: see
-- deletion-functions.ts; done at the end. position, place: what the step has dealt with.
CREATE TABLE roost.operation (
  id bigint PRIMARY KEY,
  account bigint NOT NULL,
  position bigint NOT NULL,
  place bigint NOT NULL,
  rows bigint NOT NULL,
  started_s bigint NOT NULL,
  ended_s bigint NOT NULL,
  app text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  step text COLLATE "C" NOT NULL
);
CREATE INDEX operation_running ON roost.operation (id) WHERE step <> 'done';

-- Accounts that have erased messages, and the newest of those: only their talks may repeat one (erase-functions.ts).
CREATE TABLE roost.erased_sender (
  account bigint PRIMARY KEY,
  newest_id bigint NOT NULL
);

-- For exports: members in the order of joining and of leaving, of all groups.
CREATE INDEX member_from ON roost.member (from_id, number);
CREATE INDEX member_until ON roost.member (until_id, number) WHERE until_id IS NOT NULL;


SELECT FROM roost.sequence FOR UPDATE;
CREATE TABLE roost.node_last (
  number integer PRIMARY KEY,
  last_id bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO roost.node_last SELECT number, 0 FROM generate_series(0, 1023) AS n (number);

SELECT FROM roost.sequence FOR UPDATE;

CREATE OR REPLACE FUNCTION roost.life() RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  -- null where there is no such row; || makes null of what is null.
  RETURN (
    SELECT i.epoch || '.' || i.xmin || '.' || pg_catalog.to_regclass('roost.sequence')::oid
      || '.' || t.oid || t.tgenabled::text || '/' || extract(epoch FROM pg_catalog.pg_postmaster_start_time())
    FROM roost.identity i, pg_catalog.pg_trigger t
    WHERE t.tgrelid = pg_catalog.to_regclass('roost.account') AND t.tgname = 'changed_by_hand');
END $$;

-- True, or an error: a condition of every statement that reads. It names no column, so it is evaluated once, and first.
CREATE OR REPLACE FUNCTION roost.require_life(a_life text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_life IS DISTINCT FROM roost.life() THEN
    RAISE EXCEPTION 'the database holds another store than before' USING ERRCODE = 'RO002';
  END IF;
  RETURN true;
END $$;

-- The lock lets no writer go on with numbers that it was told before.
CREATE OR REPLACE FUNCTION roost.renew_epoch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM roost.sequence FOR UPDATE;
  IF current_setting('roost.deletes', true) = 'on' THEN
    UPDATE roost.identity i
      SET epoch = split_part(i.epoch, '-', 1) || '-' ||
        (coalesce(nullif(split_part(i.epoch, '-', 2), ''), '0')::bigint + 1);
  ELSE
    UPDATE roost.identity SET epoch = replace(gen_random_uuid()::text, '-', '');
  END IF;
  RETURN null;
END $$;

CREATE OR REPLACE TRIGGER changed_by_hand AFTER DELETE OR UPDATE OR TRUNCATE ON roost.account
  FOR EACH STATEMENT EXECUTE FUNCTION roost.renew_epoch();
ALTER TABLE roost.account ENABLE ALWAYS TRIGGER changed_by_hand;


-- Microseconds since 1970.
CREATE OR REPLACE FUNCTION roost.wall_us() RETURNS bigint
LANGUAGE sql VOLATILE AS $$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
$$;

CREATE OR REPLACE FUNCTION roost.hold(
  a_holder text, a_life text,
  OUT last_id bigint, OUT node bigint, OUT since_id bigint, OUT wall_us bigint
) LANGUAGE plpgsql AS $$
DECLARE
  now_ms bigint;
  left_ms bigint;
BEGIN
  SELECT s.last_id INTO last_id FROM sequence s FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the store has lost its row of the last id; restore the database from a backup'
      USING ERRCODE = 'RO001';
  END IF;
  IF a_life IS NOT NULL AND a_life IS DISTINCT FROM roost.life() THEN
    RAISE EXCEPTION 'the database holds another store than before' USING ERRCODE = 'RO002';
  END IF;
  -- Read after the lock is held.
  wall_us := roost.wall_us();
  now_ms := wall_us / 1000;
  IF now_ms NOT BETWEEN 1577836800000 AND 3660681599999 THEN
    RAISE EXCEPTION 'the database''s clock says %: ids need a clock between 2020 and 2085; set it right',
      to_char(to_timestamp(now_ms / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
      USING ERRCODE = 'RO001';
  END IF;
  -- Whoever turned it off for the whole database did not mean messages that were acknowledged.
  IF current_setting('synchronous_commit') = 'off' THEN PERFORM set_config('synchronous_commit', 'on', true); END IF;

  SELECT n.number, n.since_id, n.until_ms - now_ms INTO node, hold.since_id, left_ms
    FROM node n WHERE n.holder = a_holder;
  IF FOUND THEN
    IF left_ms < 20000 OR left_ms > 30000 THEN
      UPDATE node n SET until_ms = now_ms + 30000 WHERE n.holder = a_holder;
    END IF;
    RETURN;
  END IF;
  -- A lease that ends later than any lease can was left by a clock that was ahead, or its holder has not renewed it
  -- since the clock was set back: its number is taken where no other is free.
  SELECT free.number INTO node
    FROM generate_series(0, 1023) free (number) LEFT JOIN node n ON n.number = free.number
    WHERE n.number IS NULL OR n.until_ms < now_ms OR n.until_ms > now_ms + 30000
    ORDER BY coalesce(n.until_ms, 0) > now_ms, free.number LIMIT 1;
  IF node IS NULL THEN
    RAISE EXCEPTION 'all 1024 node numbers of the store are leased; stop a process that uses it, or wait 30 s after a crash' USING ERRCODE = 'RO001';
  END IF;
  since_id := last_id;
  INSERT INTO node AS n VALUES (node, a_holder, now_ms + 30000, since_id)
    ON CONFLICT (number) DO UPDATE
    SET holder = excluded.holder, until_ms = excluded.until_ms, since_id = excluded.since_id;
END $$;


CREATE OR REPLACE FUNCTION roost.renew_lease(a_holder text, OUT last_id bigint, OUT wall_ms bigint, OUT life text)
LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, null::text);
  life := roost.life();
  IF life IS NULL THEN
    RAISE EXCEPTION
      'the store is not complete: it has lost its identity, or the trigger changed_by_hand of roost.account. '
      'If it is not being restored now, start this process again, which makes the trigger'
      USING ERRCODE = 'RO001';
  END IF;
  last_id := held.last_id;
  wall_ms := held.wall_us / 1000;
END $$;


CREATE OR REPLACE FUNCTION roost.first_id(a_last_id bigint, a_wall_ms bigint, a_node bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  own CONSTANT bigint := ((a_wall_ms - 1577836800000) << 22) | (a_node << 12);
  same_time CONSTANT bigint := ((a_last_id >> 22) << 22) | (a_node << 12);
BEGIN
  IF own > a_last_id THEN RETURN own; END IF;
  IF same_time > a_last_id THEN RETURN same_time; END IF;
  IF a_last_id - same_time < 4095 THEN RETURN a_last_id + 1; END IF;
  RETURN same_time + (1::bigint << 22);
END $$;

CREATE OR REPLACE FUNCTION roost.id_after(a_first_id bigint, a_count bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE RETURN
  (a_first_id & ~4095::bigint)
  + ((((a_first_id & 4095) + a_count) >> 12) << 22)
  + (((a_first_id & 4095) + a_count) & 4095);

-- The last id of a commit has the number of the node that committed it. A function in the language sql would be planned
-- at each call.
CREATE OR REPLACE FUNCTION roost.move_last(a_last_id bigint, a_wall_ms bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE roost.sequence SET last_id = a_last_id, committed_ms = a_wall_ms;
  UPDATE roost.node_last SET last_id = a_last_id WHERE number = ((a_last_id >> 12) & 1023)::integer;
END $$;


CREATE OR REPLACE FUNCTION roost.claim(
  a_holder text, a_fingerprints text[], a_adopts boolean,
  OUT outcome text, OUT identity text, OUT last_id bigint, OUT wall_ms bigint, OUT life text
) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  owners text[];
  identities bigint;
  now_ms bigint;
BEGIN
  PERFORM FROM sequence FOR UPDATE;
  now_ms := roost.wall_us() / 1000;
  SELECT coalesce(array_agg(o.fingerprint), '{}') INTO owners FROM owner o;
  SELECT count(*), min(i.identity) INTO identities, claim.identity FROM identity i;
  IF owners && a_fingerprints OR (owners = '{}' AND a_fingerprints = '{}') THEN outcome := 'kept';
  ELSIF owners = '{}' THEN outcome := 'taken';
  ELSIF NOT a_adopts THEN outcome := 'refused'; RETURN;
  ELSIF EXISTS (
    -- A lease that ends later than any lease can was left by a clock that was ahead.
    SELECT FROM node n WHERE n.until_ms > now_ms AND n.until_ms <= now_ms + 30000 AND n.holder <> a_holder
  ) THEN outcome := 'living'; RETURN;
  ELSE outcome := 'adopted';
  END IF;
  IF identities <> 1 OR identity !~ '^[0-9a-f]{32}$' THEN
    IF NOT a_adopts THEN outcome := 'damaged'; RETURN; END IF;
    identities := 0;
  END IF;
  IF outcome IN ('taken', 'adopted') THEN
    DELETE FROM owner;
    INSERT INTO owner SELECT DISTINCT unnest(a_fingerprints);
  END IF;
  IF outcome = 'adopted' THEN DELETE FROM node; END IF;
  -- Also of one that was nobody's: a copy of it, which another process takes, is another store.
  IF outcome IN ('taken', 'adopted') OR identities = 0 THEN
    identity := replace(gen_random_uuid()::text, '-', '');
    DELETE FROM identity;
    INSERT INTO identity AS i (identity, epoch) VALUES (claim.identity, replace(gen_random_uuid()::text, '-', ''));
    IF identities = 0 THEN outcome := 'adopted'; END IF;
  END IF;
  SELECT r.last_id, r.wall_ms, r.life INTO last_id, wall_ms, life FROM roost.renew_lease(a_holder) r;
END $$;

-- False, and nothing is changed, if the owner is another cluster than the one with the fingerprints a_mine.
CREATE OR REPLACE FUNCTION roost.set_owners(a_life text, a_mine text[], a_fingerprints text[])
RETURNS boolean LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  PERFORM FROM sequence FOR UPDATE;
  IF EXISTS (SELECT FROM owner) AND NOT EXISTS (SELECT FROM owner o WHERE o.fingerprint = ANY (a_mine)) THEN
    RETURN false;
  END IF;
  PERFORM roost.require_life(a_life);
  DELETE FROM owner o WHERE o.fingerprint <> ALL (a_fingerprints);
  INSERT INTO owner SELECT DISTINCT unnest(a_fingerprints) ON CONFLICT DO NOTHING;
  RETURN true;
END $$;


CREATE OR REPLACE FUNCTION roost.store_talks(
  a_holder text, a_life text,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_starts integer[], a_guards bigint, a_linked integer[], a_mentions text[], a_replies bigint[], a_media text[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (
  outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, previous_entry_id bigint,
  sender bigint, inbox bigint
) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
#variable_conflict use_column
DECLARE
  held record;
  talks CONSTANT integer := cardinality(a_apps);
  first_id bigint;
  senders bigint[];
  -- The receiver's account, or minus the group's number; null for a group that does not exist.
  inboxes bigint[];
  versions bigint[];
  -- Why a talk may not be stored; null where it may.
  denials bigint[];
  -- Why what a talk names denies it; null where it does not, and if none names anything.
  link_denials bigint[];
  is_complete boolean;
  -- Which receivers had to be made; null where none had.
  made boolean[];
  stored_count bigint;
  is_all_stored boolean;
  -- What talks name; null for most.
  mentions text[];
  replies bigint[];
  place integer;
  has_direct_entries boolean;
  has_watermarks boolean;
  may_refuse boolean;
  -- With digests for those that repeat an erased message.
  client_ids text[] := a_client_ids;
BEGIN
  held := roost.hold(a_holder, a_life);
  IF talks > 0 THEN
    first_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
    may_refuse := a_guards IS NULL OR EXISTS (SELECT FROM guard g WHERE g.version > a_guards);
    -- Mostly all talks are between accounts that the caller knows.
    IF array_position(a_sender_numbers, null) IS NULL AND array_position(a_dest_numbers, null) IS NULL
      AND NOT true = ANY (a_to_groups) AND coalesce(cardinality(a_linked), 0) = 0
    THEN
      senders := a_sender_numbers;
      inboxes := a_dest_numbers;
      versions := array_fill(0::bigint, ARRAY[talks]);
      denials := array_fill(null::bigint, ARRAY[talks]);
      client_ids := roost.stored_client_ids(senders, a_client_ids, first_id);
      IF may_refuse THEN denials := roost.refuse_talks(senders, inboxes, denials, client_ids, null); END IF;
    ELSE
      FOR pass IN 1..2 LOOP
        SELECT array_agg(r.sender), array_agg(r.inbox), array_agg(coalesce(r.version, 0)),
            array_agg(CASE
              WHEN NOT r.to_group THEN CASE WHEN r.inbox IS NULL AND r.to_known THEN 13 END
              WHEN coalesce(r.member_count, 0) = 0 THEN 3
              ELSE nullif(coalesce((
                SELECT CASE
                  WHEN m.muted_until > held.wall_us / 1000000 THEN 17
                  WHEN r.for_admins AND m.role = 0 AND r.owner <> m.account THEN 18
                  ELSE 0 END
                FROM member m
                WHERE m.chat_group = -r.inbox AND m.account = r.sender AND m.until_id IS NULL
              ), CASE WHEN roost.is_system_of(r.sender, -r.inbox) THEN 0 ELSE 2 END), 0)
            END::bigint),
            bool_and(r.sender IS NOT NULL AND (r.to_group OR r.to_known OR r.inbox IS NOT NULL))
          INTO senders, inboxes, versions, denials, is_complete
          FROM (
            SELECT t.to_group, t.to_known, t.version, t.member_count, t.for_admins, t.owner,
              coalesce(t.sender_number, (SELECT a.number FROM account a WHERE a.app = t.app AND a.name = t.sender))
                AS sender,
              CASE WHEN t.to_group THEN -t.group_number ELSE
                coalesce(t.dest_number, (SELECT a.number FROM account a WHERE a.app = t.app AND a.name = t.dest))
              END AS inbox
            FROM (
              SELECT u.*, g.number AS group_number, g.version, g.member_count, g.for_admins, g.owner
              FROM unnest(
                  a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_to_knowns
                ) WITH ORDINALITY AS u (app, sender, sender_number, to_group, dest, dest_number, to_known, position)
              LEFT JOIN LATERAL (
                SELECT * FROM chat_group g WHERE u.to_group AND g.app = u.app AND g.id = u.dest LIMIT 1
              ) g ON true
              OFFSET 0
            ) t
            ORDER BY t.position
          ) r;
        client_ids := roost.stored_client_ids(senders, a_client_ids, first_id);
        IF cardinality(a_linked) > 0 THEN link_denials := array_fill(null::bigint, ARRAY[talks]); END IF;
        FOR link IN 1..coalesce(cardinality(a_linked), 0) LOOP
          place := a_linked[link];
          CONTINUE WHEN denials[place] IS NOT NULL;
          link_denials[place] := roost.link_denial(
            a_apps[place], senders[place], coalesce(inboxes[place], 0), a_senders[place], a_dests[place],
            a_mentions[link], a_replies[link], a_media[link]);
        END LOOP;
        IF may_refuse THEN
          denials := roost.refuse_talks(senders, inboxes, denials, client_ids, link_denials);
        END IF;
        -- Receivers decide first.
        FOREACH place IN ARRAY coalesce(a_linked, '{}') LOOP
          denials[place] := coalesce(denials[place], link_denials[place]);
        END LOOP;
        EXIT WHEN is_complete OR pass = 2;
        made := ARRAY(
          SELECT inbox IS NULL FROM unnest(inboxes) WITH ORDINALITY AS t (inbox, position) ORDER BY position);
        PERFORM roost.add_accounts(a_apps, a_senders);
        -- Rows of accounts stay for ever, and only stored talks are charged: the others make none. Of several talks
        -- with one clientId those behind the first are not stored.
        PERFORM roost.add_accounts(array_agg(t.app), array_agg(t.dest))
          FROM (
            SELECT u.*, count(*) FILTER (WHERE u.denial IS NULL) OVER (
                PARTITION BY u.app, u.sender_name, u.client_id ORDER BY u.position
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_count
            FROM unnest(a_apps, a_senders, senders, a_to_groups, a_dests, inboxes, denials, client_ids)
              WITH ORDINALITY
              AS u (app, sender_name, sender, to_group, dest, inbox, denial, client_id, position)
          ) t
          WHERE t.inbox IS NULL AND NOT t.to_group AND t.denial IS NULL
            AND (t.client_id = '' OR t.earlier_count = 0 AND (
              SELECT true FROM message m WHERE m.sender = t.sender AND m.client_id = t.client_id) IS NULL);
      END LOOP;
    END IF;

    IF cardinality(a_linked) > 0 THEN
      mentions := array_fill(null::text, ARRAY[talks]);
      replies := array_fill(null::bigint, ARRAY[talks]);
    END IF;
    FOR link IN 1..coalesce(cardinality(a_linked), 0) LOOP
      place := a_linked[link];
      mentions[place] := nullif(a_mentions[link], '');
      replies[place] := nullif(a_replies[link], 0);
    END LOOP;

    -- Of several talks with one clientId the first is stored, or none where there is an earlier one.
    INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id, mentions, reply_to)
      SELECT roost.id_after(first_id, at - 1), inboxes[at], senders[at], a_types[at], a_bodies[at], a_extras[at],
        held.wall_us * 1000 + at - 1, nullif(client_ids[at], ''), mentions[at], replies[at]
      FROM generate_series(1, talks) AS t (at)
      WHERE denials[at] IS NULL AND inboxes[at] IS NOT NULL
      ORDER BY at
      ON CONFLICT (sender, client_id) WHERE client_id IS NOT NULL DO NOTHING;
    GET DIAGNOSTICS stored_count = ROW_COUNT;
    PERFORM roost.move_last(roost.id_after(first_id, talks - 1), held.wall_us / 1000);
    is_all_stored := stored_count = talks;
    -- A conversation begins with its first message, for both sides at once: looked up once for each pair of a_starts.
    IF cardinality(a_starts) > 0 THEN
      INSERT INTO conversation (account, other)
        SELECT DISTINCT side.account, side.other
        FROM (
          SELECT p.inbox, p.sender
          FROM (
            SELECT DISTINCT inboxes[at] AS inbox, senders[at] AS sender
            FROM unnest(a_starts) AS t (at)
            WHERE denials[at] IS NULL AND inboxes[at] > 0
              AND (is_all_stored OR (SELECT true FROM message m WHERE m.id = roost.id_after(first_id, at - 1)))
          ) p
          WHERE (SELECT true FROM conversation c WHERE c.account = p.inbox AND c.other = p.sender) IS NULL
          OFFSET 0
        ) begun, LATERAL (VALUES (begun.inbox, begun.sender), (begun.sender, begun.inbox)) AS side (account, other);
    END IF;
    FOR link IN 1..coalesce(cardinality(a_linked), 0) LOOP
      place := a_linked[link];
      PERFORM roost.add_links(roost.id_after(first_id, place - 1), a_apps[place], a_media[link]);
    END LOOP;
  END IF;

  IF cardinality(a_ack_apps) > 0 THEN
    PERFORM roost.add_accounts(a_ack_apps, a_ack_accounts);
    INSERT INTO cursor AS c (account, device, acked)
      SELECT a.number, t.device, max(t.acked)
      FROM unnest(a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids) AS t (app, account, device, acked)
      JOIN account a ON a.app = t.app AND a.name = t.account
      WHERE t.acked > 0 AND t.acked <= held.last_id
      GROUP BY a.number, t.device
      ON CONFLICT (account, device) DO UPDATE SET acked = excluded.acked WHERE excluded.acked > c.acked;
  END IF;

  has_direct_entries := EXISTS (SELECT FROM entry e WHERE e.inbox > 0 AND NOT e.quiet);
  has_watermarks := EXISTS (SELECT FROM app_data d WHERE d.watermark_id > 0);
  -- Every statement sees what the ones before it wrote. Mostly all talks were stored: no earlier one is looked for, and
  -- the message before is either in the batch, too, or looked up for the first one to its inbox.
  IF is_all_stored THEN
    RETURN QUERY
      SELECT CASE WHEN made[t.at] THEN 12 ELSE 0 END::bigint,
        t.new_id, held.wall_us * 1000 + t.at - 1,
        coalesce(
          lag(t.new_id) OVER (PARTITION BY t.inbox ORDER BY t.at),
          (SELECT b.id FROM message b
            WHERE b.inbox = t.inbox AND b.id < t.new_id
              AND b.id > CASE WHEN has_watermarks THEN roost.watermark_for(senders[t.at]) ELSE 0 END
            ORDER BY b.id DESC LIMIT 1),
          0),
        versions[t.at],
        CASE WHEN t.inbox < 0 OR has_direct_entries THEN coalesce((
          SELECT b.id FROM entry b WHERE b.inbox = t.inbox AND NOT b.quiet AND b.id < t.new_id ORDER BY b.id DESC LIMIT 1
        ), 0) ELSE 0 END,
        senders[t.at], t.inbox
      FROM (
        SELECT n.at, roost.id_after(first_id, n.at - 1) AS new_id, inboxes[n.at] AS inbox
        FROM generate_series(1, talks) AS n (at)
      ) t
      ORDER BY t.at;
  -- A talk whose clientId was stored before is told so, whatever its rights are now: its sender may have left the
  -- group.
  ELSE RETURN QUERY
    SELECT
      CASE
        -- No account was made for the receiver.
        WHEN t.inbox IS NULL AND NOT t.to_group AND t.denial IS DISTINCT FROM 13
          AND (t.keyed).id IS NOT NULL THEN 4
        WHEN t.inbox IS NULL THEN coalesce(t.denial, 3)
        WHEN (t.keyed).id IS NULL THEN
          coalesce(t.denial, CASE WHEN made[t.position] THEN 12 ELSE 0 END)
        WHEN (t.keyed).inbox <> t.inbox THEN 4
        -- An edited message has another text by now, a recalled one none.
        WHEN coalesce((t.keyed).state, 0) & 3 = 0 AND (
          (t.keyed).type <> t.type OR (t.keyed).body <> t.body OR (t.keyed).extra <> t.extra
        ) THEN 4
        WHEN (t.keyed).id > held.since_id AND ((t.keyed).id >> 12) & 1023 = held.node
          THEN 1
        ELSE 11
      END,
      coalesce((t.keyed).id, t.new_id),
      coalesce((t.keyed).sent_ns, held.wall_us * 1000 + t.position - 1),
      coalesce((SELECT b.id FROM message b
            WHERE b.inbox = t.inbox AND b.id < coalesce((t.keyed).id, t.new_id)
              AND b.id > CASE WHEN has_watermarks THEN roost.watermark_for(t.sender) ELSE 0 END
            ORDER BY b.id DESC LIMIT 1), 0),
      t.version,
      CASE WHEN t.inbox < 0 OR has_direct_entries THEN coalesce((
          SELECT b.id FROM entry b WHERE b.inbox = t.inbox AND NOT b.quiet AND b.id < coalesce((t.keyed).id, t.new_id) ORDER BY b.id DESC LIMIT 1
        ), 0) ELSE 0 END,
      t.sender, t.inbox
    FROM (
      SELECT *, CASE WHEN n.client_id <> '' THEN (
        SELECT k FROM message k WHERE k.sender = n.sender AND k.client_id = n.client_id AND k.id < n.new_id
      ) END AS keyed
      FROM (
        SELECT *, roost.id_after(first_id, u.position - 1) AS new_id
        FROM unnest(
            inboxes, senders, versions, denials, a_to_groups, a_types, a_bodies, a_extras, client_ids
          ) WITH ORDINALITY
          AS u (inbox, sender, version, denial, to_group, type, body, extra, client_id, position)
      ) n
      OFFSET 0
    ) t
    ORDER BY t.position;
  END IF;
  RETURN QUERY
    SELECT CASE WHEN acked > held.last_id THEN 6 ELSE 5 END::bigint,
      0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint
    FROM unnest(a_ack_ids) WITH ORDINALITY AS t (acked, position) ORDER BY position;
END $$;


-- Why a talk may not name these; null if it may. a_inbox: 0 for a receiver without an account.
CREATE OR REPLACE FUNCTION roost.link_denial(
  a_app text, a_sender bigint, a_inbox bigint, a_sender_name text, a_dest text, a_mentions text, a_reply bigint,
  a_media text
) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  IF a_mentions = '*' THEN
    IF a_inbox >= 0 OR roost.standing(-a_inbox, a_sender) NOT IN ('admin', 'owner', 'system') THEN
      RETURN 15;
    END IF;
  ELSIF a_mentions <> '' AND EXISTS (
    SELECT FROM (
      SELECT n.name, roost.account_number(a_app, n.name) AS account
      FROM unnest(string_to_array(a_mentions, ',')) AS n (name) OFFSET 0
    ) t
    WHERE CASE WHEN a_inbox >= 0 THEN t.name NOT IN (a_sender_name, a_dest)
      ELSE (
        SELECT true FROM member m
        WHERE m.chat_group = -a_inbox AND m.account = t.account AND m.until_id IS NULL) IS NULL
      END
  ) THEN
    RETURN 14;
  END IF;
  IF a_media <> '' AND NOT roost.are_media_usable(a_sender, a_media) THEN RETURN 24; END IF;
  IF a_reply <> 0 AND NOT EXISTS (
    SELECT FROM message m WHERE m.id = a_reply AND m.id > roost.watermark_of(a_app) AND CASE
      WHEN a_inbox < 0 THEN m.inbox = a_inbox AND coalesce((
    SELECT w.until_id IS NULL OR w.until_id > m.id FROM roost.member w
    WHERE w.account = a_sender AND w.chat_group = -a_inbox AND w.from_id < m.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(a_sender, -a_inbox))
      ELSE m.sender = a_sender AND m.inbox = a_inbox OR m.sender = a_inbox AND m.inbox = a_sender
    END
  ) THEN
    RETURN 16;
  END IF;
  RETURN null;
END $$;

-- Posts a message, if it was stored, under its thread, and to whom it mentions but for its sender.
CREATE OR REPLACE FUNCTION roost.add_links(a_id bigint, a_app text, a_media text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  added roost.message;
BEGIN
  SELECT * INTO added FROM message m WHERE m.id = a_id;
  IF added.id IS NULL THEN RETURN; END IF;
  IF a_media <> '' THEN PERFORM roost.add_media(a_id, a_media); END IF;
  IF added.reply_to IS NOT NULL THEN
    INSERT INTO reply (id, root)
      VALUES (a_id, coalesce((SELECT r.root FROM reply r WHERE r.id = added.reply_to), added.reply_to));
  END IF;
  INSERT INTO mention (account, other, id)
    SELECT DISTINCT t.account, CASE WHEN added.inbox > 0 THEN added.sender ELSE added.inbox END, a_id
    FROM (
      SELECT CASE WHEN n.name = '*' THEN 0 ELSE roost.account_number(a_app, n.name) END AS account
      FROM unnest(string_to_array(added.mentions, ',')) AS n (name)
    ) t
    WHERE t.account <> added.sender;
END $$;


CREATE OR REPLACE FUNCTION roost.right_in_group(
  a_action text, is_live boolean, is_closed boolean, has_approval boolean, is_for_admins boolean, a_actor text,
  is_muted boolean, has_left boolean, a_target text, is_self boolean, is_willing boolean
) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN NOT is_live THEN CASE
      WHEN a_action = 'dismiss' AND a_actor IN ('owner', 'system') OR a_action = 'quit' AND has_left THEN 'unchanged'
      ELSE 'notFound'
    END
    WHEN a_action = 'see' THEN CASE WHEN a_actor = 'stranger' THEN 'forbidden' ELSE 'allowed' END
    WHEN a_action = 'alias' THEN CASE WHEN a_actor IN ('stranger', 'system') THEN 'forbidden' ELSE 'allowed' END
    WHEN a_action = 'talk' THEN CASE
      WHEN a_actor = 'system' THEN 'allowed'
      WHEN a_actor = 'stranger' THEN 'forbidden'
      WHEN is_muted THEN 'muted'
      WHEN is_for_admins AND a_actor = 'member' THEN 'forAdmins'
      ELSE 'allowed'
    END
    WHEN a_action IN ('join', 'joinInvited', 'request') THEN CASE
      WHEN a_actor = 'system' THEN 'forbidden'
      WHEN a_actor <> 'stranger' THEN 'unchanged'
      WHEN a_action = 'joinInvited' THEN 'allowed'
      WHEN is_closed THEN 'closed'
      WHEN a_action = 'join' THEN CASE WHEN has_approval THEN 'approval' ELSE 'allowed' END
      WHEN has_approval THEN 'allowed'
      ELSE 'noApproval'
    END
    WHEN a_action = 'quit' THEN CASE
      WHEN a_actor NOT IN ('stranger', 'system') THEN 'allowed'
      WHEN has_left THEN 'unchanged'
      ELSE 'forbidden'
    END
    WHEN a_action = 'transfer' THEN CASE
      WHEN a_actor <> 'stranger' AND a_target = 'owner' THEN 'unchanged'
      WHEN a_actor NOT IN ('owner', 'system') THEN 'forbidden'
      WHEN a_target IN ('stranger', 'system') THEN 'noMember'
      WHEN is_willing THEN 'allowed'
      ELSE 'unwilling'
    END
    WHEN a_action = 'role' THEN CASE
      WHEN a_actor NOT IN ('owner', 'system') OR is_self OR a_target = 'owner' THEN 'forbidden'
      WHEN a_target IN ('stranger', 'system') THEN 'noMember'
      ELSE 'allowed'
    END
    WHEN a_action = 'dismiss' THEN CASE
      WHEN a_actor IN ('owner', 'system') THEN 'allowed'
      ELSE 'forbidden'
    END
    WHEN a_actor NOT IN ('admin', 'owner', 'system') THEN 'forbidden'
    WHEN a_action IN ('mentionAll', 'update', 'pin', 'invite', 'seeRequests', 'decline') THEN 'allowed'
    WHEN a_action = 'add' THEN CASE
      WHEN a_target = 'system' THEN 'forbidden'
      WHEN a_target <> 'stranger' THEN 'unchanged'
      WHEN is_willing THEN 'allowed'
      ELSE 'unwilling'
    END
    WHEN a_action = 'accept' THEN CASE WHEN a_target = 'stranger' THEN 'allowed' ELSE 'unchanged' END
    WHEN a_action = 'remove' THEN CASE
      WHEN is_self OR a_target = 'owner' THEN 'forbidden'
      WHEN a_target IN ('stranger', 'system') THEN 'unchanged'
      WHEN array_position(ARRAY['stranger', 'member', 'admin', 'owner', 'system'], a_actor) > array_position(ARRAY['stranger', 'member', 'admin', 'owner', 'system'], a_target) THEN 'allowed'
      ELSE 'forbidden'
    END
    WHEN a_action = 'mute' THEN CASE
      WHEN a_target IN ('stranger', 'system') THEN 'noMember'
      WHEN array_position(ARRAY['stranger', 'member', 'admin', 'owner', 'system'], a_actor) > array_position(ARRAY['stranger', 'member', 'admin', 'owner', 'system'], a_target) THEN 'allowed'
      ELSE 'forbidden'
    END
  END;
$$;


CREATE OR REPLACE FUNCTION roost.group_number(a_app text, a_group text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT g.number FROM roost.chat_group g WHERE g.app = a_app AND g.id = a_group);
END $$;

-- Whether an account is the system of the app of a group.
CREATE OR REPLACE FUNCTION roost.is_system_of(a_account bigint, a_group bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM roost.account a JOIN roost.chat_group g ON g.app = a.app
    WHERE a.number = a_account AND a.name = '@system' AND g.number = a_group);
END $$;

-- Standing of store/group-rights.ts. In a group that has ended, only who owned it last is no stranger.
CREATE OR REPLACE FUNCTION roost.standing(a_group bigint, a_account bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((
    SELECT CASE
      WHEN g.owner = a_account THEN 'owner'
      WHEN g.member_count > 0 THEN (
        SELECT CASE WHEN m.role > 0 THEN 'admin' ELSE 'member' END FROM roost.member m
        WHERE m.chat_group = a_group AND m.account = a_account AND m.until_id IS NULL)
    END FROM roost.chat_group g WHERE g.number = a_group),
    CASE WHEN roost.is_system_of(a_account, a_group) THEN 'system' ELSE 'stranger' END);
END $$;

-- Whether an account may do something in a group, to another if it concerns one. It is not for talks: talk_right is.
CREATE OR REPLACE FUNCTION roost.right_of(
  a_action text, a_group bigint, a_actor bigint, a_target bigint DEFAULT null, is_self boolean DEFAULT false,
  is_willing boolean DEFAULT true
) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  its roost.chat_group;
  has_left boolean := false;
BEGIN
  SELECT * INTO its FROM roost.chat_group g WHERE g.number = a_group;
  IF its.number IS NULL THEN RETURN 'notFound'; END IF;
  -- Whoever was a member of a group when it was dismissed has left it, before and after its row is closed.
  IF a_action = 'quit' THEN
    has_left := EXISTS (
      SELECT FROM roost.member m
      WHERE m.account = a_actor AND m.chat_group = a_group AND (m.until_id IS NOT NULL OR its.dismissed_id > 0));
  END IF;
  RETURN roost.right_in_group(
    a_action, its.member_count > 0, its.closed, its.approval, its.for_admins, roost.standing(a_group, a_actor), false,
    has_left, roost.standing(a_group, a_target), coalesce(is_self, false), is_willing);
END $$;

CREATE OR REPLACE FUNCTION roost.account_names(a_numbers bigint[]) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(
    SELECT (SELECT a.name FROM roost.account a WHERE a.number = t.number)
    FROM unnest(a_numbers) WITH ORDINALITY AS t (number, position) ORDER BY t.position);
END $$;

-- The owner and the admins of a group, by their numbers.
CREATE OR REPLACE FUNCTION roost.admins_of(a_group bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(
    SELECT g.owner FROM roost.chat_group g WHERE g.number = a_group
    UNION
    SELECT m.account FROM roost.member m WHERE m.chat_group = a_group AND m.role > 0 AND m.until_id IS NULL
    ORDER BY 1);
END $$;


-- Writes an entry of a group, or of the actor's partner in a direct conversation (a pin), and returns it as
-- groups/answers.ts reads it. a_count: null for the number of a_accounts.
CREATE OR REPLACE FUNCTION roost.add_entry(
  a_id bigint, a_inbox bigint, a_actor bigint, a_kind integer, a_at_ns bigint, a_accounts bigint[] DEFAULT '{}',
  a_value bigint DEFAULT 0, a_count bigint DEFAULT null, is_quiet boolean DEFAULT false, a_refers bigint DEFAULT 0,
  ends boolean DEFAULT false
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  named CONSTANT bigint[] := a_accounts[1:100];
  its_count CONSTANT bigint := coalesce(a_count, cardinality(a_accounts));
  previous CONSTANT bigint := coalesce((
    SELECT e.id FROM entry e WHERE e.inbox = a_inbox AND NOT e.quiet ORDER BY e.id DESC LIMIT 1), 0);
BEGIN
  INSERT INTO entry (id, inbox, actor, refers, at_ns, kind, is_off, accounts, count, value, quiet)
    VALUES (a_id, a_inbox, a_actor, a_refers, a_at_ns, a_kind, ends, nullif(named, '{}'), its_count, a_value, is_quiet);
  RETURN json_build_object(
    'entryId', a_id::text, 'kind', a_kind, 'refersTo', a_refers::text, 'actor', roost.account_name(a_actor),
    'time', a_at_ns::text, 'account', coalesce(roost.account_name(a_inbox), ''),
    'group', coalesce((SELECT g.id FROM chat_group g WHERE g.number = -a_inbox), ''), 'isOff', ends,
    'accounts', roost.account_names(named), 'count', its_count, 'value', a_value::text,
    'previousEntryId', previous::text, 'isQuiet', is_quiet);
END $$;


-- Adds accounts that are no members and were checked before. A mute stays with the account.
CREATE OR REPLACE FUNCTION roost.add_members(
  a_group bigint, a_actor bigint, a_accounts bigint[], a_is_own boolean, a_id bigint, a_wall_us bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  members bigint;
BEGIN
  INSERT INTO member (chat_group, account, from_id, joined_ms, is_own, muted_until)
    SELECT a_group, t.account, a_id, a_wall_us / 1000, a_is_own, coalesce((
      SELECT m.muted_until FROM member m
      WHERE m.account = t.account AND m.chat_group = a_group ORDER BY m.from_id DESC LIMIT 1), 0)
    FROM unnest(a_accounts) WITH ORDINALITY AS t (account, position) ORDER BY t.position;
  DELETE FROM join_request r WHERE r.chat_group = a_group AND r.account = ANY (a_accounts);
  UPDATE chat_group g SET version = a_id, member_count = g.member_count + cardinality(a_accounts)
    WHERE g.number = a_group RETURNING g.member_count INTO members;
  RETURN roost.add_entry(
    a_id, -a_group, a_actor, 18, a_wall_us * 1000, a_accounts,
    is_quiet => members > 500);
END $$;

-- The row of a member becomes that of an owner, who has no role besides, and whom nobody could unmute.
CREATE OR REPLACE FUNCTION roost.make_owner(a_group bigint, a_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE member m SET role = 0, muted_until = 0
    WHERE m.chat_group = a_group AND m.account = a_account AND m.until_id IS NULL;
END $$;

-- Ends the membership of members. Of an owner who leaves, the longest member inherits: members are numbered in the
-- order of joining.
CREATE OR REPLACE FUNCTION roost.end_members(
  a_group bigint, a_actor bigint, a_accounts bigint[], a_id bigint, a_wall_us bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  members bigint;
  heir bigint;
BEGIN
  -- Each is looked up by the key, however many members there are.
  UPDATE member SET until_id = a_id WHERE number = ANY (ARRAY(
    SELECT (
      SELECT m.number FROM member m
      WHERE m.chat_group = a_group AND m.account = t.account AND m.until_id IS NULL)
    FROM unnest(a_accounts) AS t (account)));
  IF (SELECT g.owner FROM chat_group g WHERE g.number = a_group) = ANY (a_accounts) THEN
    SELECT m.account INTO heir FROM member m WHERE m.chat_group BETWEEN a_group AND a_group AND m.until_id IS NULL ORDER BY m.chat_group, m.number LIMIT 1;
    PERFORM roost.make_owner(a_group, heir);
  END IF;
  UPDATE chat_group g SET version = a_id, member_count = g.member_count - cardinality(a_accounts),
      owner = coalesce(heir, g.owner), closing = g.member_count = cardinality(a_accounts)
    WHERE g.number = a_group RETURNING g.member_count INTO members;
  RETURN roost.add_entry(
    a_id, -a_group, a_actor,
    CASE WHEN a_accounts = ARRAY[a_actor] THEN 19 ELSE 20 END,
    a_wall_us * 1000, a_accounts, is_quiet => members > 500);
END $$;


CREATE OR REPLACE FUNCTION roost.add_accounts(a_apps text[], a_names text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO account (app, name)
    SELECT DISTINCT t.app, t.name FROM unnest(a_apps, a_names) AS t (app, name)
    WHERE (SELECT true FROM account a WHERE a.app = t.app AND a.name = t.name) IS NULL
    ORDER BY t.app, t.name;
END $$;

-- The numbers of accounts, which are made where they are not known, in the order of their names.
CREATE OR REPLACE FUNCTION roost.account_numbers(a_app text, a_names text[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
  PERFORM roost.add_accounts(array_fill(a_app, ARRAY[cardinality(a_names)]), a_names);
  RETURN ARRAY(
    SELECT (SELECT a.number FROM account a WHERE a.app = a_app AND a.name = t.name)
    FROM unnest(a_names) WITH ORDINALITY AS t (name, position) ORDER BY t.position);
END $$;

-- Counts the groups of accounts that have not been counted yet.
CREATE OR REPLACE FUNCTION roost.count_groups(a_accounts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO group_count (account, own, put)
    SELECT t.account, 0, 0
    FROM (SELECT DISTINCT account FROM unnest(a_accounts) account) t
    WHERE (SELECT true FROM group_count c WHERE c.account = t.account) IS NULL;
END $$;

-- Whoever adds a row, a restore of data included, gets the count of now: memberships that are added later are counted
-- then.
CREATE OR REPLACE FUNCTION roost.count_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  SELECT count(*) FILTER (WHERE m.is_own), count(*) FILTER (WHERE NOT m.is_own) INTO NEW.own, NEW.put
    FROM roost.member m WHERE m.account = NEW.account AND m.until_id IS NULL;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION roost.count_member() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.until_id IS NULL THEN
    UPDATE roost.group_count c SET own = c.own - OLD.is_own::integer, put = c.put - 1 + OLD.is_own::integer
      WHERE c.account = OLD.account;
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.until_id IS NULL THEN
    UPDATE roost.group_count c SET own = c.own + NEW.is_own::integer, put = c.put + 1 - NEW.is_own::integer
      WHERE c.account = NEW.account;
  END IF;
  RETURN null;
END $$;

CREATE OR REPLACE FUNCTION roost.count_none() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  TRUNCATE roost.group_count;
  RETURN null;
END $$;

-- What was changed without them is counted again. TRUNCATE would wait for a backup.
DELETE FROM roost.group_count;
CREATE OR REPLACE TRIGGER account_counted BEFORE INSERT ON roost.group_count
  FOR EACH ROW EXECUTE FUNCTION roost.count_account();
CREATE OR REPLACE TRIGGER member_entered AFTER INSERT ON roost.member
  FOR EACH ROW WHEN (NEW.until_id IS NULL) EXECUTE FUNCTION roost.count_member();
CREATE OR REPLACE TRIGGER member_changed AFTER UPDATE OF account, until_id, is_own ON roost.member
  FOR EACH ROW WHEN (OLD.until_id IS NULL OR NEW.until_id IS NULL) EXECUTE FUNCTION roost.count_member();
CREATE OR REPLACE TRIGGER member_left AFTER DELETE ON roost.member
  FOR EACH ROW WHEN (OLD.until_id IS NULL) EXECUTE FUNCTION roost.count_member();
CREATE OR REPLACE TRIGGER member_truncated AFTER TRUNCATE ON roost.member
  FOR EACH STATEMENT EXECUTE FUNCTION roost.count_none();


CREATE OR REPLACE FUNCTION roost.change_members(
  a_holder text, a_life text, a_changes json, a_own_max bigint, a_put_max bigint, a_members_max bigint
) RETURNS TABLE (
  outcome bigint, number_1 bigint, number_2 bigint, number_3 bigint, number_4 bigint, number_5 bigint
)
LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
#variable_conflict use_column
DECLARE
  held record;
  -- The last id that is taken, and what the next change would take.
  last_id bigint;
  next_id bigint;
  wall_ms bigint;
  change json;
  changed chat_group;
  kind text;
  answer bigint[];
BEGIN
  held := roost.hold(a_holder, a_life);
  last_id := held.last_id;
  wall_ms := held.wall_us / 1000;
  FOR change IN SELECT value FROM json_array_elements(a_changes) LOOP
    kind := change ->> 'kind';
    next_id := roost.first_id(last_id, wall_ms, held.node);
    SELECT * INTO changed FROM chat_group g WHERE g.app = change ->> 'app' AND g.id = change ->> 'group';
    IF kind = 'create' THEN
      answer := roost.create_group(change, changed.number, next_id, held.wall_us, a_own_max, a_put_max);
    ELSIF kind = 'enter' THEN
      answer := roost.enter_members(change, changed.number, next_id, held.wall_us, a_put_max);
    ELSIF kind = 'join' THEN
      answer := roost.join_group(
        change, changed.number, next_id, held.wall_us, a_own_max, a_put_max, a_members_max);
    ELSE
      answer := roost.quit_group(change, changed.number, next_id, held.wall_us);
    END IF;
    IF answer[1] IN (9, 7, 23) THEN
      last_id := next_id;
    END IF;
    RETURN QUERY SELECT answer[1], answer[2], answer[3], answer[4], answer[5], answer[6];
  END LOOP;
  IF last_id <> held.last_id THEN PERFORM roost.move_last(last_id, wall_ms); END IF;
END $$;


-- Makes a group with its owner, the first of the members, and the others of them, who may be all.
CREATE OR REPLACE FUNCTION roost.create_group(
  a_draft json, a_existing bigint, a_id bigint, a_wall_us bigint, a_own_max bigint, a_put_max bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_draft ->> 'app';
  -- A program of schema 3 names all members at once.
  is_whole CONSTANT boolean := coalesce((a_draft ->> 'isWhole')::boolean, true);
  names CONSTANT text[] := ARRAY(SELECT json_array_elements_text(a_draft -> 'members'));
  owner_number bigint;
  new_number bigint;
  put bigint[];
BEGIN
  -- 128 random bits meet only when a caller repeats a request whose answer it did not get.
  IF a_existing IS NOT NULL THEN
    -- A group of a former schema has no entry of its creation.
    RETURN (
      SELECT ARRAY[7, g.version, 0, 0, 0, coalesce((
        SELECT e.at_ns FROM entry e
        WHERE e.inbox = -a_existing AND e.kind = 16 ORDER BY e.id LIMIT 1),
        g.created_ms * 1000000)]
      FROM chat_group g WHERE g.number = a_existing);
  END IF;
  owner_number := (roost.account_numbers(its_app, names[1:1]))[1];
  PERFORM roost.count_groups(ARRAY[owner_number]);
  IF (SELECT c.own >= a_own_max FROM group_count c WHERE c.account = owner_number) THEN
    RETURN ARRAY[8, 0, 0, 0, 0, 0];
  END IF;
  INSERT INTO chat_group (app, id, name, avatar, introduction, owner, closed, created_ms, version, member_count)
    VALUES (its_app, a_draft ->> 'group', a_draft ->> 'name', a_draft ->> 'avatar', a_draft ->> 'introduction',
      owner_number, (a_draft ->> 'closed')::boolean, a_wall_us / 1000, a_id, 0)
    RETURNING number INTO new_number;
  INSERT INTO member (chat_group, account, from_id, joined_ms, is_own)
    VALUES (new_number, owner_number, a_id, a_wall_us / 1000, true);
  put := roost.put_accounts(new_number, owner_number, its_app, names[2:], a_id, a_wall_us, a_put_max);
  IF is_whole THEN
    RETURN ARRAY[put[1], a_id] || put[2:] || roost.publish_group(new_number, a_id, a_wall_us);
  END IF;
  INSERT INTO unfinished_group (chat_group, step) VALUES (new_number, 0);
  RETURN ARRAY[put[1], 0] || put[2:] || 0::bigint;
END $$;

-- Lets further members into a group that is being created.
CREATE OR REPLACE FUNCTION roost.enter_members(
  a_slice json, a_group bigint, a_id bigint, a_wall_us bigint, a_put_max bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  put bigint[];
BEGIN
  UPDATE unfinished_group u SET step = u.step + 1 WHERE u.chat_group = a_group AND u.step >= 0;
  IF NOT FOUND THEN RETURN ARRAY[3, 0, 0, 0, 0, 0]; END IF;
  put := roost.put_accounts(
    a_group, (SELECT g.owner FROM chat_group g WHERE g.number = a_group), a_slice ->> 'app',
    ARRAY(SELECT json_array_elements_text(a_slice -> 'members')), a_id, a_wall_us, a_put_max);
  IF NOT (a_slice ->> 'isLast')::boolean THEN RETURN ARRAY[put[1], 0] || put[2:] || 0::bigint; END IF;
  DELETE FROM unfinished_group u WHERE u.chat_group = a_group;
  RETURN ARRAY[put[1], a_id] || put[2:] || roost.publish_group(a_group, a_id, a_wall_us);
END $$;

-- Puts accounts into a group, but for those that are in as many as may be already, or do not let the owner: returns the
-- outcome, and three words of bits that say which were left out.
CREATE OR REPLACE FUNCTION roost.put_accounts(
  a_group bigint, a_owner bigint, a_app text, a_names text[], a_id bigint, a_wall_us bigint, a_put_max bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  accounts bigint[];
  any_guarded boolean;
  entered bigint;
  left_out bigint[];
BEGIN
  IF cardinality(a_names) = 0 THEN RETURN ARRAY[7, 0, 0, 0]; END IF;
  accounts := roost.account_numbers(a_app, a_names);
  PERFORM roost.count_groups(accounts);
  any_guarded := EXISTS (SELECT FROM roost.guard g WHERE g.account = ANY (accounts));
  INSERT INTO member (chat_group, account, from_id, joined_ms)
    SELECT a_group, t.account, a_id, a_wall_us / 1000
    FROM unnest(accounts) WITH ORDINALITY AS t (account, position)
    WHERE (SELECT c.put FROM group_count c WHERE c.account = t.account) < a_put_max
      AND (NOT any_guarded OR roost.may_reach(a_owner, t.account, 'add'))
    ORDER BY t.position
    ON CONFLICT (chat_group, account) WHERE until_id IS NULL DO NOTHING;
  GET DIAGNOSTICS entered = ROW_COUNT;
  IF entered = cardinality(accounts) THEN RETURN ARRAY[7, 0, 0, 0]; END IF;
  left_out := ARRAY(
    SELECT t.position
    FROM unnest(accounts[1:192]) WITH ORDINALITY AS t (account, position)
    WHERE (
      SELECT true FROM member m WHERE m.chat_group = a_group AND m.account = t.account AND m.until_id IS NULL) IS NULL);
  -- Whoever lets the owner was left out for the number of its groups.
  RETURN ARRAY[CASE
      WHEN EXISTS (
        SELECT FROM unnest(left_out) AS t (position)
        WHERE NOT any_guarded OR roost.may_reach(a_owner, accounts[t.position], 'add')
      ) THEN 23
      ELSE 7 END::bigint]
    || ARRAY(
      SELECT coalesce((
        SELECT bit_or(1::bigint << ((t.position - 1) & 63)::integer)
        FROM unnest(left_out) AS t (position)
        WHERE (t.position - 1) / 64 = word.number
      ), 0)
      FROM generate_series(0, 2) AS word (number) ORDER BY word.number);
END $$;

-- The group is complete: it becomes visible by the entry that names its first members. Returns the entry's time.
CREATE OR REPLACE FUNCTION roost.publish_group(a_group bigint, a_id bigint, a_wall_us bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  its roost.chat_group;
BEGIN
  UPDATE chat_group g SET version = a_id, member_count = (
      SELECT count(*) FROM (SELECT FROM member m WHERE m.chat_group BETWEEN a_group AND a_group AND m.until_id IS NULL ORDER BY m.chat_group, m.number) n)
    WHERE g.number = a_group RETURNING * INTO its;
  PERFORM roost.add_entry(
    a_id, -a_group, its.owner, 16, a_wall_us * 1000,
    ARRAY(
      SELECT m.account FROM member m WHERE m.chat_group BETWEEN a_group AND a_group AND m.until_id IS NULL ORDER BY m.chat_group, m.number LIMIT 100),
    a_count => its.member_count);
  RETURN a_wall_us * 1000;
END $$;

-- Takes back members of a group that was given up at this step, at most so many. Nobody has seen it; its number stays
-- taken.
CREATE OR REPLACE FUNCTION roost.drop_unfinished(
  a_holder text, a_life text, a_group bigint, a_step bigint, a_rows bigint
) RETURNS bigint LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  dropped bigint;
BEGIN
  PERFORM roost.hold(a_holder, a_life);
  UPDATE unfinished_group u SET step = -1 WHERE u.chat_group = a_group AND u.step = a_step;
  IF NOT FOUND THEN RETURN 0; END IF;
  DELETE FROM member WHERE number IN (
    SELECT m.number FROM member m WHERE m.chat_group = a_group AND m.until_id IS NULL LIMIT a_rows);
  GET DIAGNOSTICS dropped = ROW_COUNT;
  IF dropped < a_rows THEN DELETE FROM unfinished_group u WHERE u.chat_group = a_group; END IF;
  RETURN dropped;
END $$;


CREATE OR REPLACE FUNCTION roost.join_group(
  a_change json, a_group bigint, a_id bigint, a_wall_us bigint,
  a_own_max bigint, a_put_max bigint, a_members_max bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_change ->> 'app';
  joins_itself CONSTANT boolean := a_change ->> 'actor' = a_change ->> 'account';
  actor bigint := roost.account_number(its_app, a_change ->> 'actor');
  target bigint := roost.account_number(its_app, a_change ->> 'account');
  verdict text;
  its roost.chat_group;
  counted roost.group_count;
BEGIN
  verdict := CASE WHEN joins_itself THEN roost.right_of('join', a_group, actor)
    ELSE roost.right_of('add', a_group, actor, target) END;
  IF verdict = 'allowed' AND NOT joins_itself AND NOT roost.may_reach(actor, target, 'add') THEN
    verdict := 'unwilling';
  END IF;
  IF verdict <> 'allowed' THEN RETURN ARRAY[CASE verdict
      WHEN 'notFound' THEN 3
      WHEN 'unchanged' THEN 10
      WHEN 'closed' THEN 20
      WHEN 'approval' THEN 21
      WHEN 'unwilling' THEN 19
      ELSE 2 END, 0, 0, 0, 0, 0]; END IF;
  SELECT * INTO its FROM chat_group g WHERE g.number = a_group;
  IF its.member_count >= a_members_max THEN RETURN ARRAY[8, 2, 0, 0, 0, 0]; END IF;
  target := coalesce(target, (roost.account_numbers(its_app, ARRAY[a_change ->> 'account']))[1]);
  PERFORM roost.count_groups(ARRAY[target]);
  SELECT * INTO counted FROM group_count c WHERE c.account = target;
  IF joins_itself AND counted.own >= a_own_max THEN RETURN ARRAY[8, 0, 0, 0, 0, 0]; END IF;
  IF NOT joins_itself AND counted.put >= a_put_max THEN
    RETURN ARRAY[8, 1, 0, 0, 0, 0];
  END IF;
  RETURN roost.changed_by(its.version, roost.add_members(
    a_group, coalesce(actor, target), ARRAY[target], joins_itself, a_id, a_wall_us));
END $$;

CREATE OR REPLACE FUNCTION roost.quit_group(a_change json, a_group bigint, a_id bigint, a_wall_us bigint)
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_change ->> 'app';
  actor CONSTANT bigint := roost.account_number(its_app, a_change ->> 'actor');
  target CONSTANT bigint := roost.account_number(its_app, a_change ->> 'account');
  verdict CONSTANT text := CASE
    WHEN a_change ->> 'actor' = a_change ->> 'account' THEN roost.right_of('quit', a_group, actor)
    ELSE roost.right_of('remove', a_group, actor, target) END;
BEGIN
  IF verdict <> 'allowed' THEN RETURN ARRAY[CASE verdict
      WHEN 'notFound' THEN 3
      WHEN 'unchanged' THEN 10
      WHEN 'closed' THEN 20
      WHEN 'approval' THEN 21
      WHEN 'unwilling' THEN 19
      ELSE 2 END, 0, 0, 0, 0, 0]; END IF;
  RETURN roost.changed_by(
    (SELECT g.version FROM chat_group g WHERE g.number = a_group),
    roost.end_members(a_group, actor, ARRAY[target], a_id, a_wall_us));
END $$;

CREATE OR REPLACE FUNCTION roost.changed_by(a_version_before bigint, a_entry json) RETURNS bigint[]
LANGUAGE plpgsql AS $$
BEGIN
  RETURN ARRAY[
    9, a_version_before, (a_entry ->> 'entryId')::bigint, (a_entry ->> 'time')::bigint,
    (a_entry ->> 'previousEntryId')::bigint, (a_entry ->> 'isQuiet')::boolean::integer];
END $$;


CREATE OR REPLACE FUNCTION roost.save_look(
  a_turn bigint, a_ran_ms bigint, a_leapt_ms bigint, a_later_ms bigint, a_latest_ms bigint,
  a_horizons json, a_marks json, a_life text
) RETURNS boolean LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  trusted_ms bigint;
BEGIN
  UPDATE look l SET turn = l.turn + 1, ran_ms = a_ran_ms, leapt_ms = a_leapt_ms WHERE l.turn = a_turn;
  IF NOT FOUND THEN RETURN false; END IF;
  -- A restored store may have the same turn.
  IF a_life IS NOT NULL THEN PERFORM roost.require_life(a_life); END IF;
  DELETE FROM horizon h WHERE h.kind IN ('messages', 'time');
  INSERT INTO horizon SELECT * FROM json_populate_recordset(null::horizon, a_horizons);
  IF a_later_ms > 0 THEN
    UPDATE mark m SET at_ms = greatest(m.at_ms, least(m.at_ms + a_later_ms, a_latest_ms));
  END IF;
  INSERT INTO mark SELECT * FROM json_populate_recordset(null::mark, a_marks) ON CONFLICT (id) DO NOTHING;
  SELECT h.at_ms INTO trusted_ms FROM horizon h WHERE h.kind = 'time';
  UPDATE app_data d SET watermark_id = roost.last_id_at(trusted_ms - d.keep_days * 86400000)
    WHERE d.keep_days > 0 AND roost.last_id_at(trusted_ms - d.keep_days * 86400000) > d.watermark_id;
  RETURN true;
END $$;


CREATE OR REPLACE FUNCTION roost.last_id_at(a_wall_ms bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT m.id FROM roost.mark m WHERE m.at_ms <= a_wall_ms ORDER BY m.at_ms DESC, m.id DESC LIMIT 1;
$$;


CREATE OR REPLACE FUNCTION roost.delete_slice(
  a_above_id bigint, a_end_id bigint, a_rows integer, a_life text,
  OUT next_id bigint, OUT messages bigint, OUT is_busy boolean
) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  last_deleted bigint;
  deleted_ids bigint[];
  windows bigint;
  entries bigint;
BEGIN
  messages := 0;
  is_busy := NOT pg_try_advisory_xact_lock(hashtextextended('roost.purge', 0));
  IF is_busy THEN RETURN; END IF;
  IF a_life IS NOT NULL THEN PERFORM roost.require_life(a_life); END IF;
  -- A slice that is lost in a crash is deleted again: nobody waits for the disk.
  PERFORM set_config('synchronous_commit', 'off', true);
  WITH deleted AS (
    DELETE FROM message WHERE id IN (
      SELECT m.id FROM message m WHERE m.id > a_above_id AND m.id <= a_end_id ORDER BY m.id LIMIT a_rows)
    RETURNING id
  ) SELECT max(id), count(*), array_agg(id) INTO last_deleted, messages, deleted_ids FROM deleted;
  -- Later statements: a change that this waited for is seen (change-functions.ts).
  DELETE FROM entry USING unnest(deleted_ids) AS gone (id) WHERE entry.refers = gone.id;
  DELETE FROM mention USING unnest(deleted_ids) AS gone (id) WHERE mention.id = gone.id;
  DELETE FROM reply USING unnest(deleted_ids) AS gone (id) WHERE reply.id = gone.id;
  DELETE FROM reaction USING unnest(deleted_ids) AS gone (id) WHERE reaction.message = gone.id;
  DELETE FROM reaction_count USING unnest(deleted_ids) AS gone (id) WHERE reaction_count.message = gone.id;
  DELETE FROM hidden USING unnest(deleted_ids) AS gone (id) WHERE hidden.id = gone.id;
  DELETE FROM pin USING unnest(deleted_ids) AS gone (id) WHERE pin.message = gone.id;
  DELETE FROM media_use USING unnest(deleted_ids) AS gone (id) WHERE media_use.message = gone.id;
  -- Entries of groups are about no message.
  DELETE FROM entry WHERE id IN (SELECT e.id FROM entry e WHERE e.id <= a_end_id ORDER BY e.id LIMIT a_rows);
  GET DIAGNOSTICS entries = ROW_COUNT;
  WITH deleted AS (
    DELETE FROM member WHERE number IN (
      SELECT m.number FROM member m WHERE m.until_id <= a_end_id ORDER BY m.until_id LIMIT a_rows)
    RETURNING number
  ) SELECT count(*) INTO windows FROM deleted;
  IF greatest(messages, windows, entries) >= a_rows THEN
    next_id := coalesce(last_deleted, a_above_id);
  ELSE
    -- The newest mark of what is gone is the one that is asked for.
    DELETE FROM mark m WHERE m.id < a_end_id;
  END IF;
END $$;


CREATE OR REPLACE FUNCTION roost.purge_slice(a_above_id bigint, a_rows integer, a_life text) RETURNS bigint
LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  end_id bigint;
  keyed_id bigint;
  told_id bigint;
  unprotected_id bigint;
BEGIN
  IF a_life IS NOT NULL THEN PERFORM roost.require_life(a_life); END IF;
  SELECT roost.last_id_at(least(h.at_ms, roost.wall_us() / 1000 - h.keep_ms)),
      roost.last_id_at(least(h.at_ms + h.keep_ms, roost.wall_us() / 1000) - 604800000)
    INTO end_id, unprotected_id
    FROM horizon h WHERE h.kind = 'messages';
  SELECT m.id INTO keyed_id
    FROM mark m WHERE m.ran_ms <= (SELECT l.ran_ms FROM look l) - 86400000 ORDER BY m.id DESC LIMIT 1;
  IF end_id IS NULL OR keyed_id IS NULL THEN RETURN null; END IF;
  -- What webhooks were not told is kept for a while. Of the lanes that are told something:
  SELECT min(least(
      CASE WHEN k.events LIKE '%message.undelivered%' THEN k.undelivered END,
      CASE WHEN k.events ~ 'message[.](stored|edited|recalled)|group[.]changed' THEN k.told END))
    INTO told_id FROM hook k;
  end_id := least(end_id, keyed_id, greatest(coalesce(told_id, 9223372036854775807), coalesce(unprotected_id, 0)));
  UPDATE hook k SET lost = k.lost + (
      SELECT count(*)
      FROM (
        SELECT m.id, m.sender FROM message m WHERE m.id > a_above_id AND m.id <= end_id ORDER BY m.id LIMIT a_rows
      ) gone
      WHERE gone.id > k.told AND (SELECT a.app FROM account a WHERE a.number = gone.sender) = k.app)
    WHERE k.told < end_id AND k.events LIKE '%message.stored%';
  RETURN (roost.delete_slice(a_above_id, end_id, a_rows, a_life)).next_id;
END $$;


CREATE OR REPLACE FUNCTION roost.revoke(
  a_holder text, a_life text, a_app text, a_account text, a_kind text, a_device text,
  a_before_ms bigint, a_kept_max bigint
) RETURNS bigint LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
  new_id bigint;
  known_ms bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  SELECT max(r.before_ms) INTO known_ms FROM revocation r
    WHERE r.app = a_app AND r.account = a_account AND r.kind = a_kind AND r.device IS NOT DISTINCT FROM a_device;
  IF known_ms IS NULL AND (SELECT count(*) FROM revocation) >= a_kept_max THEN
    DELETE FROM revocation r WHERE r.kind = 'kick' AND r.before_ms < held.wall_us / 1000 - 2592000000;
    IF (SELECT count(*) FROM revocation) >= a_kept_max THEN RETURN null; END IF;
  END IF;
  DELETE FROM revocation r
    WHERE r.app = a_app AND r.account = a_account AND r.kind = a_kind AND r.device IS NOT DISTINCT FROM a_device;
  new_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
  INSERT INTO revocation (id, app, account, kind, device, before_ms)
    VALUES (new_id, a_app, a_account, a_kind, a_device, greatest(a_before_ms, known_ms));
  PERFORM roost.move_last(new_id, held.wall_us / 1000);
  RETURN new_id;
END $$;


-- The key as it is stored now; no row if too many are in force.
CREATE OR REPLACE FUNCTION roost.create_key(
  a_holder text, a_life text, a_id text, a_hash text, a_app text, a_scopes text, a_name text
) RETURNS SETOF roost.api_key LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
  new_id bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  IF NOT EXISTS (SELECT FROM api_key k WHERE k.hash = a_hash) THEN
    IF (SELECT count(*) FROM api_key) >= 1000 THEN
      DELETE FROM api_key k WHERE k.id =
        (SELECT r.id FROM api_key r WHERE r.revoked_ms > 0 ORDER BY r.revoked_ms, r.version LIMIT 1);
      IF NOT FOUND THEN RETURN; END IF;
    END IF;
    new_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
    INSERT INTO api_key (id, hash, app, scopes, name, created_ms, revoked_ms, version)
      VALUES (a_id, a_hash, a_app, a_scopes, a_name, held.wall_us / 1000, 0, new_id);
    PERFORM roost.move_last(new_id, held.wall_us / 1000);
  END IF;
  RETURN QUERY SELECT * FROM api_key k WHERE k.hash = a_hash;
END $$;

-- The key as it is stored now; no row if there is none.
CREATE OR REPLACE FUNCTION roost.revoke_key(a_holder text, a_life text, a_id text)
RETURNS SETOF roost.api_key LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
  new_id bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  IF EXISTS (SELECT FROM api_key k WHERE k.id = a_id AND k.revoked_ms = 0) THEN
    new_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
    UPDATE api_key k SET revoked_ms = held.wall_us / 1000, version = new_id WHERE k.id = a_id;
    PERFORM roost.move_last(new_id, held.wall_us / 1000);
  END IF;
  RETURN QUERY SELECT * FROM api_key k WHERE k.id = a_id;
END $$;

-- An a_until_ms of 0 ends a ban. Returns the new id of the account's revocation; null if a_kept_max others are stored;
-- 0 if there was no ban to end.
CREATE OR REPLACE FUNCTION roost.ban(
  a_holder text, a_life text, a_app text, a_account text, a_before_ms bigint, a_until_ms bigint, a_kept_max bigint
) RETURNS bigint LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  new_id bigint;
BEGIN
  PERFORM roost.hold(a_holder, a_life);
  IF a_until_ms = 0 THEN
    DELETE FROM ban b WHERE b.app = a_app AND b.account = a_account;
    IF NOT FOUND THEN RETURN 0; END IF;
  END IF;
  new_id := roost.revoke(a_holder, a_life, a_app, a_account, 'revoke', null, a_before_ms, a_kept_max);
  IF new_id IS NOT NULL AND a_until_ms > 0 THEN
    INSERT INTO ban (app, account, until_ms) VALUES (a_app, a_account, a_until_ms)
      ON CONFLICT (app, account) DO UPDATE SET until_ms = excluded.until_ms;
  END IF;
  RETURN new_id;
END $$;


CREATE OR REPLACE FUNCTION roost.set_hook(
  a_holder text, a_life text, a_app text, a_name text, a_url text, a_secret text, a_events text, a_fail_open boolean
) RETURNS text LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
  new_id bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  new_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
  UPDATE hook h SET version = new_id, url = a_url, secret = a_secret, events = a_events, fail_open = a_fail_open
    WHERE h.app = a_app AND h.name = a_name;
  IF FOUND THEN
    PERFORM roost.move_last(new_id, held.wall_us / 1000);
    RETURN 'changed';
  END IF;
  IF (SELECT count(*) FROM hook) >= 64 THEN RETURN 'full'; END IF;
  INSERT INTO hook (id, version, told, undelivered, fail_open, app, name, url, secret, events)
    VALUES (new_id, new_id, new_id, new_id, a_fail_open, a_app, a_name, a_url, a_secret, a_events);
  PERFORM roost.move_last(new_id, held.wall_us / 1000);
  RETURN 'created';
END $$;

CREATE OR REPLACE FUNCTION roost.remove_hook(a_holder text, a_life text, a_app text, a_name text)
RETURNS boolean LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  removed bigint;
BEGIN
  PERFORM roost.hold(a_holder, a_life);
  DELETE FROM hook h WHERE h.app = a_app AND h.name = a_name RETURNING h.id INTO removed;
  DELETE FROM hook_batch b WHERE b.hook = removed;
  RETURN removed IS NOT NULL;
END $$;

-- Nobody waits behind what is replayed: what followed it was told long ago. A null id is all.
CREATE OR REPLACE FUNCTION roost.replay_hook(
  a_holder text, a_life text, a_app text, a_name text, a_webhook_id text
) RETURNS bigint LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
  new_id bigint;
  replayed bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  UPDATE hook_batch b SET state = 'aside', conversation = '', attempts = 0, due_ms = 0
    WHERE b.hook = (SELECT h.id FROM hook h WHERE h.app = a_app AND h.name = a_name) AND b.state = 'dead'
      AND (a_webhook_id IS NULL OR b.webhook_id = a_webhook_id);
  GET DIAGNOSTICS replayed = ROW_COUNT;
  IF replayed > 0 THEN
    new_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
    UPDATE hook h SET version = new_id WHERE h.app = a_app AND h.name = a_name;
    PERFORM roost.move_last(new_id, held.wall_us / 1000);
  END IF;
  RETURN replayed;
END $$;

-- The lease now, whoever has it.
CREATE OR REPLACE FUNCTION roost.lease_hooks(
  a_life text, a_holder text, a_seen_holder text, a_seen_beat bigint, OUT holder text, OUT beat bigint
) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  PERFORM roost.require_life(a_life);
  -- A table that was emptied by hand.
  INSERT INTO hook_lease (beat, holder) VALUES (0, '') ON CONFLICT DO NOTHING;
  UPDATE hook_lease l SET holder = a_holder, beat = l.beat + 1
    WHERE l.holder = a_seen_holder AND l.beat = a_seen_beat;
  SELECT l.holder, l.beat INTO holder, beat FROM hook_lease l;
END $$;

-- What a batch may name: a process that saves it has read the log before the data of an account were deleted.
CREATE OR REPLACE FUNCTION roost.known_refs(a_app text, a_lane text, a_refs text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_lane = 'log' THEN RETURN a_refs; END IF;
  RETURN (
    SELECT coalesce(string_agg(r.ref, ',' ORDER BY r.position), '')
    FROM unnest(string_to_array(a_refs, ',')) WITH ORDINALITY AS r (ref, position)
    JOIN roost.message m ON m.id = split_part(r.ref, '/', 1)::bigint
    JOIN roost.account a ON a.app = a_app AND a.name = substr(r.ref, strpos(r.ref, '/') + 1)
    -- Somebody else may have the name by now.
    WHERE m.inbox = a.number
      OR EXISTS (SELECT FROM roost.member b WHERE b.account = a.number AND b.chat_group = -m.inbox));
END $$;

-- Of the lane undelivered, a receiver and the conversation; that is '' and a group, or two accounts.
CREATE OR REPLACE FUNCTION roost.known_conversation(a_app text, a_lane text, a_conversation text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  names text[] := string_to_array(a_conversation, ',');
  place integer := CASE WHEN a_lane = 'log' THEN 1 ELSE 2 END;
BEGIN
  IF names[place] = '' THEN names := names[:place - 1]; END IF;
  RETURN CASE WHEN NOT EXISTS (
    SELECT FROM unnest(names) AS n (name) WHERE roost.account_number(a_app, n.name) IS NULL
  ) THEN a_conversation ELSE '' END;
END $$;

-- False, and nothing is changed, if somebody else has the lease.
CREATE OR REPLACE FUNCTION roost.save_hooks(a_life text, a_holder text, a_changes jsonb)
RETURNS boolean LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  c jsonb;
  b jsonb;
BEGIN
  PERFORM roost.require_life(a_life);
  PERFORM FROM hook_lease l WHERE l.holder = a_holder FOR SHARE;
  IF NOT FOUND THEN RETURN false; END IF;
  FOR c IN SELECT * FROM jsonb_array_elements(a_changes) LOOP
    CASE c->>'change'
      WHEN 'move' THEN
        IF c->>'lane' = 'log' THEN
          UPDATE hook h SET told = greatest(h.told, (c->>'position')::bigint) WHERE h.id = (c->>'endpoint')::bigint;
        ELSE
          UPDATE hook h SET undelivered = greatest(h.undelivered, (c->>'position')::bigint)
            WHERE h.id = (c->>'endpoint')::bigint;
        END IF;
      WHEN 'drop' THEN
        DELETE FROM hook_batch t WHERE t.hook = (c->>'endpoint')::bigint AND t.webhook_id = c->>'webhookId';
      WHEN 'lose' THEN
        UPDATE hook h SET lost = h.lost + (c->>'events')::bigint WHERE h.id = (c->>'endpoint')::bigint;
      WHEN 'put' THEN
        b := c->'batch';
        INSERT INTO hook_batch AS t
            (hook, up_to, due_ms, attempts, webhook_id, lane, state, refs, conversation, reason)
          SELECT h.id, (b->>'upTo')::bigint, (b->>'dueMs')::bigint, (b->>'attempts')::integer, b->>'webhookId',
            b->>'lane', b->>'state', roost.known_refs(h.app, b->>'lane', b->>'refs'),
            roost.known_conversation(h.app, b->>'lane', b->>'conversation'), b->>'reason'
          FROM hook h WHERE h.id = (b->>'endpoint')::bigint
          ON CONFLICT (hook, webhook_id) DO UPDATE SET up_to = excluded.up_to, due_ms = excluded.due_ms,
            attempts = excluded.attempts, lane = excluded.lane, state = excluded.state, refs = excluded.refs,
            conversation = excluded.conversation, reason = excluded.reason;
        DELETE FROM hook_batch t
          WHERE t.hook = (b->>'endpoint')::bigint AND t.webhook_id = b->>'webhookId' AND t.refs = '';
    END CASE;
  END LOOP;
  RETURN true;
END $$;

-- Takes the name of a deleted account out of some batches behind a_position, in the order of numbers; reached: the
-- last of them, null if there was none. Who delivers has some in memory, and goes on: what it saves from now on does
-- not name the account either (save_hooks).
CREATE OR REPLACE FUNCTION roost.erase_in_hooks(
  a_app text, a_name text, a_position bigint, OUT reached bigint, OUT changed bigint
) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  numbers bigint[];
BEGIN
  -- What is being saved is committed first, and seen below.
  PERFORM FROM hook_lease FOR UPDATE;
  numbers := ARRAY(
    SELECT b.number FROM hook_batch b JOIN hook h ON h.id = b.hook
    WHERE h.app = a_app AND b.number > a_position ORDER BY b.number LIMIT 100);
  reached := numbers[cardinality(numbers)];
  UPDATE hook_batch b SET refs = n.refs, conversation = n.conversation, reason = replace(b.reason, a_name, '…')
    FROM (
      SELECT t.number,
        CASE WHEN t.lane = 'log' THEN t.refs ELSE coalesce((
          SELECT string_agg(r.ref, ',' ORDER BY r.position)
          FROM unnest(string_to_array(t.refs, ',')) WITH ORDINALITY AS r (ref, position)
          WHERE substr(r.ref, strpos(r.ref, '/') + 1) <> a_name), '') END AS refs,
        CASE WHEN a_name = ANY (string_to_array(t.conversation, ',')) THEN '' ELSE t.conversation END AS conversation
      FROM hook_batch t WHERE t.number = ANY (numbers)
    ) n
    WHERE b.number = n.number
      AND (b.refs <> n.refs OR b.conversation <> n.conversation OR strpos(b.reason, a_name) > 0);
  GET DIAGNOSTICS changed = ROW_COUNT;
  DELETE FROM hook_batch b WHERE b.number = ANY (numbers) AND b.refs = '';
END $$;


-- The watermark of an app (store/data.ts): nothing up to this id is read or changed any more. 0 without one.
CREATE OR REPLACE FUNCTION roost.watermark_of(a_app text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT d.watermark_id FROM roost.app_data d WHERE d.app = a_app), 0);
END $$;

-- That of the app of an account.
CREATE OR REPLACE FUNCTION roost.watermark_for(a_account bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((
    SELECT d.watermark_id FROM roost.app_data d
    WHERE d.app = (SELECT a.app FROM roost.account a WHERE a.number = a_account)), 0);
END $$;

-- A conversation of an account as its settings name it; null if the account never had it.
CREATE OR REPLACE FUNCTION roost.conversation_of(a_app text, a_me bigint, a_to_group boolean, a_dest text)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_to_group THEN
    RETURN (
      SELECT -g.number FROM roost.chat_group g
      WHERE g.app = a_app AND g.id = a_dest
        AND (EXISTS (SELECT FROM roost.member m WHERE m.account = a_me AND m.chat_group = g.number)
          OR roost.is_system_of(a_me, g.number))
        AND NOT EXISTS (SELECT FROM roost.unfinished_group u WHERE u.chat_group = g.number));
  END IF;
  RETURN (
    SELECT c.other FROM roost.account a JOIN roost.conversation c ON c.account = a_me AND c.other = a.number
    WHERE a.app = a_app AND a.name = a_dest
      AND (EXISTS (
        SELECT FROM roost.message m
        WHERE m.inbox >= 1 AND m.sender = a.number AND m.inbox = a_me AND m.id > roost.watermark_for(a_me)) OR EXISTS (
        SELECT FROM roost.message m
        WHERE m.inbox >= 1 AND m.sender = a_me AND m.inbox = a.number AND m.id > roost.watermark_for(a_me))));
END $$;

-- Whether an account is the system of the app of another one.
CREATE OR REPLACE FUNCTION roost.is_system_for(a_account bigint, a_other bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM roost.account a JOIN roost.account o ON o.app = a.app
    WHERE a.number = a_account AND a.name = '@system' AND o.number = a_other);
END $$;

CREATE OR REPLACE FUNCTION roost.account_number(a_app text, a_name text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT a.number FROM roost.account a WHERE a.app = a_app AND a.name = a_name);
END $$;

CREATE OR REPLACE FUNCTION roost.account_name(a_number bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT a.name FROM roost.account a WHERE a.number = a_number);
END $$;


CREATE OR REPLACE FUNCTION roost.right_to(
  a_action text, is_author boolean, may_read boolean, may_talk boolean, is_admin boolean, is_recalled boolean,
  is_recent boolean
) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN NOT may_read THEN 'notFound'
    WHEN a_action = 'edit' THEN CASE
      WHEN NOT is_author OR NOT may_talk THEN 'forbidden'
      WHEN is_recalled THEN 'recalled'
      WHEN is_recent THEN 'allowed'
      ELSE 'late'
    END
    WHEN a_action = 'recall' THEN CASE
      WHEN NOT is_author AND NOT is_admin THEN 'forbidden'
      WHEN is_recalled THEN 'unchanged'
      WHEN is_admin OR is_recent THEN 'allowed'
      ELSE 'late'
    END
    WHEN NOT may_talk THEN 'forbidden'
    WHEN is_recalled THEN 'recalled'
    ELSE 'allowed'
  END;
$$;


CREATE OR REPLACE FUNCTION roost.change_conversations(a_holder text, a_life text, a_changes json)
RETURNS TABLE (answer text) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
  last_id bigint;
  next_id bigint;
  change json;
  is_own boolean;
  me bigint;
  given json;
BEGIN
  held := roost.hold(a_holder, a_life);
  last_id := held.last_id;
  FOR change IN SELECT value FROM json_array_elements(a_changes) LOOP
    next_id := roost.first_id(last_id, held.wall_us / 1000, held.node);
    IF change ->> 'kind' IN ('people', 'media', 'group') THEN
      IF change ->> 'kind' = 'media' THEN
        given := roost.change_media(change -> 'call', next_id, (change ->> 'unnamedMax')::bigint,
          (change ->> 'unnamedBytesMax')::bigint);
        IF given ->> 'result' = 'stored' THEN last_id := next_id; END IF;
      ELSIF change ->> 'kind' = 'people' THEN
        given := roost.change_people(change -> 'call', next_id, (change ->> 'blocksMax')::bigint);
        IF given ->> 'result' = 'stored' THEN last_id := next_id; END IF;
      ELSE
        given := roost.call_group(change -> 'call', change -> 'bounds', next_id, held.wall_us);
        last_id := coalesce((given ->> 'lastId')::bigint, last_id);
      END IF;
      answer := given::text;
      RETURN NEXT;
      CONTINUE;
    END IF;
    is_own := change ->> 'kind' IN ('set', 'hide');
    me := roost.account_number(change ->> 'app', change ->> CASE WHEN is_own THEN 'account' ELSE 'actor' END);
    IF change ->> 'kind' = 'set' THEN
      given := roost.set_conversation(change, me, next_id, last_id);
    ELSIF change ->> 'kind' = 'hide' THEN
      given := roost.hide_messages(change, me, next_id);
    ELSE
      given := roost.change_message(change, me, next_id, held.wall_us * 1000);
    END IF;
    IF given ->> 'result' = 'stored' THEN last_id := next_id; END IF;
    answer := given::text;
    RETURN NEXT;
  END LOOP;
  IF last_id <> held.last_id THEN PERFORM roost.move_last(last_id, held.wall_us / 1000); END IF;
END $$;


CREATE OR REPLACE FUNCTION roost.change_message(a_change json, a_me bigint, a_id bigint, a_at_ns bigint)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  action CONSTANT text := a_change ->> 'kind';
  window_ms CONSTANT bigint := coalesce((a_change ->> 'windowMs')::bigint, 0);
  changed roost.message;
  its_group roost.chat_group;
  verdict text;
  former roost.entry;
  partner bigint;
  to_inbox bigint;
BEGIN
  SELECT * INTO changed FROM message m WHERE m.id = (a_change ->> 'messageId')::bigint FOR UPDATE SKIP LOCKED;
  IF changed.id IS NULL OR a_me IS NULL OR changed.id <= roost.watermark_of(a_change ->> 'app') THEN
    RETURN json_build_object('result', 'notFound');
  END IF;
  IF action = 'edit' AND a_change ->> 'clientId' <> '' THEN
    SELECT * INTO former FROM entry e
      WHERE e.refers = changed.id AND e.kind = 1 AND e.actor = a_me
        AND e.client_id IN (a_change ->> 'clientId', roost.erased_client_id(a_me, a_change ->> 'clientId'))
      ORDER BY e.id LIMIT 1;
    IF FOUND THEN RETURN roost.unchanged_by(former); END IF;
  END IF;
  IF changed.inbox < 0 THEN
    SELECT * INTO its_group FROM chat_group g WHERE g.number = -changed.inbox;
  ELSE
    partner := CASE WHEN changed.sender = a_me THEN changed.inbox ELSE changed.sender END;
  END IF;
  to_inbox := coalesce(partner, changed.inbox);
  verdict := roost.right_to(
    action, changed.sender = a_me, (changed.id > roost.watermark_for(a_me)
    AND (changed.sender = a_me OR changed.inbox = a_me
    OR CASE WHEN changed.inbox < 0 THEN coalesce((
    SELECT w.until_id IS NULL OR w.until_id > changed.id FROM roost.member w
    WHERE w.account = a_me AND w.chat_group = -changed.inbox AND w.from_id < changed.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(a_me, -changed.inbox))
      ELSE roost.is_system_for(a_me, changed.sender) END)),
    CASE WHEN changed.inbox > 0 THEN roost.may_reach(a_me, partner, 'write')
      ELSE roost.talk_right(-changed.inbox, a_me, a_at_ns / 1000000000) = 'allowed' END,
    changed.inbox < 0 AND its_group.member_count > 0
      AND roost.standing(-changed.inbox, a_me) IN ('admin', 'owner', 'system'),
    coalesce(changed.state, 0) & 2 <> 0,
    window_ms > 0 AND a_at_ns - changed.sent_ns <= window_ms * 1000000);
  IF verdict = 'unchanged' THEN
    SELECT * INTO former FROM entry e WHERE e.refers = changed.id AND e.kind = 2 LIMIT 1;
    RETURN roost.unchanged_by(former);
  END IF;
  IF verdict <> 'allowed' THEN RETURN json_build_object('result', verdict); END IF;

  IF action = 'edit' THEN
    UPDATE message m SET body = a_change ->> 'body', extra = a_change ->> 'extra',
        state = coalesce(m.state, 0) | 1
      WHERE m.id = changed.id;
  ELSIF action = 'recall' THEN
    PERFORM roost.erase_messages(ARRAY[changed.id]);
  ELSE
    verdict := roost.react(changed.id, a_me, a_change ->> 'reaction', (a_change ->> 'isOff')::boolean, a_id);
    IF verdict = 'full' THEN RETURN json_build_object('result', verdict); END IF;
    IF verdict = '0' THEN
      -- What took it back, if that was lately: repeating it is free of charge.
      SELECT * INTO former FROM (
          SELECT * FROM entry e WHERE e.inbox = to_inbox ORDER BY e.id DESC LIMIT 64) e
        WHERE e.refers = changed.id AND e.actor = a_me AND e.reaction = a_change ->> 'reaction'
        ORDER BY e.id DESC LIMIT 1;
      RETURN roost.unchanged_by(former);
    ELSIF verdict IS NOT NULL THEN
      SELECT * INTO former FROM entry e WHERE e.id = verdict::bigint;
      RETURN roost.unchanged_by(former);
    END IF;
  END IF;
  INSERT INTO entry (id, inbox, actor, refers, at_ns, kind, is_off, client_id, reaction)
    VALUES (a_id, to_inbox, a_me, changed.id, a_at_ns,
      CASE action WHEN 'edit' THEN 1 WHEN 'recall' THEN 2
        ELSE 3 END,
      coalesce((a_change ->> 'isOff')::boolean, false), nullif(a_change ->> 'clientId', ''), a_change ->> 'reaction');
  RETURN json_build_object(
    'result', 'stored', 'entryId', a_id::text, 'time', a_at_ns::text,
    'account', coalesce(roost.account_name(partner), ''), 'group', coalesce(its_group.id, ''),
    'groupVersion', coalesce(its_group.version, 0)::text,
    'previousEntryId', coalesce(
      (SELECT e.id FROM entry e WHERE e.inbox = to_inbox AND NOT e.quiet AND e.id < a_id ORDER BY e.id DESC LIMIT 1),
      0)::text);
END $$;

CREATE OR REPLACE FUNCTION roost.unchanged_by(a_entry roost.entry) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  RETURN json_build_object('result', 'unchanged', 'entryId', coalesce(a_entry.id, 0)::text,
    'time', coalesce(a_entry.at_ns, 0)::text);
END $$;

-- Null if the reaction was added or removed; else 'full', or the entry that had done it (0 if none).
CREATE OR REPLACE FUNCTION roost.react(a_message bigint, a_me bigint, a_reaction text, a_is_off boolean, a_id bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  former bigint;
BEGIN
  SELECT r.entry INTO former FROM reaction r
    WHERE r.message = a_message AND r.reaction = a_reaction AND r.account = a_me;
  IF a_is_off THEN
    IF former IS NULL THEN RETURN '0'; END IF;
    DELETE FROM reaction r WHERE r.message = a_message AND r.reaction = a_reaction AND r.account = a_me;
    UPDATE reaction_count c SET accounts = c.accounts - 1 WHERE c.message = a_message AND c.reaction = a_reaction;
    DELETE FROM reaction_count c WHERE c.message = a_message AND c.reaction = a_reaction AND c.accounts = 0;
    RETURN null;
  END IF;
  IF former IS NOT NULL THEN RETURN former::text; END IF;
  UPDATE reaction_count c SET accounts = c.accounts + 1 WHERE c.message = a_message AND c.reaction = a_reaction;
  IF NOT FOUND THEN
    IF (SELECT count(*) FROM reaction_count c WHERE c.message = a_message) >= 20 THEN
      RETURN 'full';
    END IF;
    INSERT INTO reaction_count (message, accounts, reaction) VALUES (a_message, 1, a_reaction);
  END IF;
  INSERT INTO reaction (message, account, entry, reaction) VALUES (a_message, a_me, a_id, a_reaction);
  RETURN null;
END $$;


CREATE OR REPLACE FUNCTION roost.set_conversation(a_change json, a_me bigint, a_id bigint, a_last_id bigint)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  its_other bigint;
  former roost.conversation;
  changed roost.conversation;
  hides CONSTANT boolean := (a_change ->> 'isHidden')::boolean;
BEGIN
  its_other := roost.conversation_of(
    a_change ->> 'app', a_me, (a_change ->> 'toGroup')::boolean, a_change ->> 'dest');
  IF its_other IS NULL THEN RETURN json_build_object('result', 'notFound'); END IF;
  SELECT * INTO former FROM conversation c WHERE c.account = a_me AND c.other = its_other;
  IF NOT FOUND THEN former := (a_me, its_other, 0, 0, 0, false, false); END IF;
  changed := former;
  changed.is_pinned := coalesce((a_change ->> 'isPinned')::boolean, former.is_pinned);
  changed.is_muted := coalesce((a_change ->> 'isMuted')::boolean, former.is_muted);
  changed.cleared_id := greatest(
    former.cleared_id, least(coalesce((a_change ->> 'clearUpTo')::bigint, 0), a_last_id));
  IF hides IS FALSE THEN
    changed.hidden_id := 0;
  ELSIF hides AND (former.hidden_id = 0 OR cardinality(roost.ids_after(
    a_me, its_other, greatest(former.hidden_id, former.cleared_id, roost.watermark_for(a_me)), 9223372036854775807, 0, 1)) > 0
    OR EXISTS (
      SELECT FROM member m
      WHERE m.account = a_me AND m.chat_group = -its_other AND m.from_id > former.hidden_id)
  ) THEN
    changed.hidden_id := a_id;
  END IF;
  IF changed = former THEN
    RETURN json_build_object('result', 'unchanged', 'version', former.version::text);
  END IF;
  IF changed.is_pinned AND NOT former.is_pinned
    AND (SELECT count(*) FROM conversation c WHERE c.account = a_me AND c.is_pinned) >= 100
  THEN
    RETURN json_build_object('result', 'full');
  END IF;
  changed.version := a_id;
  INSERT INTO conversation SELECT changed.*
    ON CONFLICT (account, other) DO UPDATE SET hidden_id = excluded.hidden_id, cleared_id = excluded.cleared_id,
      version = excluded.version, is_pinned = excluded.is_pinned, is_muted = excluded.is_muted;
  RETURN json_build_object('result', 'stored', 'version', a_id::text);
END $$;

CREATE OR REPLACE FUNCTION roost.hide_messages(a_change json, a_me bigint, a_id bigint)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  ids CONSTANT bigint[] := ARRAY(
    SELECT value::bigint FROM json_array_elements_text(a_change -> 'messageIds') ORDER BY value::bigint);
  fresh CONSTANT bigint[] := ARRAY(
    SELECT m.id
    FROM message m
    WHERE m.id = ANY (ids) AND (m.id > roost.watermark_for(a_me)
    AND (m.sender = a_me OR m.inbox = a_me
    OR CASE WHEN m.inbox < 0 THEN coalesce((
    SELECT w.until_id IS NULL OR w.until_id > m.id FROM roost.member w
    WHERE w.account = a_me AND w.chat_group = -m.inbox AND w.from_id < m.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(a_me, -m.inbox))
      ELSE roost.is_system_for(a_me, m.sender) END))
      AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) AND NOT coalesce((
    SELECT c.cleared_id >= m.id FROM roost.conversation c
    WHERE c.account = a_me AND c.other = CASE WHEN m.inbox = a_me THEN m.sender ELSE m.inbox END), false)
    FOR UPDATE OF m SKIP LOCKED);
BEGIN
  IF cardinality(fresh) = 0 THEN
    RETURN json_build_object('result', 'unchanged', 'version', coalesce(
      (SELECT max(h.version) FROM hidden h WHERE h.account = a_me AND h.id = ANY (ids)), 0)::text);
  END IF;
  IF (SELECT count(*) FROM hidden h WHERE h.account = a_me) + cardinality(fresh) > 10000 THEN
    RETURN json_build_object('result', 'full');
  END IF;
  INSERT INTO hidden (account, id, version) SELECT a_me, t.id, a_id FROM unnest(fresh) AS t (id);
  RETURN json_build_object('result', 'stored', 'version', a_id::text);
END $$;


CREATE OR REPLACE FUNCTION roost.move_cursors(
  a_life text, a_apps text[], a_accounts text[], a_to_groups boolean[], a_dests text[], a_ids bigint[]
) RETURNS TABLE (former_id bigint, read_id bigint, is_private boolean) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
#variable_conflict use_column
DECLARE
  last_id bigint;
  accounts bigint[];
  others bigint[];
  formers bigint[];
  -- The ids; null and -1 as above.
  targets bigint[];
BEGIN
  PERFORM roost.require_life(a_life);
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT s.last_id INTO last_id FROM sequence s;
  SELECT array_agg(t.me ORDER BY t.position), array_agg(t.other ORDER BY t.position),
      array_agg(t.former ORDER BY t.position),
      array_agg(CASE
        WHEN t.id > last_id OR t.id < 0 THEN -1
        WHEN t.other IS NULL OR t.me IS NULL THEN null
        WHEN t.id <= t.former THEN t.id
        WHEN EXISTS (
          SELECT FROM message m WHERE m.id = t.id AND m.id > roost.watermark_of(t.app) AND CASE
            WHEN t.other < 0 THEN m.inbox = t.other AND coalesce((
    SELECT w.until_id IS NULL OR w.until_id > m.id FROM roost.member w
    WHERE w.account = t.me AND w.chat_group = -t.other AND w.from_id < m.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(t.me, -t.other))
            ELSE m.sender = t.me AND m.inbox = t.other OR m.sender = t.other AND m.inbox = t.me
          END
        ) THEN t.id
      END ORDER BY t.position)
    INTO accounts, others, formers, targets
    FROM (
      SELECT n.*, coalesce(
        (SELECT c.read_id FROM read_cursor c WHERE c.account = n.me AND c.other = n.other), 0) AS former
      FROM (
        SELECT u.position, u.id, u.app,
          (SELECT a.number FROM account a WHERE a.app = u.app AND a.name = u.account) AS me,
          CASE WHEN u.to_group THEN (SELECT -g.number FROM chat_group g WHERE g.app = u.app AND g.id = u.dest)
            ELSE (SELECT a.number FROM account a WHERE a.app = u.app AND a.name = u.dest) END AS other
        FROM unnest(a_apps, a_accounts, a_to_groups, a_dests, a_ids) WITH ORDINALITY
          AS u (app, account, to_group, dest, id, position)
        OFFSET 0
      ) n
      OFFSET 0
    ) t;
  INSERT INTO read_cursor AS c (account, other, read_id)
    SELECT t.account, t.other, max(t.target)
    FROM unnest(accounts, others, targets, formers) AS t (account, other, target, former)
    WHERE t.target > t.former
    GROUP BY t.account, t.other
    ORDER BY t.account, t.other
    ON CONFLICT (account, other) DO UPDATE SET read_id = excluded.read_id WHERE excluded.read_id > c.read_id;
  RETURN QUERY
    SELECT
      CASE WHEN t.target >= 0 THEN
        -- An earlier mark of the batch may have moved it.
        greatest(t.former, max(t.target) OVER (
          PARTITION BY t.account, t.other ORDER BY t.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
      ELSE t.target END,
      coalesce((SELECT c.read_id FROM read_cursor c WHERE c.account = t.account AND c.other = t.other), 0),
      coalesce((
    SELECT true FROM roost.block b WHERE b.account = t.account AND b.blocked = t.other AND NOT b.is_off), false)
    FROM unnest(accounts, others, targets, formers) WITH ORDINALITY AS t (account, other, target, former, position)
    ORDER BY t.position;
END $$;


CREATE OR REPLACE FUNCTION roost.ids_before(
  a_me bigint, a_other bigint, a_above bigint, a_below bigint, a_root bigint, a_count bigint
) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_root > 0 THEN
    -- All of a thread is in one conversation: nobody searches another one's in vain. The retention may have deleted its
    -- first messages.
    IF NOT EXISTS (
      SELECT FROM roost.message m
      WHERE (CASE WHEN a_other < 0 THEN m.inbox = a_other
        ELSE m.sender = a_me AND m.inbox = a_other OR m.sender = a_other AND m.inbox = a_me END) AND m.id = coalesce(
        (SELECT f.id FROM roost.message f WHERE f.id = a_root),
        (SELECT r.id FROM roost.reply r WHERE r.root = a_root ORDER BY r.id LIMIT 1)))
    THEN
      RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT u.id FROM (
      (SELECT m.id FROM roost.message m WHERE m.id = a_root AND (CASE WHEN a_other < 0 THEN m.inbox = a_other
        ELSE m.sender = a_me AND m.inbox = a_other OR m.sender = a_other AND m.inbox = a_me END) AND (a_other > 0 OR coalesce((
    SELECT w.until_id IS NULL OR w.until_id > m.id FROM roost.member w
    WHERE w.account = a_me AND w.chat_group = -a_other AND w.from_id < m.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(a_me, -a_other))) AND m.id > a_above AND m.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) ORDER BY m.id DESC LIMIT a_count)
      UNION ALL
      (SELECT s.id FROM (
        SELECT 0::bigint AS from_id, 9223372036854775807::bigint AS until_id WHERE a_other > 0
        UNION ALL
        SELECT w.from_id, coalesce(w.until_id, 9223372036854775807) FROM ((SELECT * FROM (SELECT m.from_id, m.until_id FROM roost.member m WHERE m.account = a_me AND m.chat_group = -a_other
        ORDER BY m.from_id DESC LIMIT 1000) m)
        UNION ALL SELECT 0, null WHERE a_other < 0 AND roost.is_system_of(a_me, -a_other)) w WHERE a_other < 0
      ) w, LATERAL (
        SELECT r.id FROM roost.reply r JOIN roost.message m ON m.id = r.id
        WHERE r.root = a_root AND r.id > w.from_id AND r.id < w.until_id AND r.id > a_above AND r.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = r.id AND h.account = a_me), false) ORDER BY r.id DESC LIMIT a_count
      ) s ORDER BY s.id DESC LIMIT a_count)
    ) u ORDER BY u.id DESC LIMIT a_count);
  END IF;
  IF a_other = a_me THEN
    RETURN ARRAY(SELECT m.id FROM roost.message m
       WHERE m.sender = a_me AND m.inbox = a_me AND m.inbox >= 1 AND m.id > a_above AND m.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) ORDER BY m.id DESC LIMIT a_count);
  END IF;
  IF a_other > 0 THEN
    RETURN ARRAY(SELECT u.id FROM (
      (SELECT m.id FROM roost.message m
       WHERE m.sender = a_me AND m.inbox = a_other AND m.inbox >= 1 AND m.id > a_above AND m.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) ORDER BY m.id DESC LIMIT a_count)
      UNION ALL
      (SELECT m.id FROM roost.message m
       WHERE m.sender = a_other AND m.inbox = a_me AND m.inbox >= 1 AND m.id > a_above AND m.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) ORDER BY m.id DESC LIMIT a_count)
    ) u ORDER BY u.id DESC LIMIT a_count);
  END IF;
  RETURN ARRAY(
    SELECT s.id FROM ((SELECT * FROM (SELECT m.from_id, m.until_id FROM roost.member m WHERE m.account = a_me AND m.chat_group = -a_other
        ORDER BY m.from_id DESC LIMIT 1000) m)
        UNION ALL SELECT 0, null WHERE a_other < 0 AND roost.is_system_of(a_me, -a_other)) w, LATERAL (
      SELECT m.id FROM roost.message m
      WHERE m.inbox = a_other AND m.id > w.from_id AND m.id < coalesce(w.until_id, 9223372036854775807) AND m.id > a_above AND m.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) ORDER BY m.id DESC LIMIT a_count
    ) s
    ORDER BY s.id DESC LIMIT a_count);
END $$;


CREATE OR REPLACE FUNCTION roost.ids_after(
  a_me bigint, a_other bigint, a_above bigint, a_below bigint, a_root bigint, a_count bigint
) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_root > 0 THEN
    -- All of a thread is in one conversation: nobody searches another one's in vain. The retention may have deleted its
    -- first messages.
    IF NOT EXISTS (
      SELECT FROM roost.message m
      WHERE (CASE WHEN a_other < 0 THEN m.inbox = a_other
        ELSE m.sender = a_me AND m.inbox = a_other OR m.sender = a_other AND m.inbox = a_me END) AND m.id = coalesce(
        (SELECT f.id FROM roost.message f WHERE f.id = a_root),
        (SELECT r.id FROM roost.reply r WHERE r.root = a_root ORDER BY r.id LIMIT 1)))
    THEN
      RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT u.id FROM (
      (SELECT m.id FROM roost.message m WHERE m.id = a_root AND (CASE WHEN a_other < 0 THEN m.inbox = a_other
        ELSE m.sender = a_me AND m.inbox = a_other OR m.sender = a_other AND m.inbox = a_me END) AND (a_other > 0 OR coalesce((
    SELECT w.until_id IS NULL OR w.until_id > m.id FROM roost.member w
    WHERE w.account = a_me AND w.chat_group = -a_other AND w.from_id < m.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(a_me, -a_other))) AND m.id > a_above AND m.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) ORDER BY m.id ASC LIMIT a_count)
      UNION ALL
      (SELECT s.id FROM (
        SELECT 0::bigint AS from_id, 9223372036854775807::bigint AS until_id WHERE a_other > 0
        UNION ALL
        SELECT w.from_id, coalesce(w.until_id, 9223372036854775807) FROM ((SELECT * FROM (SELECT m.from_id, m.until_id FROM roost.member m WHERE m.account = a_me AND m.chat_group = -a_other
        ORDER BY m.from_id DESC LIMIT 1000) m)
        UNION ALL SELECT 0, null WHERE a_other < 0 AND roost.is_system_of(a_me, -a_other)) w WHERE a_other < 0
      ) w, LATERAL (
        SELECT r.id FROM roost.reply r JOIN roost.message m ON m.id = r.id
        WHERE r.root = a_root AND r.id > w.from_id AND r.id < w.until_id AND r.id > a_above AND r.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = r.id AND h.account = a_me), false) ORDER BY r.id ASC LIMIT a_count
      ) s ORDER BY s.id ASC LIMIT a_count)
    ) u ORDER BY u.id ASC LIMIT a_count);
  END IF;
  IF a_other = a_me THEN
    RETURN ARRAY(SELECT m.id FROM roost.message m
       WHERE m.sender = a_me AND m.inbox = a_me AND m.inbox >= 1 AND m.id > a_above AND m.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) ORDER BY m.id ASC LIMIT a_count);
  END IF;
  IF a_other > 0 THEN
    RETURN ARRAY(SELECT u.id FROM (
      (SELECT m.id FROM roost.message m
       WHERE m.sender = a_me AND m.inbox = a_other AND m.inbox >= 1 AND m.id > a_above AND m.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) ORDER BY m.id ASC LIMIT a_count)
      UNION ALL
      (SELECT m.id FROM roost.message m
       WHERE m.sender = a_other AND m.inbox = a_me AND m.inbox >= 1 AND m.id > a_above AND m.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) ORDER BY m.id ASC LIMIT a_count)
    ) u ORDER BY u.id ASC LIMIT a_count);
  END IF;
  RETURN ARRAY(
    SELECT s.id FROM ((SELECT * FROM (SELECT m.from_id, m.until_id FROM roost.member m WHERE m.account = a_me AND m.chat_group = -a_other
        ORDER BY m.from_id DESC LIMIT 1000) m)
        UNION ALL SELECT 0, null WHERE a_other < 0 AND roost.is_system_of(a_me, -a_other)) w, LATERAL (
      SELECT m.id FROM roost.message m
      WHERE m.inbox = a_other AND m.id > w.from_id AND m.id < coalesce(w.until_id, 9223372036854775807) AND m.id > a_above AND m.id < a_below AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) ORDER BY m.id ASC LIMIT a_count
    ) s
    ORDER BY s.id ASC LIMIT a_count);
END $$;


CREATE OR REPLACE FUNCTION roost.history_page(
  a_app text, a_account text, a_to_group boolean, a_dest text, a_at text, a_id bigint, a_limit bigint, a_thread bigint,
  OUT me bigint, OUT ids bigint[], OUT has_before boolean, OUT has_after boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  its_other bigint;
  cleared bigint;
  older bigint[] := '{}';
  newer bigint[] := '{}';
  -- How many of each to read; one more tells whether there are more.
  older_count bigint := CASE a_at WHEN 'after' THEN 0 WHEN 'around' THEN a_limit / 2 ELSE a_limit END;
  newer_count bigint := a_limit - older_count;
  middle bigint := CASE a_at WHEN 'newest' THEN 9223372036854775807 WHEN 'after' THEN a_id ELSE a_id - 1 END;
BEGIN
  me := roost.account_number(a_app, a_account);
  its_other := roost.conversation_of(a_app, me, a_to_group, a_dest);
  IF its_other IS NULL THEN RETURN; END IF;
  cleared := greatest(
    (SELECT c.cleared_id FROM roost.conversation c WHERE c.account = me AND c.other = its_other),
    roost.watermark_of(a_app));
  -- Up to the middle, and above it.
  older := roost.ids_before(me, its_other, cleared, CASE middle WHEN 9223372036854775807 THEN middle ELSE middle + 1 END, a_thread,
    older_count + 1);
  IF a_at <> 'newest' THEN
    newer := roost.ids_after(me, its_other, greatest(cleared, middle), 9223372036854775807, a_thread, newer_count + 1);
  END IF;
  has_before := cardinality(older) > older_count;
  has_after := cardinality(newer) > newer_count;
  ids := ARRAY(SELECT id FROM unnest(older[1:older_count]) id ORDER BY id) || newer[1:newer_count];
END $$;


CREATE OR REPLACE FUNCTION roost.newest_conversations(
  a_me bigint, a_before bigint, a_limit bigint, a_with_hidden boolean, a_among bigint[],
  OUT others bigint[], OUT activity_ids bigint[], OUT last_ids bigint[], OUT unpinned bigint, OUT oldest_id bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  watermark CONSTANT bigint := roost.watermark_for(a_me);
BEGIN
  WITH known AS MATERIALIZED (
    SELECT c.other, c.is_pinned, c.hidden_id, c.cleared_id, 0::bigint AS joined_id
    FROM roost.conversation c WHERE a_among IS NULL AND c.account = a_me AND c.other > 0
    UNION ALL
    SELECT c.other, c.is_pinned, c.hidden_id, c.cleared_id, 0
    FROM roost.conversation c WHERE a_among IS NOT NULL AND c.account = a_me AND c.is_pinned AND c.other > 0
    UNION ALL
    -- LIMIT makes it look each up by the key.
    SELECT c.other, c.is_pinned, c.hidden_id, c.cleared_id, 0
    FROM unnest(a_among) AS t (other), LATERAL (
      SELECT * FROM roost.conversation c WHERE c.account = a_me AND c.other = t.other LIMIT 1) c
    WHERE NOT c.is_pinned
    UNION ALL
    SELECT -w.chat_group, coalesce(c.is_pinned, false), coalesce(c.hidden_id, 0), coalesce(c.cleared_id, 0), w.joined_id
    FROM (
      SELECT m.chat_group, max(m.from_id) AS joined_id FROM roost.member m
      WHERE m.account = a_me AND NOT EXISTS (
        SELECT FROM roost.unfinished_group u WHERE u.chat_group = m.chat_group)
      GROUP BY m.chat_group
    ) w
    LEFT JOIN LATERAL (
      SELECT * FROM roost.conversation c WHERE c.account = a_me AND c.other = -w.chat_group LIMIT 1
    ) c ON true
  ), active AS MATERIALIZED (
    SELECT k.*, coalesce(CASE
      WHEN k.other > 0 THEN greatest(
        (SELECT m.id FROM roost.message m
        WHERE m.sender = a_me AND m.inbox = k.other AND m.inbox >= 1 AND m.id > k.cleared_id
          AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false)
        ORDER BY m.id DESC LIMIT 1),
        (SELECT m.id FROM roost.message m
        WHERE m.sender = k.other AND m.inbox = a_me AND m.inbox >= 1 AND m.id > k.cleared_id
          AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false)
        ORDER BY m.id DESC LIMIT 1))
      ELSE (
        SELECT max(s.id) FROM (SELECT m.from_id, m.until_id FROM roost.member m WHERE m.account = a_me AND m.chat_group = -k.other
        ORDER BY m.from_id DESC LIMIT 1000) w, LATERAL (
          SELECT m.id FROM roost.message m
          WHERE m.inbox = k.other AND m.id > greatest(w.from_id, k.cleared_id) AND m.id < coalesce(w.until_id, 9223372036854775807)
            AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false)
          ORDER BY m.id DESC LIMIT 1) s)
      END, 0) AS last_id
    FROM (
      SELECT n.other, n.is_pinned, n.hidden_id, greatest(n.cleared_id, watermark) AS cleared_id, n.joined_id
      FROM known n
    ) k
  ), shown AS MATERIALIZED (
    SELECT a.other, a.is_pinned, a.last_id, greatest(a.last_id, a.joined_id) AS activity_id
    FROM active a
    WHERE greatest(a.last_id, a.joined_id) > 0
      AND (a_with_hidden OR greatest(a.last_id, a.joined_id) > a.hidden_id)
  ), page AS (
    (SELECT s.* FROM shown s WHERE s.is_pinned AND a_before = 0)
    UNION ALL
    (SELECT s.* FROM shown s
     WHERE NOT s.is_pinned AND (a_before = 0 OR s.activity_id < a_before)
     ORDER BY s.activity_id DESC LIMIT a_limit + 1)
  )
  SELECT array_agg(p.other ORDER BY p.is_pinned DESC, p.activity_id DESC),
      array_agg(p.activity_id ORDER BY p.is_pinned DESC, p.activity_id DESC),
      array_agg(p.last_id ORDER BY p.is_pinned DESC, p.activity_id DESC),
      count(*) FILTER (WHERE NOT p.is_pinned), min(p.activity_id) FILTER (WHERE NOT p.is_pinned)
    INTO others, activity_ids, last_ids, unpinned, oldest_id
    FROM page p;
END $$;


CREATE OR REPLACE FUNCTION roost.conversation_page(a_me bigint, a_before bigint, a_limit bigint, a_with_hidden boolean)
RETURNS TABLE (
  other bigint, activity_id bigint, last_id bigint, is_pinned boolean, is_muted boolean, is_hidden boolean,
  read_id bigint, peer_read_id bigint, unread bigint, unread_mentions bigint
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  end_id CONSTANT bigint := CASE a_before WHEN 0 THEN 9223372036854775807 ELSE a_before END;
  -- How many messages of each direction to look at.
  recent_count CONSTANT bigint := 2 * a_limit;
  -- Most accounts have not, and unread messages may be many.
  has_none_hidden CONSTANT boolean := NOT EXISTS (SELECT FROM roost.hidden h WHERE h.account = a_me);
  watermark CONSTANT bigint := roost.watermark_for(a_me);
  recent bigint[];
  horizon bigint;
  found record;
BEGIN
  -- By the order of ids alone the planner may look among all messages of all accounts.
  WITH newest AS MATERIALIZED (
    (SELECT m.id, m.sender AS other, true AS is_received FROM roost.message m
     WHERE m.inbox BETWEEN a_me AND a_me AND m.id < end_id
     ORDER BY m.inbox DESC, m.id DESC LIMIT recent_count)
    UNION ALL
    (SELECT m.id, m.inbox, false FROM roost.message m
     WHERE m.sender BETWEEN a_me AND a_me AND m.inbox > 0 AND m.inbox <> m.sender AND m.id < end_id
     ORDER BY m.sender DESC, m.id DESC LIMIT recent_count)
  ), ends AS MATERIALIZED (
    SELECT greatest(
      CASE WHEN count(*) FILTER (WHERE n.is_received) = recent_count THEN min(n.id) FILTER (WHERE n.is_received) END,
      CASE WHEN count(*) FILTER (WHERE NOT n.is_received) = recent_count
        THEN min(n.id) FILTER (WHERE NOT n.is_received) END,
      0) AS horizon
    FROM newest n
  )
  SELECT array_agg(DISTINCT n.other), min(e.horizon) INTO recent, horizon
    FROM newest n, ends e WHERE n.id >= e.horizon;
  found := roost.newest_conversations(
    a_me, a_before, a_limit, a_with_hidden, CASE WHEN horizon > 0 THEN recent END);
  IF horizon > 0 AND (found.unpinned <= a_limit OR found.oldest_id < horizon) THEN
    found := roost.newest_conversations(a_me, a_before, a_limit, a_with_hidden, null);
  END IF;
  RETURN QUERY
  SELECT p.other, p.activity_id, p.last_id, p.is_pinned, p.is_muted,
    p.hidden_id > 0 AND p.activity_id <= p.hidden_id, p.read_id, p.peer_read_id,
    CASE WHEN p.last_id <= p.seen_id THEN 0
      WHEN p.other > 0 THEN (SELECT count(*) FROM (
        SELECT FROM roost.message m
        WHERE m.sender = p.other AND m.inbox = a_me AND m.inbox >= 1 AND p.other <> a_me AND m.id > p.seen_id
          AND (has_none_hidden OR NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false))
        ORDER BY m.id LIMIT 1000) n)
      ELSE (SELECT count(*) FROM (
        SELECT FROM (SELECT m.from_id, m.until_id FROM roost.member m WHERE m.account = a_me AND m.chat_group = -p.other
        ORDER BY m.from_id DESC LIMIT 1000) w, LATERAL (
          SELECT FROM roost.message m
          WHERE m.inbox = p.other AND m.id > greatest(w.from_id, p.seen_id) AND m.id < coalesce(w.until_id, 9223372036854775807)
            AND m.sender <> a_me AND (has_none_hidden OR NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false))
          ORDER BY m.id LIMIT 1000) m
        LIMIT 1000) n) END,
    CASE WHEN p.last_id <= p.seen_id THEN 0 ELSE (SELECT count(*) FROM (
        SELECT FROM unnest(ARRAY[a_me, 0]) AS t (account), LATERAL (
          SELECT FROM (
            SELECT m.id FROM roost.mention m WHERE m.account = t.account AND m.other = p.other AND m.id > p.seen_id
            ORDER BY m.id DESC LIMIT 4096) n
          WHERE NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = n.id AND h.account = a_me), false)
            AND (p.other > 0 OR coalesce((
    SELECT w.until_id IS NULL OR w.until_id > n.id FROM roost.member w
    WHERE w.account = a_me AND w.chat_group = -p.other AND w.from_id < n.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(a_me, -p.other)))
            AND (t.account > 0 OR (SELECT m.sender = a_me FROM roost.message m WHERE m.id = n.id) IS NOT TRUE)
          LIMIT 1000) n
        LIMIT 1000) n) END
  FROM (
    SELECT r.*, greatest(r.read_id, r.cleared_id, watermark) AS seen_id
    FROM (
      SELECT t.*, coalesce(c.is_pinned, false) AS is_pinned, coalesce(c.is_muted, false) AS is_muted,
        coalesce(c.hidden_id, 0) AS hidden_id, coalesce(c.cleared_id, 0) AS cleared_id,
        coalesce(
          (SELECT r.read_id FROM roost.read_cursor r WHERE r.account = a_me AND r.other = t.other), 0) AS read_id,
        -- Who blocks an account shows it no cursor.
        CASE WHEN t.other > 0 AND NOT coalesce((
    SELECT true FROM roost.block b WHERE b.account = t.other AND b.blocked = a_me AND NOT b.is_off), false) THEN coalesce(
          (SELECT r.read_id FROM roost.read_cursor r WHERE r.account = t.other AND r.other = a_me), 0)
        ELSE 0 END AS peer_read_id
      FROM unnest(found.others, found.activity_ids, found.last_ids) WITH ORDINALITY
        AS t (other, activity_id, last_id, position)
      LEFT JOIN LATERAL (
        SELECT * FROM roost.conversation c WHERE c.account = a_me AND c.other = t.other LIMIT 1
      ) c ON true
      OFFSET 0
    ) r
    OFFSET 0
  ) p
  ORDER BY p.position;
END $$;


CREATE OR REPLACE FUNCTION roost.visible_of(a_me bigint, a_ids bigint[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(
    SELECT m.id
    FROM unnest(a_ids) WITH ORDINALITY AS t (id, position) JOIN roost.message m ON m.id = t.id
    WHERE (m.id > roost.watermark_for(a_me)
    AND (m.sender = a_me OR m.inbox = a_me
    OR CASE WHEN m.inbox < 0 THEN coalesce((
    SELECT w.until_id IS NULL OR w.until_id > m.id FROM roost.member w
    WHERE w.account = a_me AND w.chat_group = -m.inbox AND w.from_id < m.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(a_me, -m.inbox))
      ELSE roost.is_system_for(a_me, m.sender) END)) AND NOT coalesce((SELECT true FROM roost.hidden h WHERE h.id = m.id AND h.account = a_me), false) AND NOT coalesce((
    SELECT c.cleared_id >= m.id FROM roost.conversation c
    WHERE c.account = a_me AND c.other = CASE WHEN m.inbox = a_me THEN m.sender ELSE m.inbox END), false)
    ORDER BY t.position);
END $$;


CREATE OR REPLACE FUNCTION roost.readers(
  a_app text, a_account text, a_message bigint, a_after text, a_limit bigint, a_members_max bigint, a_age_ms bigint,
  OUT result text, OUT count bigint, OUT accounts text[]
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  me bigint;
  its roost.message;
  -- A dismissed group has no members, whatever their rows say.
  members bigint;
  all_accounts text[];
BEGIN
  me := roost.account_number(a_app, a_account);
  SELECT * INTO its FROM roost.message m WHERE m.id = a_message;
  IF its.id IS NULL OR its.inbox > 0 OR NOT coalesce((its.id > roost.watermark_for(me)
    AND (its.sender = me OR its.inbox = me
    OR CASE WHEN its.inbox < 0 THEN coalesce((
    SELECT w.until_id IS NULL OR w.until_id > its.id FROM roost.member w
    WHERE w.account = me AND w.chat_group = -its.inbox AND w.from_id < its.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(me, -its.inbox))
      ELSE roost.is_system_for(me, its.sender) END)), false) THEN
    result := 'notFound';
    RETURN;
  END IF;
  members := (SELECT g.member_count FROM roost.chat_group g WHERE g.number = -its.inbox);
  IF its.sender <> me AND (members = 0 OR NOT EXISTS (
    SELECT FROM roost.member m WHERE m.chat_group = -its.inbox AND m.account = me AND m.until_id IS NULL)
  ) THEN
    result := 'forbidden';
    RETURN;
  END IF;
  IF members > a_members_max THEN
    result := 'tooLarge';
    RETURN;
  END IF;
  IF roost.wall_us() / 1000 - its.sent_ns / 1000000 > a_age_ms THEN
    result := 'tooOld';
    RETURN;
  END IF;
  all_accounts := ARRAY(
    SELECT a.name COLLATE "C"
    FROM roost.member m JOIN roost.account a ON a.number = m.account
    WHERE members > 0 AND m.chat_group = -its.inbox AND m.until_id IS NULL AND m.account <> its.sender
      AND coalesce((
    SELECT w.until_id IS NULL OR w.until_id > its.id FROM roost.member w
    WHERE w.account = m.account AND w.chat_group = -its.inbox AND w.from_id < its.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(m.account, -its.inbox))
      AND (
        SELECT c.read_id >= its.id FROM roost.read_cursor c WHERE c.account = m.account AND c.other = its.inbox)
      AND NOT coalesce((
    SELECT true FROM roost.block b WHERE b.account = m.account AND b.blocked = me AND NOT b.is_off), false)
    ORDER BY a.name COLLATE "C");
  result := 'found';
  count := cardinality(all_accounts);
  accounts := ARRAY(
    SELECT n FROM unnest(all_accounts) n WHERE n COLLATE "C" > a_after ORDER BY n COLLATE "C" LIMIT a_limit);
END $$;


-- Whom an account lets, of which this actor is one: everybody, those it has talked with, or nobody, as if it blocks the
-- actor. a_wish: 'write' or 'add'. An account without a number, null, refuses nobody.
CREATE OR REPLACE FUNCTION roost.rule_for(a_actor bigint, a_target bigint, a_wish text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_actor = a_target OR NOT EXISTS (SELECT FROM roost.guard g WHERE g.account = a_target) THEN
    RETURN 'everybody';
  END IF;
  RETURN CASE a_wish WHEN 'write' THEN CASE WHEN coalesce((
    SELECT true FROM roost.block b WHERE b.account = a_target AND b.blocked = a_actor AND NOT b.is_off), false) THEN CASE WHEN coalesce((SELECT a.name = '@system' FROM roost.account a WHERE a.number = a_actor), false) THEN 'everybody' ELSE 'nobody' END ELSE coalesce(
          (SELECT CASE c.write_rule WHEN 'everybody' THEN c.write_rule ELSE CASE WHEN coalesce((SELECT a.name = '@system' FROM roost.account a WHERE a.number = a_actor), false) THEN 'everybody' ELSE c.write_rule END END
            FROM roost.consent c WHERE c.account = a_target), 'everybody') END
    ELSE CASE WHEN coalesce((
    SELECT true FROM roost.block b WHERE b.account = a_target AND b.blocked = a_actor AND NOT b.is_off), false) THEN CASE WHEN coalesce((SELECT a.name = '@system' FROM roost.account a WHERE a.number = a_actor), false) THEN 'everybody' ELSE 'nobody' END ELSE coalesce(
          (SELECT CASE c.add_rule WHEN 'everybody' THEN c.add_rule ELSE CASE WHEN coalesce((SELECT a.name = '@system' FROM roost.account a WHERE a.number = a_actor), false) THEN 'everybody' ELSE c.add_rule END END
            FROM roost.consent c WHERE c.account = a_target), 'everybody') END END;
END $$;

CREATE OR REPLACE FUNCTION roost.have_talked(a_one bigint, a_other bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM roost.conversation c WHERE c.account = a_one AND c.other = a_other)
    AND (EXISTS (
        SELECT FROM roost.message m
        WHERE m.inbox >= 1 AND m.sender = a_other AND m.inbox = a_one AND m.id > roost.watermark_for(a_one)) OR EXISTS (
        SELECT FROM roost.message m
        WHERE m.inbox >= 1 AND m.sender = a_one AND m.inbox = a_other AND m.id > roost.watermark_for(a_one)));
END $$;

-- Whether an account may write to another, or add it to groups.
CREATE OR REPLACE FUNCTION roost.may_reach(a_actor bigint, a_target bigint, a_wish text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  rule CONSTANT text := roost.rule_for(a_actor, a_target, a_wish);
BEGIN
  RETURN rule = 'everybody' OR rule = 'conversations' AND roost.have_talked(a_actor, a_target);
END $$;


CREATE OR REPLACE FUNCTION roost.talk_right(a_group bigint, a_account bigint, a_now_s bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  its_group roost.chat_group;
  its roost.member;
BEGIN
  SELECT * INTO its_group FROM roost.chat_group g WHERE g.number = a_group;
  IF coalesce(its_group.member_count, 0) = 0 THEN RETURN 'notFound'; END IF;
  SELECT * INTO its FROM roost.member m
    WHERE m.chat_group = a_group AND m.account = a_account AND m.until_id IS NULL;
  RETURN CASE
    WHEN its.number IS NULL THEN
      CASE WHEN roost.is_system_of(a_account, a_group) THEN 'allowed' ELSE 'forbidden' END
    WHEN its.muted_until > a_now_s THEN 'muted'
    WHEN its_group.for_admins AND its.role = 0 AND its_group.owner <> a_account THEN 'forAdmins'
    ELSE 'allowed' END;
END $$;


CREATE OR REPLACE FUNCTION roost.refuse_talks(
  a_senders bigint[], a_inboxes bigint[], a_denials bigint[], a_client_ids text[], a_links bigint[]
) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM roost.guard g WHERE g.account = ANY (a_inboxes)) THEN RETURN a_denials; END IF;
  -- Mostly all receivers let their senders.
  IF NOT EXISTS (
    SELECT FROM generate_series(1, cardinality(a_inboxes)) AS t (at)
    WHERE CASE WHEN (SELECT true FROM roost.guard g WHERE g.account = a_inboxes[t.at])
      AND a_senders[t.at] IS DISTINCT FROM a_inboxes[t.at]
      THEN CASE WHEN coalesce((
    SELECT true FROM roost.block b WHERE b.account = a_inboxes[t.at] AND b.blocked = a_senders[t.at] AND NOT b.is_off), false) THEN CASE WHEN coalesce((SELECT a.name = '@system' FROM roost.account a WHERE a.number = a_senders[t.at]), false) THEN 'everybody' ELSE 'nobody' END ELSE coalesce(
          (SELECT CASE c.write_rule WHEN 'everybody' THEN c.write_rule ELSE CASE WHEN coalesce((SELECT a.name = '@system' FROM roost.account a WHERE a.number = a_senders[t.at]), false) THEN 'everybody' ELSE c.write_rule END END
            FROM roost.consent c WHERE c.account = a_inboxes[t.at]), 'everybody') END <> 'everybody' END
  ) THEN
    RETURN a_denials;
  END IF;
  RETURN ARRAY(
    SELECT CASE
      WHEN t.denial IS NULL AND NOT t.is_willing AND (t.rule <> 'conversations' OR t.begun_at IS NULL
        OR t.begun_at > t.position) THEN 19
      ELSE t.denial END
    FROM (
      SELECT w.*, min(w.position) FILTER (WHERE w.is_willing AND w.denial IS NULL AND w.link IS NULL AND NOT w.is_used)
        OVER (PARTITION BY least(w.sender, w.inbox), greatest(w.sender, w.inbox)) AS begun_at
      FROM (
        SELECT r.*,
          r.rule = 'everybody' OR r.rule = 'conversations' AND roost.have_talked(r.sender, r.inbox) AS is_willing
        FROM (
          SELECT u.*, u.client_id <> '' AND (
              row_number() OVER (PARTITION BY u.sender, u.client_id ORDER BY u.position) > 1
              OR (SELECT true FROM roost.message m WHERE m.sender = u.sender AND m.client_id = u.client_id) IS TRUE
            ) AS is_used,
            CASE WHEN g.account IS NULL OR u.sender = u.inbox THEN 'everybody'
            ELSE CASE WHEN coalesce((
    SELECT true FROM roost.block b WHERE b.account = u.inbox AND b.blocked = u.sender AND NOT b.is_off), false) THEN CASE WHEN coalesce((SELECT a.name = '@system' FROM roost.account a WHERE a.number = u.sender), false) THEN 'everybody' ELSE 'nobody' END ELSE coalesce(
          (SELECT CASE c.write_rule WHEN 'everybody' THEN c.write_rule ELSE CASE WHEN coalesce((SELECT a.name = '@system' FROM roost.account a WHERE a.number = u.sender), false) THEN 'everybody' ELSE c.write_rule END END
            FROM roost.consent c WHERE c.account = u.inbox), 'everybody') END END AS rule
          FROM unnest(a_senders, a_inboxes, a_denials, a_client_ids, a_links)
            WITH ORDINALITY AS u (sender, inbox, denial, client_id, link, position)
          LEFT JOIN roost.guard g ON g.account = u.inbox
          OFFSET 0
        ) r
        OFFSET 0
      ) w
    ) t
    ORDER BY t.position);
END $$;


-- A call of PeopleStore that writes: PeopleCall of store/change-jobs.ts. a_id: the version, if it is stored.
CREATE OR REPLACE FUNCTION roost.change_people(a_call json, a_id bigint, a_blocks_max bigint)
RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  RETURN CASE a_call ->> 'call'
    WHEN 'block' THEN roost.set_block(a_call, a_id, a_blocks_max)
    WHEN 'consent' THEN roost.set_consent(a_call, a_id)
    ELSE roost.set_profile(a_call, a_id) END;
END $$;

-- Beyond a_blocks_max the end of a block is forgotten when its place is needed.
CREATE OR REPLACE FUNCTION roost.set_block(a_call json, a_id bigint, a_blocks_max bigint)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_call ->> 'app';
  ends CONSTANT boolean := (a_call ->> 'isOff')::boolean;
  known CONSTANT bigint := roost.account_number(its_app, a_call ->> 'blocked');
  me bigint;
  former roost.block;
BEGIN
  IF known IS NULL AND ends THEN RETURN roost.same_version(0); END IF;
  IF known IS NULL AND (a_call ->> 'toKnown')::boolean THEN RETURN json_build_object('result', 'notFound'); END IF;
  me := (roost.account_numbers(its_app, ARRAY[a_call ->> 'account']))[1];
  SELECT * INTO former FROM block b WHERE b.account = me AND b.blocked = known;
  IF coalesce(former.is_off, true) = ends THEN RETURN roost.same_version(former.version); END IF;
  IF former.account IS NULL AND (SELECT count(*) FROM block b WHERE b.account = me) >= a_blocks_max THEN
    DELETE FROM block b WHERE b.account = me AND b.blocked = (
      SELECT o.blocked FROM block o WHERE o.account = me AND o.is_off AND o.version > 0 ORDER BY o.version LIMIT 1);
    IF NOT FOUND THEN RETURN json_build_object('result', 'full'); END IF;
  END IF;
  INSERT INTO block (account, blocked, version, is_off)
    VALUES (me, coalesce(known, (roost.account_numbers(its_app, ARRAY[a_call ->> 'blocked']))[1]), a_id, ends)
    ON CONFLICT (account, blocked) DO UPDATE SET version = excluded.version, is_off = excluded.is_off;
  PERFORM roost.guard_account(me, a_id);
  RETURN json_build_object('result', 'stored', 'version', a_id::text, 'madeAccount', known IS NULL);
END $$;

CREATE OR REPLACE FUNCTION roost.set_consent(a_call json, a_id bigint) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  me bigint := roost.account_number(a_call ->> 'app', a_call ->> 'account');
  former roost.consent;
  writes text;
  adds text;
BEGIN
  SELECT * INTO former FROM consent c WHERE c.account = me;
  writes := coalesce(a_call ->> 'write', former.write_rule, 'everybody');
  adds := coalesce(a_call ->> 'add', former.add_rule, 'everybody');
  IF writes = coalesce(former.write_rule, 'everybody') AND adds = coalesce(former.add_rule, 'everybody') THEN
    RETURN roost.same_version(former.version);
  END IF;
  me := (roost.account_numbers(a_call ->> 'app', ARRAY[a_call ->> 'account']))[1];
  INSERT INTO consent (account, version, write_rule, add_rule) VALUES (me, a_id, writes, adds)
    ON CONFLICT (account) DO UPDATE
    SET version = excluded.version, write_rule = excluded.write_rule, add_rule = excluded.add_rule;
  PERFORM roost.guard_account(me, a_id);
  RETURN json_build_object('result', 'stored', 'version', a_id::text);
END $$;

-- The account may refuse somebody from now on. a_id: the version of a block or setting.
CREATE OR REPLACE FUNCTION roost.guard_account(a_account bigint, a_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO guard (account, version) VALUES (a_account, a_id)
    ON CONFLICT (account) DO UPDATE SET version = excluded.version;
END $$;

CREATE OR REPLACE FUNCTION roost.set_profile(a_call json, a_id bigint) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  me bigint := roost.account_number(a_call ->> 'app', a_call ->> 'account');
  former roost.profile;
  changed roost.profile;
BEGIN
  SELECT * INTO former FROM profile p WHERE p.account = me;
  changed := former;
  changed.name := coalesce(a_call ->> 'name', former.name, '');
  changed.avatar := coalesce(a_call ->> 'avatar', former.avatar, '');
  changed.extra := coalesce(a_call ->> 'extra', former.extra, '');
  IF changed.name = coalesce(former.name, '') AND changed.avatar = coalesce(former.avatar, '')
    AND changed.extra = coalesce(former.extra, '')
  THEN
    RETURN roost.same_version(former.version);
  END IF;
  me := (roost.account_numbers(a_call ->> 'app', ARRAY[a_call ->> 'account']))[1];
  INSERT INTO profile (account, version, name, avatar, extra)
    VALUES (me, a_id, changed.name, changed.avatar, changed.extra)
    ON CONFLICT (account) DO UPDATE SET version = excluded.version, name = excluded.name, avatar = excluded.avatar,
      extra = excluded.extra;
  RETURN json_build_object('result', 'stored', 'version', a_id::text);
END $$;

CREATE OR REPLACE FUNCTION roost.same_version(a_version bigint) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  RETURN json_build_object('result', 'unchanged', 'version', coalesce(a_version, 0)::text);
END $$;


CREATE OR REPLACE FUNCTION roost.mark_seen(a_life text, a_apps text[], a_accounts text[], a_minutes bigint[])
RETURNS void LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  PERFORM roost.require_life(a_life);
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO seen AS s (account, minute)
    SELECT a.number, max(t.minute)
    FROM unnest(a_apps, a_accounts, a_minutes) AS t (app, account, minute)
    JOIN account a ON a.app = t.app AND a.name = t.account
    GROUP BY a.number
    ORDER BY a.number
    ON CONFLICT (account) DO UPDATE SET minute = excluded.minute WHERE excluded.minute > s.minute;
END $$;


-- Whether an account may talk in a conversation: TalkRight of store/people.ts.
CREATE OR REPLACE FUNCTION roost.may_talk(a_app text, a_account text, a_to_group boolean, a_dest text)
RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  me CONSTANT bigint := roost.account_number(a_app, a_account);
BEGIN
  IF a_to_group THEN
    RETURN roost.talk_right(
      (SELECT g.number FROM roost.chat_group g WHERE g.app = a_app AND g.id = a_dest), me,
      roost.wall_us() / 1000000);
  END IF;
  RETURN CASE WHEN a_account = a_dest OR roost.may_reach(me, roost.account_number(a_app, a_dest), 'write')
    THEN 'allowed' ELSE 'unwilling' END;
END $$;

-- Whose presence an account may watch: mayWatch and WatchAnswer of store/.
CREATE OR REPLACE FUNCTION roost.watchable_of(
  a_app text, a_account text, a_accounts text[], a_members_max bigint, a_looks_max bigint,
  OUT allowed text[], OUT decided bigint, OUT looked bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  me CONSTANT bigint := roost.account_number(a_app, a_account);
  name text;
  other bigint;
  mine bigint;
  theirs bigint;
  shares boolean;
BEGIN
  allowed := '{}';
  decided := 0;
  looked := 0;
  FOREACH name IN ARRAY a_accounts LOOP
    EXIT WHEN looked >= a_looks_max;
    decided := decided + 1;
    other := roost.account_number(a_app, name);
    IF name = a_account THEN
      allowed := allowed || name;
    ELSIF me IS NULL OR other IS NULL OR coalesce((
    SELECT true FROM roost.block b WHERE b.account = other AND b.blocked = me AND NOT b.is_off), false) THEN
      CONTINUE;
    ELSIF roost.have_talked(me, other) THEN
      allowed := allowed || name;
    ELSE
      mine := coalesce(mine, roost.count_memberships(me, null));
      theirs := roost.count_memberships(other, mine);
      -- The fewer are looked at.
      looked := looked + least(mine, theirs);
      shares := CASE WHEN theirs < mine THEN roost.share_group(other, me, a_members_max)
        ELSE roost.share_group(me, other, a_members_max) END;
      IF shares THEN allowed := allowed || name; END IF;
    END IF;
  END LOOP;
END $$;

-- In how many groups an account is, at most a_most; null: all.
CREATE OR REPLACE FUNCTION roost.count_memberships(a_account bigint, a_most bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT count(*) FROM (
      SELECT FROM roost.member m WHERE m.account = a_account AND m.until_id IS NULL LIMIT a_most) t);
END $$;

-- Whether two accounts are in a group of at most a_members_max: each of those of the first is looked up by keys.
CREATE OR REPLACE FUNCTION roost.share_group(a_account bigint, a_other bigint, a_members_max bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM roost.member f
    WHERE f.account = a_account AND f.until_id IS NULL AND (
      SELECT true FROM roost.member m
      WHERE m.chat_group = f.chat_group AND m.account = a_other AND m.until_id IS NULL)
    AND (
      SELECT g.member_count FROM roost.chat_group g WHERE g.number = f.chat_group) BETWEEN 1 AND a_members_max);
END $$;


CREATE OR REPLACE FUNCTION roost.call_group(a_call json, a_bounds json, a_id bigint, a_wall_us bigint) RETURNS json
LANGUAGE plpgsql AS $$
BEGIN
  CASE a_call ->> 'call'
    WHEN 'change' THEN RETURN roost.change_group_itself(a_call -> 'change', a_id, a_wall_us);
    WHEN 'add' THEN RETURN roost.add_list(a_call, a_bounds, a_id, a_wall_us);
    WHEN 'remove' THEN RETURN roost.remove_list(a_call, a_id, a_wall_us);
    WHEN 'joinInvited' THEN RETURN roost.join_invited(a_call, a_bounds, a_id, a_wall_us);
    WHEN 'invite' THEN RETURN roost.invite(a_call, a_bounds, a_wall_us);
    WHEN 'revoke' THEN RETURN roost.revoke_invitation(a_call);
    WHEN 'request' THEN RETURN roost.request_join(a_call, a_bounds, a_wall_us);
    WHEN 'withdraw' THEN RETURN roost.withdraw_request(a_call, a_wall_us);
    WHEN 'answer' THEN RETURN roost.answer_request(a_call, a_bounds, a_id, a_wall_us);
    WHEN 'pin' THEN RETURN roost.pin_message(a_call, a_id, a_wall_us);
  END CASE;
END $$;

-- Why a call was refused; a_bound: of what there are too many.
CREATE OR REPLACE FUNCTION roost.refused(a_result text, a_bound text DEFAULT null) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  RETURN CASE WHEN a_bound IS NULL THEN json_build_object('result', a_result)
    ELSE json_build_object('result', a_result, 'bound', a_bound) END;
END $$;

-- What was stored; without a_version the membership is as it was. No group: a direct conversation.
CREATE OR REPLACE FUNCTION roost.stored_in(a_group bigint, a_entries json[], a_version_before bigint DEFAULT null)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  version CONSTANT bigint := coalesce((SELECT g.version FROM chat_group g WHERE g.number = a_group), 0);
BEGIN
  RETURN json_build_object(
    'result', 'stored', 'entries', array_to_json(a_entries),
    'versionBefore', coalesce(a_version_before, version)::text, 'version', version::text,
    'lastId', a_entries[cardinality(a_entries)] ->> 'entryId');
END $$;

-- The fields of both objects.
CREATE OR REPLACE FUNCTION roost.joined(a_one json, a_other json) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  RETURN (a_one::jsonb || a_other::jsonb)::json;
END $$;


CREATE OR REPLACE FUNCTION roost.change_group_itself(a_change json, a_id bigint, a_wall_us bigint) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_change ->> 'app';
  action CONSTANT text := a_change ->> 'kind';
  me CONSTANT bigint := roost.account_number(its_app, a_change ->> 'actor');
  target CONSTANT bigint := roost.account_number(its_app, a_change ->> 'account');
  verdict text;
  its roost.chat_group;
  version_before bigint;
  entry json;
BEGIN
  SELECT * INTO its FROM chat_group g WHERE g.app = its_app AND g.id = a_change ->> 'group';
  verdict := roost.right_of(
    action, its.number, me, target, a_change ->> 'actor' = a_change ->> 'account',
    action <> 'transfer' OR NOT coalesce((
    SELECT true FROM roost.block b WHERE b.account = target AND b.blocked = me AND NOT b.is_off), false));
  IF verdict <> 'allowed' THEN RETURN roost.refused(verdict); END IF;
  IF action = 'update' THEN
    RETURN roost.update_group(its.number, me, a_change, a_id, a_wall_us);
  ELSIF action = 'alias' THEN
    UPDATE member m SET alias = a_change ->> 'alias'
      WHERE m.chat_group = its.number AND m.account = me AND m.until_id IS NULL AND m.alias <> a_change ->> 'alias';
    IF NOT FOUND THEN RETURN roost.refused('unchanged'); END IF;
    RETURN roost.stored_in(its.number, ARRAY[roost.add_entry(
      a_id, -its.number, me, 27, a_wall_us * 1000, ARRAY[me])]);
  ELSIF action = 'dismiss' THEN
    -- The rows of its members are closed later (ended-functions.ts).
    version_before := its.version;
    entry := roost.add_entry(a_id, -its.number, me, 25, a_wall_us * 1000);
    UPDATE chat_group g SET dismissed_id = a_id, version = a_id, member_count = 0, closing = true
      WHERE g.number = its.number;
    RETURN roost.stored_in(its.number, ARRAY[entry], version_before);
  END IF;
  RETURN roost.change_member(its.number, me, target, a_change, a_id, a_wall_us);
END $$;

CREATE OR REPLACE FUNCTION roost.update_group(
  a_group bigint, a_actor bigint, a_change json, a_id bigint, a_wall_us bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  its roost.chat_group;
  changed roost.chat_group;
  texts bigint;
  settings bigint;
  entries json[] := '{}';
BEGIN
  SELECT * INTO its FROM chat_group g WHERE g.number = a_group;
  changed := its;
  changed.name := coalesce(a_change ->> 'name', its.name);
  changed.avatar := coalesce(a_change ->> 'avatar', its.avatar);
  changed.introduction := coalesce(a_change ->> 'introduction', its.introduction);
  changed.announcement := coalesce(a_change ->> 'announcement', its.announcement);
  changed.closed := coalesce((a_change ->> 'isClosed')::boolean, its.closed);
  changed.approval := coalesce((a_change ->> 'hasApproval')::boolean, its.approval);
  changed.for_admins := coalesce((a_change ->> 'isForAdmins')::boolean, its.for_admins);
  texts := CASE WHEN changed.name <> its.name THEN 1 ELSE 0 END
    + CASE WHEN changed.avatar <> its.avatar THEN 2 ELSE 0 END
    + CASE WHEN changed.introduction <> its.introduction THEN 4 ELSE 0 END
    + CASE WHEN changed.announcement <> its.announcement THEN 8 ELSE 0 END;
  settings := CASE WHEN changed.closed <> its.closed THEN 16 ELSE 0 END
    + CASE WHEN changed.approval <> its.approval THEN 32 ELSE 0 END
    + CASE WHEN changed.for_admins <> its.for_admins THEN 64 ELSE 0 END;
  IF texts = 0 AND settings = 0 THEN RETURN roost.refused('unchanged'); END IF;
  UPDATE chat_group g SET name = changed.name, avatar = changed.avatar, introduction = changed.introduction,
      announcement = changed.announcement, closed = changed.closed, approval = changed.approval,
      for_admins = changed.for_admins
    WHERE g.number = a_group;
  IF texts > 0 THEN
    entries := ARRAY[roost.add_entry(
      a_id, -a_group, a_actor, 17, a_wall_us * 1000, a_value => texts)];
  END IF;
  IF settings > 0 THEN
    entries := entries || roost.add_entry(
      roost.id_after(a_id, cardinality(entries)), -a_group, a_actor, 26, a_wall_us * 1000,
      a_value => settings);
  END IF;
  RETURN roost.stored_in(a_group, entries);
END $$;

CREATE OR REPLACE FUNCTION roost.has_all_admins(a_group bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT count(*) >= 100 FROM member m
    WHERE m.chat_group = a_group AND m.role > 0 AND m.until_id IS NULL);
END $$;

-- The role of a member, a mute, or a transfer to it.
CREATE OR REPLACE FUNCTION roost.change_member(
  a_group bigint, a_actor bigint, a_target bigint, a_change json, a_id bigint, a_wall_us bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  action CONSTANT text := a_change ->> 'kind';
  now_s CONSTANT bigint := a_wall_us / 1000000;
  its roost.member;
  kind integer;
  value bigint;
BEGIN
  SELECT * INTO its FROM member m WHERE m.chat_group = a_group AND m.account = a_target AND m.until_id IS NULL;
  IF action = 'role' THEN
    kind := 21;
    value := CASE a_change ->> 'role' WHEN 'admin' THEN 1 ELSE 0 END;
    IF value = its.role THEN RETURN roost.refused('unchanged'); END IF;
    IF value > 0 AND roost.has_all_admins(a_group) THEN RETURN roost.refused('full', 'groupAdminsMax'); END IF;
    UPDATE member m SET role = value WHERE m.number = its.number;
  ELSIF action = 'transfer' THEN
    -- The former owner becomes an admin: in place of the new one, or besides.
    IF its.role = 0 AND roost.has_all_admins(a_group) THEN RETURN roost.refused('full', 'groupAdminsMax'); END IF;
    kind := 23;
    value := 2;
    -- Of a transfer by the system the actor is not the former owner.
    UPDATE member m SET role = 1
      WHERE m.chat_group = a_group AND m.until_id IS NULL
        AND m.account = (SELECT g.owner FROM chat_group g WHERE g.number = a_group);
    UPDATE chat_group g SET owner = a_target WHERE g.number = a_group;
    PERFORM roost.make_owner(a_group, a_target);
  ELSE
    kind := 22;
    value := (a_change ->> 'until')::bigint;
    IF value <= now_s THEN value := 0; END IF;
    IF value = (CASE WHEN its.muted_until > now_s THEN its.muted_until ELSE 0 END) THEN
      RETURN roost.refused('unchanged');
    END IF;
    UPDATE member m SET muted_until = value WHERE m.number = its.number;
  END IF;
  RETURN roost.stored_in(a_group, ARRAY[roost.add_entry(
    a_id, -a_group, a_actor, kind, a_wall_us * 1000, ARRAY[a_target], value)]);
END $$;


-- Nothing is added if there is no room for all of the slice.
CREATE OR REPLACE FUNCTION roost.add_list(a_call json, a_bounds json, a_id bigint, a_wall_us bigint) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_call ->> 'app';
  names CONSTANT text[] := ARRAY(SELECT json_array_elements_text(a_call -> 'accounts'));
  me CONSTANT bigint := roost.account_number(its_app, a_call ->> 'actor');
  its roost.chat_group;
  verdict text;
  accounts bigint[];
  added text[];
  left_out text[];
  unwilling text[];
  rest json;
BEGIN
  SELECT * INTO its FROM chat_group g WHERE g.app = its_app AND g.id = a_call ->> 'group';
  verdict := roost.right_of('add', its.number, me);
  IF verdict <> 'allowed' THEN RETURN roost.refused(verdict); END IF;
  accounts := ARRAY(
    SELECT roost.account_number(its_app, t.name)
    FROM unnest(names) WITH ORDINALITY AS t (name, position) ORDER BY t.position);
  PERFORM roost.count_groups(ARRAY(SELECT t.account FROM unnest(accounts) AS t (account) WHERE t.account IS NOT NULL));
  -- What is no EXISTS is looked up one by one: the planner does not read all members into a hash.
  SELECT coalesce(array_agg(t.name ORDER BY t.position) FILTER (WHERE t.state = 'added'), '{}'),
      coalesce(array_agg(t.name ORDER BY t.position) FILTER (WHERE t.state = 'leftOut'), '{}'),
      coalesce(array_agg(t.name ORDER BY t.position) FILTER (WHERE t.state = 'unwilling'), '{}')
    INTO added, left_out, unwilling
    FROM (
      SELECT n.name, n.position, CASE
        WHEN n.account IS NULL THEN 'added'
        WHEN (
          SELECT true FROM member m WHERE m.chat_group = its.number AND m.account = n.account AND m.until_id IS NULL
        ) THEN 'member'
        WHEN NOT roost.may_reach(me, n.account, 'add') THEN 'unwilling'
        WHEN (SELECT c.put FROM group_count c WHERE c.account = n.account)
          >= (a_bounds ->> 'groupsPutPerAccount')::bigint THEN 'leftOut'
        ELSE 'added' END AS state
      FROM unnest(names, accounts) WITH ORDINALITY AS n (name, account, position)
    ) t;
  rest := json_build_object('leftOut', left_out, 'unwilling', unwilling);
  IF cardinality(added) = 0 THEN RETURN roost.joined(roost.refused('unchanged'), rest); END IF;
  IF its.member_count + cardinality(added) > (a_bounds ->> 'groupMembers')::bigint THEN
    RETURN roost.refused('full', 'groupMembers');
  END IF;
  RETURN roost.joined(roost.stored_in(its.number, ARRAY[roost.add_members(
    its.number, me, roost.account_numbers(its_app, added), false, a_id, a_wall_us)], its.version), rest);
END $$;

CREATE OR REPLACE FUNCTION roost.remove_list(a_call json, a_id bigint, a_wall_us bigint) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_call ->> 'app';
  me CONSTANT bigint := roost.account_number(its_app, a_call ->> 'actor');
  its roost.chat_group;
  actor_standing text;
  refusal text;
  removed bigint[];
BEGIN
  SELECT * INTO its FROM chat_group g WHERE g.app = its_app AND g.id = a_call ->> 'group';
  IF its.number IS NULL THEN RETURN roost.refused('notFound'); END IF;
  actor_standing := roost.standing(its.number, me);
  SELECT (array_agg(t.verdict ORDER BY t.position) FILTER (WHERE t.verdict NOT IN ('allowed', 'unchanged')))[1],
      coalesce(array_agg(t.account ORDER BY t.position) FILTER (WHERE t.verdict = 'allowed'), '{}')
    INTO refusal, removed
    FROM (
      SELECT s.position, s.account, roost.right_in_group(
        'remove', its.member_count > 0, its.closed, its.approval, its.for_admins, actor_standing, false, false,
        roost.standing(its.number, s.account), s.name = a_call ->> 'actor', true) AS verdict
      FROM (
        SELECT n.name, n.position, roost.account_number(its_app, n.name) AS account
        FROM json_array_elements_text(a_call -> 'accounts') WITH ORDINALITY AS n (name, position)
        OFFSET 0
      ) s
    ) t;
  IF refusal IS NOT NULL THEN RETURN roost.refused(refusal); END IF;
  IF cardinality(removed) = 0 THEN RETURN roost.refused('unchanged'); END IF;
  RETURN roost.stored_in(
    its.number, ARRAY[roost.end_members(its.number, me, removed, a_id, a_wall_us)], its.version);
END $$;


CREATE OR REPLACE FUNCTION roost.invite(a_call json, a_bounds json, a_wall_us bigint) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_call ->> 'app';
  its CONSTANT bigint := roost.group_number(its_app, a_call ->> 'group');
  me CONSTANT bigint := roost.account_number(its_app, a_call ->> 'actor');
  verdict CONSTANT text := roost.right_of('invite', its, me);
  now_s CONSTANT bigint := a_wall_us / 1000000;
  expires CONSTANT bigint := now_s + (a_call ->> 'validSeconds')::bigint;
  uses CONSTANT integer := (a_call ->> 'uses')::integer;
BEGIN
  IF verdict <> 'allowed' THEN RETURN roost.refused(verdict); END IF;
  DELETE FROM invitation WHERE number IN (
    SELECT i.number FROM invitation i JOIN chat_group g ON g.number = i.chat_group
    WHERE i.chat_group = its AND NOT (i.expires_s > now_s AND (g.owner = i.maker OR coalesce((
        SELECT m.role > 0 FROM roost.member m
        WHERE m.chat_group = g.number AND m.account = i.maker AND m.until_id IS NULL), false))));
  DELETE FROM invitation WHERE number IN (
    SELECT i.number FROM invitation i WHERE i.chat_group = its AND i.uses_left = 0
    ORDER BY i.number DESC OFFSET (a_bounds ->> 'invitationsPerGroup')::bigint);
  IF (SELECT count(*) FROM invitation i WHERE i.chat_group = its AND i.uses_left <> 0)
    >= (a_bounds ->> 'invitationsPerGroup')::bigint THEN
    RETURN roost.refused('full', 'invitationsPerGroup');
  END IF;
  INSERT INTO invitation (app, code, chat_group, maker, expires_s, uses_left)
    VALUES (its_app, a_call ->> 'code', its, me, expires, CASE uses WHEN 0 THEN -1 ELSE uses END);
  RETURN roost.joined(roost.stored_in(its, '{}'), json_build_object('invitation', json_build_object(
    'code', a_call ->> 'code', 'expiresAt', expires::text, 'usesLeft', uses, 'account', a_call ->> 'actor')));
END $$;

CREATE OR REPLACE FUNCTION roost.revoke_invitation(a_call json) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  its CONSTANT bigint := roost.group_number(a_call ->> 'app', a_call ->> 'group');
  verdict CONSTANT text := roost.right_of(
    'invite', its, roost.account_number(a_call ->> 'app', a_call ->> 'actor'));
BEGIN
  IF verdict <> 'allowed' THEN RETURN roost.refused(verdict); END IF;
  DELETE FROM invitation i WHERE i.code = a_call ->> 'code' AND i.chat_group = its;
  IF NOT FOUND THEN RETURN roost.refused('unchanged'); END IF;
  RETURN roost.stored_in(its, '{}');
END $$;

-- A member who uses an invitation uses up nothing.
CREATE OR REPLACE FUNCTION roost.join_invited(a_call json, a_bounds json, a_id bigint, a_wall_us bigint) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_call ->> 'app';
  me bigint := roost.account_number(its_app, a_call ->> 'account');
  used roost.invitation;
  verdict text;
  rest json;
BEGIN
  SELECT i.* INTO used FROM invitation i JOIN chat_group g ON g.number = i.chat_group
    WHERE i.code = a_call ->> 'code' AND i.app = its_app AND g.member_count > 0
      AND (i.expires_s > (a_wall_us / 1000000) AND (g.owner = i.maker OR coalesce((
        SELECT m.role > 0 FROM roost.member m
        WHERE m.chat_group = g.number AND m.account = i.maker AND m.until_id IS NULL), false)));
  IF NOT FOUND THEN RETURN roost.refused('notFound'); END IF;
  rest := json_build_object('group', (SELECT g.id FROM chat_group g WHERE g.number = used.chat_group));
  verdict := roost.right_of('joinInvited', used.chat_group, me);
  IF verdict <> 'allowed' THEN RETURN roost.joined(roost.refused(verdict), rest); END IF;
  IF used.uses_left = 0 THEN RETURN roost.refused('notFound'); END IF;
  IF roost.is_full(used.chat_group, a_bounds) THEN
    RETURN roost.joined(roost.refused('full', 'groupMembers'), rest);
  END IF;
  me := coalesce(me, (roost.account_numbers(its_app, ARRAY[a_call ->> 'account']))[1]);
  IF roost.owns_many(me, a_bounds) THEN RETURN roost.joined(roost.refused('full', 'groupsPerAccount'), rest); END IF;
  UPDATE invitation i SET uses_left = i.uses_left - 1 WHERE i.number = used.number AND i.uses_left > 0;
  RETURN roost.joined(roost.join_by(used.chat_group, me, me, a_id, a_wall_us), rest);
END $$;

CREATE OR REPLACE FUNCTION roost.is_full(a_group bigint, a_bounds json) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT g.member_count >= (a_bounds ->> 'groupMembers')::bigint FROM chat_group g WHERE g.number = a_group);
END $$;

-- Whether an account is in as many groups by itself as it may be.
CREATE OR REPLACE FUNCTION roost.owns_many(a_account bigint, a_bounds json) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM roost.count_groups(ARRAY[a_account]);
  RETURN (
    SELECT c.own >= (a_bounds ->> 'groupsPerAccount')::bigint FROM group_count c WHERE c.account = a_account);
END $$;

-- Makes an account a member that counts as one by itself.
CREATE OR REPLACE FUNCTION roost.join_by(
  a_group bigint, a_actor bigint, a_account bigint, a_id bigint, a_wall_us bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  version_before CONSTANT bigint := (SELECT g.version FROM chat_group g WHERE g.number = a_group);
BEGIN
  RETURN roost.stored_in(a_group, ARRAY[roost.add_members(
    a_group, a_actor, ARRAY[a_account], true, a_id, a_wall_us)], version_before);
END $$;


CREATE OR REPLACE FUNCTION roost.request_join(a_call json, a_bounds json, a_wall_us bigint) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_call ->> 'app';
  its CONSTANT bigint := roost.group_number(its_app, a_call ->> 'group');
  me bigint := roost.account_number(its_app, a_call ->> 'actor');
  verdict CONSTANT text := roost.right_of('request', its, me);
  now_s CONSTANT bigint := a_wall_us / 1000000;
BEGIN
  IF verdict <> 'allowed' THEN RETURN roost.refused(verdict); END IF;
  DELETE FROM join_request r WHERE r.chat_group = its AND r.at_s <= (now_s - 2592000);
  DELETE FROM join_request r WHERE r.account = me AND r.at_s <= (now_s - 2592000);
  UPDATE join_request r SET text = a_call ->> 'text' WHERE r.chat_group = its AND r.account = me;
  IF FOUND THEN RETURN roost.refused('unchanged'); END IF;
  IF (SELECT count(*) FROM join_request r WHERE r.chat_group = its)
    >= (a_bounds ->> 'joinRequestsPerGroup')::bigint THEN
    RETURN roost.refused('full', 'joinRequestsPerGroup');
  END IF;
  -- Those of groups that have ended are there until housekeeping removes them.
  IF (SELECT count(*) FROM join_request r JOIN chat_group g ON g.number = r.chat_group
      WHERE r.account = me AND g.member_count > 0)
    >= (a_bounds ->> 'joinRequestsPerAccount')::bigint THEN
    RETURN roost.refused('full', 'joinRequestsPerAccount');
  END IF;
  me := coalesce(me, (roost.account_numbers(its_app, ARRAY[a_call ->> 'actor']))[1]);
  INSERT INTO join_request (chat_group, account, at_s, text) VALUES (its, me, now_s, a_call ->> 'text');
  RETURN roost.joined(roost.stored_in(its, '{}'), json_build_object(
    'admins', roost.account_names(roost.admins_of(its)), 'time', now_s::text));
END $$;

CREATE OR REPLACE FUNCTION roost.withdraw_request(a_call json, a_wall_us bigint) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  its CONSTANT bigint := roost.group_number(a_call ->> 'app', a_call ->> 'group');
  me CONSTANT bigint := roost.account_number(a_call ->> 'app', a_call ->> 'actor');
BEGIN
  IF coalesce((SELECT g.member_count FROM chat_group g WHERE g.number = its), 0) = 0 THEN
    RETURN roost.refused('notFound');
  END IF;
  DELETE FROM join_request r
    WHERE r.chat_group = its AND r.account = me AND r.at_s > (a_wall_us / 1000000 - 2592000);
  IF NOT FOUND THEN RETURN roost.refused('unchanged'); END IF;
  RETURN roost.joined(
    roost.stored_in(its, '{}'), json_build_object('admins', roost.account_names(roost.admins_of(its))));
END $$;

CREATE OR REPLACE FUNCTION roost.answer_request(
  a_call json, a_bounds json, a_id bigint, a_wall_us bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_call ->> 'app';
  its CONSTANT bigint := roost.group_number(its_app, a_call ->> 'group');
  me CONSTANT bigint := roost.account_number(its_app, a_call ->> 'actor');
  target CONSTANT bigint := roost.account_number(its_app, a_call ->> 'account');
  accepts CONSTANT boolean := (a_call ->> 'isAccepted')::boolean;
  verdict CONSTANT text := roost.right_of(CASE WHEN accepts THEN 'accept' ELSE 'decline' END, its, me, target);
BEGIN
  IF verdict <> 'allowed' THEN RETURN roost.refused(verdict); END IF;
  IF NOT EXISTS (
    SELECT FROM join_request r
    WHERE r.chat_group = its AND r.account = target AND r.at_s > (a_wall_us / 1000000 - 2592000)
  ) THEN
    RETURN roost.refused('notFound');
  END IF;
  IF NOT accepts THEN
    DELETE FROM join_request r WHERE r.chat_group = its AND r.account = target;
    RETURN roost.stored_in(its, '{}');
  END IF;
  IF roost.is_full(its, a_bounds) THEN RETURN roost.refused('full', 'groupMembers'); END IF;
  IF roost.owns_many(target, a_bounds) THEN RETURN roost.refused('full', 'groupsPerAccount'); END IF;
  RETURN roost.join_by(its, me, target, a_id, a_wall_us);
END $$;


CREATE OR REPLACE FUNCTION roost.pin_message(a_call json, a_id bigint, a_wall_us bigint) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_call ->> 'app';
  to_group CONSTANT boolean := (a_call ->> 'toGroup')::boolean;
  me CONSTANT bigint := roost.account_number(its_app, a_call ->> 'actor');
  ends CONSTANT boolean := (a_call ->> 'isOff')::boolean;
  its_group bigint;
  its_other bigint;
  verdict text;
  pinned roost.message;
BEGIN
  IF to_group THEN
    its_group := roost.group_number(its_app, a_call ->> 'dest');
    its_other := -its_group;
    verdict := roost.right_of('pin', its_group, me);
    IF verdict <> 'allowed' THEN RETURN roost.refused(verdict); END IF;
  ELSE
    its_other := roost.account_number(its_app, a_call ->> 'dest');
  END IF;
  SELECT * INTO pinned FROM message m
    WHERE m.id = (a_call ->> 'messageId')::bigint AND CASE WHEN its_other < 0 THEN m.inbox = its_other
        ELSE m.sender = me AND m.inbox = its_other OR m.sender = its_other AND m.inbox = me END AND (m.id > roost.watermark_for(me)
    AND (m.sender = me OR m.inbox = me
    OR CASE WHEN m.inbox < 0 THEN coalesce((
    SELECT w.until_id IS NULL OR w.until_id > m.id FROM roost.member w
    WHERE w.account = me AND w.chat_group = -m.inbox AND w.from_id < m.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(me, -m.inbox))
      ELSE roost.is_system_for(me, m.sender) END))
      AND coalesce(m.state, 0) & 2 = 0
    FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN roost.refused('notFound'); END IF;
  IF NOT to_group AND NOT roost.may_reach(me, its_other, 'write') THEN RETURN roost.refused('unwilling'); END IF;
  IF EXISTS (SELECT FROM pin p WHERE p.message = pinned.id) <> ends THEN RETURN roost.refused('unchanged'); END IF;
  IF ends THEN
    DELETE FROM pin p WHERE p.message = pinned.id;
  ELSE
    IF (
      SELECT count(*) FROM pin p
      WHERE p.first = least(its_other, CASE WHEN its_other > 0 THEN me END) AND p.other = CASE WHEN its_other > 0 THEN greatest(me, its_other) ELSE 0 END
    ) >= 50 THEN
      RETURN roost.refused('full', 'pinnedMessagesMax');
    END IF;
    INSERT INTO pin (message, first, other, entry, account)
      VALUES (pinned.id, least(its_other, CASE WHEN its_other > 0 THEN me END), CASE WHEN its_other > 0 THEN greatest(me, its_other) ELSE 0 END, a_id, me);
  END IF;
  RETURN roost.stored_in(its_group, ARRAY[roost.add_entry(
    a_id, its_other, me, 24, a_wall_us * 1000, a_refers => pinned.id, ends => ends)]);
END $$;

-- The newest pin first; null if the account may not see them, or has no such conversation.
CREATE OR REPLACE FUNCTION roost.pinned_in(a_app text, a_account text, a_to_group boolean, a_dest text)
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  me CONSTANT bigint := roost.account_number(a_app, a_account);
  its_other CONSTANT bigint := CASE WHEN a_to_group THEN -roost.group_number(a_app, a_dest)
    ELSE roost.account_number(a_app, a_dest) END;
BEGIN
  IF me IS NULL OR its_other IS NULL THEN RETURN null; END IF;
  IF a_to_group AND roost.right_of('see', -its_other, me) <> 'allowed' THEN RETURN null; END IF;
  IF NOT a_to_group AND NOT roost.have_talked(me, its_other) THEN RETURN null; END IF;
  RETURN ARRAY(
    SELECT p.message FROM roost.pin p
    WHERE p.first = least(its_other, CASE WHEN its_other > 0 THEN me END) AND p.other = CASE WHEN its_other > 0 THEN greatest(me, its_other) ELSE 0 END
      AND p.message > roost.watermark_of(a_app)
    ORDER BY p.entry DESC LIMIT 50);
END $$;


-- GroupView of store/groups.ts, with the role as the number of GroupRole in proto/pkt.proto. is_counted: whether
-- requests to join are counted, of which a page of groups has thousands.
CREATE OR REPLACE FUNCTION roost.group_view(a_group bigint, a_me bigint, is_counted boolean) RETURNS json
LANGUAGE plpgsql STABLE AS $$
DECLARE
  now_s CONSTANT bigint := roost.wall_us() / 1000000;
  its roost.chat_group;
  mine roost.member;
  is_admin boolean;
BEGIN
  SELECT * INTO its FROM roost.chat_group g WHERE g.number = a_group;
  SELECT * INTO mine FROM roost.member m WHERE m.chat_group = a_group AND m.account = a_me AND m.until_id IS NULL;
  is_admin := its.owner = a_me OR coalesce(mine.role, 0) > 0;
  RETURN json_build_object(
    'id', its.id, 'name', its.name, 'avatar', its.avatar, 'introduction', its.introduction,
    'announcement', its.announcement, 'owner', roost.account_name(its.owner),
    'createdAt', (its.created_ms / 1000)::text, 'isClosed', its.closed, 'hasApproval', its.approval,
    'isForAdmins', its.for_admins, 'memberCount', its.member_count,
    'role', CASE WHEN its.owner = a_me THEN 2 ELSE coalesce(mine.role, 0) END,
    'mutedUntil', CASE WHEN mine.muted_until > now_s THEN mine.muted_until ELSE 0 END::text,
    'alias', coalesce(mine.alias, ''),
    'requestCount', CASE WHEN is_counted AND is_admin THEN (
      SELECT count(*) FROM roost.join_request r
      WHERE r.chat_group = a_group AND r.at_s > (now_s - 2592000)) ELSE 0 END);
END $$;

-- The valid invitations of a group, the oldest first.
CREATE OR REPLACE FUNCTION roost.invitations_of(a_group bigint)
RETURNS TABLE (number bigint, code text, expires_s bigint, uses_left integer, account text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  now_s CONSTANT bigint := roost.wall_us() / 1000000;
BEGIN
  RETURN QUERY
    SELECT i.number, i.code, i.expires_s, i.uses_left, roost.account_name(i.maker)
    FROM roost.invitation i JOIN roost.chat_group g ON g.number = i.chat_group
    WHERE i.chat_group = a_group AND i.uses_left <> 0 AND (i.expires_s > now_s AND (g.owner = i.maker OR coalesce((
        SELECT m.role > 0 FROM roost.member m
        WHERE m.chat_group = g.number AND m.account = i.maker AND m.until_id IS NULL), false))) ORDER BY i.number;
END $$;

-- Requests to join of the accounts above a number, in the order of the numbers.
CREATE OR REPLACE FUNCTION roost.requests_after(a_group bigint, a_after bigint, a_limit bigint)
RETURNS TABLE (number bigint, account text, text text, at_s bigint) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  now_s CONSTANT bigint := roost.wall_us() / 1000000;
BEGIN
  RETURN QUERY
    SELECT r.account, roost.account_name(r.account), r.text, r.at_s FROM roost.join_request r
    WHERE r.chat_group = a_group AND r.account > a_after AND r.at_s > (now_s - 2592000)
    ORDER BY r.account LIMIT a_limit;
END $$;

-- Members above an account's number, in the order of the numbers.
CREATE OR REPLACE FUNCTION roost.members_after(a_group bigint, a_after bigint, a_limit bigint, is_admins_only boolean)
RETURNS TABLE (number bigint, account text, alias text, role integer, joined_ms bigint, muted_until bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  now_s CONSTANT bigint := roost.wall_us() / 1000000;
  its_owner CONSTANT bigint := (SELECT g.owner FROM roost.chat_group g WHERE g.number = a_group);
  found bigint[];
BEGIN
  IF is_admins_only THEN
    found := ARRAY(
      SELECT t.account FROM unnest(roost.admins_of(a_group)) AS t (account)
      WHERE t.account > a_after ORDER BY t.account LIMIT a_limit);
  ELSE
    found := ARRAY(
      SELECT m.account FROM roost.member m
      WHERE m.chat_group = a_group AND m.until_id IS NULL AND m.account > a_after ORDER BY m.account LIMIT a_limit);
  END IF;
  RETURN QUERY
    SELECT m.account, a.name, m.alias, CASE WHEN m.account = its_owner THEN 2 ELSE m.role::integer END, m.joined_ms,
      CASE WHEN m.muted_until > now_s THEN m.muted_until ELSE 0 END
    FROM unnest(found) AS t (account)
    -- Each by its key: without statistics a join would read all members for each of these.
    CROSS JOIN LATERAL (
      SELECT * FROM roost.member m
      WHERE m.chat_group = a_group AND m.account = t.account AND m.until_id IS NULL OFFSET 0) m
    CROSS JOIN LATERAL (SELECT a.name FROM roost.account a WHERE a.number = t.account OFFSET 0) a
    ORDER BY m.account;
END $$;


-- Removes a slice; true if there is more.
CREATE OR REPLACE FUNCTION roost.clean_ended(a_holder text, a_life text, a_rows bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  ended record;
  closed bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM chat_group g WHERE g.closing AND NOT EXISTS (
    SELECT FROM app_data d WHERE d.app = g.app AND d.import_state = 'importing')) THEN RETURN false; END IF;
  PERFORM roost.hold(a_holder, a_life);
  -- A slice that is lost in a crash is removed again: nobody waits for the disk.
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT g.number, g.dismissed_id INTO ended FROM chat_group g WHERE g.closing AND NOT EXISTS (
    SELECT FROM app_data d WHERE d.app = g.app AND d.import_state = 'importing') ORDER BY g.number LIMIT 1;
  IF NOT FOUND THEN RETURN false; END IF;
  IF ended.dismissed_id > 0 THEN
    UPDATE member SET until_id = ended.dismissed_id WHERE number IN (
      SELECT m.number FROM member m WHERE m.chat_group = ended.number AND m.until_id IS NULL LIMIT a_rows);
    GET DIAGNOSTICS closed = ROW_COUNT;
    IF closed >= a_rows THEN RETURN true; END IF;
  END IF;
  DELETE FROM invitation i WHERE i.chat_group = ended.number;
  DELETE FROM join_request r WHERE r.chat_group = ended.number;
  UPDATE chat_group g SET closing = false WHERE g.number = ended.number;
  RETURN EXISTS (SELECT FROM chat_group g WHERE g.closing AND NOT EXISTS (
    SELECT FROM app_data d WHERE d.app = g.app AND d.import_state = 'importing'));
END $$;


CREATE OR REPLACE FUNCTION roost.digest_of(a_sender bigint, a_client_id text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT 'erased:' || encode(sha256(convert_to(a_sender || ':' || a_client_id, 'UTF8')), 'hex')
$$;

CREATE OR REPLACE FUNCTION roost.erased_client_id(a_sender bigint, a_client_id text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN a_client_id ~ '^erased:[0-9a-f]{64}$' THEN a_client_id ELSE roost.digest_of(a_sender, a_client_id) END
$$;

CREATE OR REPLACE FUNCTION roost.erase_messages(a_ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO erased_sender AS e (account, newest_id)
    SELECT m.sender, max(m.id) FROM unnest(a_ids) AS gone (id) JOIN message m ON m.id = gone.id
    WHERE m.client_id IS NOT NULL AND (SELECT a.app FROM account a WHERE a.number = m.sender) <> ''
    GROUP BY m.sender
    ON CONFLICT (account) DO UPDATE SET newest_id = greatest(e.newest_id, excluded.newest_id);
  -- A clientId may have been used again when the erased message of that name was too old to be compared: its digest
  -- stands for the newest one.
  UPDATE message SET client_id = null
    FROM unnest(a_ids) AS gone (id) JOIN message m ON m.id = gone.id
    WHERE m.client_id !~ '^erased:[0-9a-f]{64}$' AND message.sender = m.sender
      AND message.client_id = roost.digest_of(m.sender, m.client_id);
  UPDATE message SET body = '', extra = '', mentions = null,
      client_id = CASE WHEN message.client_id IS NOT NULL
          AND (SELECT a.app FROM account a WHERE a.number = message.sender) <> ''
        THEN roost.erased_client_id(message.sender, message.client_id) END,
      state = coalesce(message.state, 0) | 2
    FROM unnest(a_ids) AS gone (id) WHERE message.id = gone.id;
  DELETE FROM mention USING unnest(a_ids) AS gone (id) WHERE mention.id = gone.id;
  DELETE FROM reaction USING unnest(a_ids) AS gone (id) WHERE reaction.message = gone.id;
  DELETE FROM reaction_count USING unnest(a_ids) AS gone (id) WHERE reaction_count.message = gone.id;
  DELETE FROM pin USING unnest(a_ids) AS gone (id) WHERE pin.message = gone.id;
  DELETE FROM media_use USING unnest(a_ids) AS gone (id) WHERE media_use.message = gone.id;
  UPDATE entry SET client_id = CASE WHEN (SELECT a.app FROM account a WHERE a.number = entry.actor) <> ''
      THEN roost.erased_client_id(entry.actor, entry.client_id) END
    FROM unnest(a_ids) AS gone (id) WHERE entry.refers = gone.id AND entry.client_id IS NOT NULL;
END $$;

-- The clientIds of talks, with the digests of those that repeat an erased message. a_senders: null for new accounts.
-- a_new_id: of the first talk. Only senders of erased messages that may still be retried cost more than a look.
CREATE OR REPLACE FUNCTION roost.stored_client_ids(a_senders bigint[], a_client_ids text[], a_new_id bigint)
RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  above CONSTANT bigint := a_new_id - (604800000::bigint << 22);
BEGIN
  IF NOT EXISTS (SELECT FROM erased_sender e WHERE e.account = ANY (a_senders) AND e.newest_id > above) THEN
    RETURN a_client_ids;
  END IF;
  RETURN ARRAY(
    SELECT coalesce(
      (SELECT m.client_id FROM message m
        WHERE e.account IS NOT NULL AND t.client_id <> '' AND m.sender = e.account
          AND m.client_id = roost.digest_of(t.sender, t.client_id)),
      t.client_id)
    FROM unnest(a_senders, a_client_ids) WITH ORDINALITY AS t (sender, client_id, position)
    LEFT JOIN erased_sender e ON e.account = t.sender AND e.newest_id > above
    ORDER BY t.position);
END $$;


CREATE OR REPLACE FUNCTION roost.delete_data(a_holder text, a_life text, a_app text, a_name text)
RETURNS SETOF roost.operation LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
  its_number bigint;
  its_id bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  its_number := roost.account_number(a_app, a_name);
  IF its_number IS NULL THEN RETURN; END IF;
  its_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
  DELETE FROM operation o WHERE o.step = 'done' AND o.ended_s < held.wall_us / 1000000 - 604800;
  PERFORM set_config('roost.deletes', 'on', true);
  UPDATE account a SET app = '', name = 'deleted,' || its_number WHERE a.number = its_number;
  PERFORM set_config('roost.deletes', 'off', true);
  PERFORM roost.move_last(its_id, held.wall_us / 1000);
  RETURN QUERY INSERT INTO operation (id, account, position, place, rows, started_s, ended_s, app, name, step)
    VALUES (its_id, its_number, 0, 0, 0, held.wall_us / 1000000, 0, a_app, a_name, 'groups') RETURNING *;
END $$;


-- Does a slice of the oldest deletion that runs; false if none does.
CREATE OR REPLACE FUNCTION roost.deletion_slice(a_holder text, a_life text, a_rows bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
  its roost.operation;
  next_id bigint;
  last_id bigint;
  ids bigint[];
  one record;
  dealt bigint := 0;
  changed bigint;
  reached bigint;
  next_place bigint := 0;
  is_more boolean := false;
BEGIN
  IF NOT EXISTS (SELECT FROM operation o WHERE o.step <> 'done') THEN RETURN false; END IF;
  held := roost.hold(a_holder, a_life);
  SELECT * INTO its FROM operation o WHERE o.step <> 'done' ORDER BY o.id LIMIT 1;
  IF NOT FOUND THEN RETURN false; END IF;
  last_id := held.last_id;
  reached := its.position;

  IF its.step = 'groups' THEN
    FOR one IN
      SELECT m.chat_group, m.number, g.member_count, g.dismissed_id
      FROM member m JOIN chat_group g ON g.number = m.chat_group
      WHERE m.account = its.account AND m.until_id IS NULL LIMIT 20
    LOOP
      next_id := roost.first_id(last_id, held.wall_us / 1000, held.node);
      IF one.member_count > 0 THEN
        PERFORM roost.end_members(one.chat_group, its.account, ARRAY[its.account], next_id, held.wall_us);
        last_id := next_id;
      ELSIF one.dismissed_id > 0 THEN
        UPDATE member m SET until_id = one.dismissed_id WHERE m.number = one.number;
      ELSE
        UPDATE member m SET until_id = next_id WHERE m.number = one.number;
        last_id := next_id;
      END IF;
      dealt := dealt + 1;
    END LOOP;
    is_more := dealt = 20;
  ELSIF its.step = 'partners' THEN
    ids := ARRAY(
      SELECT c.other FROM conversation c
      WHERE c.account = its.account AND c.other > greatest(its.position, 0) ORDER BY c.other LIMIT a_rows);
    next_id := roost.first_id(last_id, held.wall_us / 1000, held.node);
    -- One version for all of them: each account has its own.
    UPDATE conversation SET cleared_id = greatest(conversation.cleared_id, its.id), is_pinned = false,
        version = next_id
      FROM unnest(ids) AS partner (account)
      WHERE conversation.account = partner.account AND conversation.other = its.account
        AND partner.account <> its.account;
    IF FOUND THEN last_id := next_id; END IF;
    -- Both sides keep their rows, as of any two accounts that have talked.
    UPDATE conversation SET hidden_id = 0, cleared_id = its.id, version = 0, is_pinned = false, is_muted = false
      FROM unnest(ids) AS partner (account)
      WHERE conversation.account = its.account AND conversation.other = partner.account;
    dealt := cardinality(ids);
    reached := coalesce(ids[dealt], reached);
    is_more := dealt = a_rows;
  ELSIF its.step = 'direct' THEN
    ids := ARRAY(
      SELECT n.id FROM (
        (SELECT m.id FROM message m WHERE m.inbox = its.account AND m.id > its.position ORDER BY m.id LIMIT a_rows)
        UNION
        (SELECT m.id FROM message m
          WHERE m.sender = its.account AND m.inbox > 0 AND m.inbox <> m.sender AND m.id > its.position
          ORDER BY m.id LIMIT a_rows)
      ) n ORDER BY n.id LIMIT a_rows);
    PERFORM roost.erase_messages(ids);
    dealt := cardinality(ids);
    reached := coalesce(ids[dealt], reached);
    is_more := dealt = a_rows;
  ELSIF its.step = 'spoken' THEN
    -- What it said in a group is inside its windows: place is the row of a window, position a message.
    SELECT m.number, m.chat_group, m.from_id, m.until_id INTO one FROM member m
      WHERE m.account = its.account AND m.number >= its.place ORDER BY m.number LIMIT 1;
    IF FOUND THEN
      is_more := true;
      ids := ARRAY(
        SELECT m.id FROM message m
        WHERE m.inbox = -one.chat_group AND m.id > greatest(its.position, one.from_id)
          AND m.id < coalesce(one.until_id, 9223372036854775807)
        ORDER BY m.id LIMIT a_rows);
      PERFORM roost.erase_messages(ARRAY(
        SELECT m.id FROM unnest(ids) AS read (id) JOIN message m ON m.id = read.id WHERE m.sender = its.account));
      dealt := cardinality(ids);
      reached := CASE WHEN dealt = a_rows THEN ids[dealt] ELSE 0 END;
      next_place := CASE WHEN dealt = a_rows THEN one.number ELSE one.number + 1 END;
    END IF;
  ELSIF its.step = 'imported' THEN
    -- What an import says that it sent to groups outside of its windows: place is a group, position a message.
    SELECT s.chat_group INTO one FROM import_speaker s
      WHERE s.account = its.account AND s.chat_group >= its.place ORDER BY s.chat_group LIMIT 1;
    IF FOUND THEN
      is_more := true;
      ids := ARRAY(
        SELECT m.id FROM message m
        WHERE m.inbox = -one.chat_group AND m.id > its.position
          AND m.id <= (SELECT d.checked_id FROM app_data d WHERE d.app = its.app)
        ORDER BY m.id LIMIT a_rows);
      PERFORM roost.erase_messages(ARRAY(
        SELECT m.id FROM unnest(ids) AS read (id) JOIN message m ON m.id = read.id WHERE m.sender = its.account));
      dealt := cardinality(ids);
      reached := CASE WHEN dealt = a_rows THEN ids[dealt] ELSE 0 END;
      next_place := CASE WHEN dealt = a_rows THEN one.chat_group ELSE one.chat_group + 1 END;
    END IF;
  ELSIF its.step = 'mentions' THEN
    -- A message says by name whom it mentions, which another account may have from now on.
    FOR one IN SELECT n.other, n.id FROM mention n WHERE n.account = its.account LIMIT a_rows LOOP
      UPDATE message m
        SET mentions = nullif(array_to_string(array_remove(string_to_array(m.mentions, ','), its.name), ','), '')
        WHERE m.id = one.id;
      DELETE FROM mention n WHERE n.account = its.account AND n.other = one.other AND n.id = one.id;
      dealt := dealt + 1;
    END LOOP;
    is_more := dealt = a_rows;
  ELSIF its.step = 'hooks' THEN
    SELECT e.reached, e.changed INTO reached, dealt FROM roost.erase_in_hooks(its.app, its.name, its.position) e;
    is_more := reached IS NOT NULL;
  ELSIF its.step = 'reactions' THEN
    SELECT max(n.message) INTO reached FROM (
      SELECT r.message FROM reaction r WHERE r.message > its.position ORDER BY r.message LIMIT a_rows) n;
    is_more := reached IS NOT NULL;
    FOR one IN
      SELECT r.message, r.reaction FROM reaction r
      WHERE r.message > its.position AND r.message <= reached AND r.account = its.account
    LOOP
      DELETE FROM reaction r
        WHERE r.message = one.message AND r.reaction = one.reaction AND r.account = its.account;
      UPDATE reaction_count c SET accounts = c.accounts - 1
        WHERE c.message = one.message AND c.reaction = one.reaction;
      DELETE FROM reaction_count c WHERE c.message = one.message AND c.reaction = one.reaction AND c.accounts = 0;
      dealt := dealt + 1;
    END LOOP;
  ELSIF its.step = 'entries' THEN
    SELECT max(n.key) INTO reached FROM (
        SELECT t.id AS key FROM entry t WHERE t.id > its.position ORDER BY t.id LIMIT a_rows) n;
      is_more := reached IS NOT NULL;
      DELETE FROM entry t WHERE t.id > its.position AND t.id <= reached AND t.actor = its.account AND t.kind = 3;
      GET DIAGNOSTICS dealt = ROW_COUNT;
  ELSIF its.step = 'blocks' THEN
    SELECT max(n.key) INTO reached FROM (
        SELECT t.account AS key FROM block t WHERE t.account > its.position ORDER BY t.account LIMIT a_rows) n;
      is_more := reached IS NOT NULL;
      DELETE FROM block t WHERE t.account > its.position AND t.account <= reached AND t.blocked = its.account;
      GET DIAGNOSTICS dealt = ROW_COUNT;
  ELSIF its.step = 'invitations' THEN
    SELECT max(n.key) INTO reached FROM (
        SELECT t.number AS key FROM invitation t WHERE t.number > its.position ORDER BY t.number LIMIT a_rows) n;
      is_more := reached IS NOT NULL;
      DELETE FROM invitation t WHERE t.number > its.position AND t.number <= reached AND t.maker = its.account;
      GET DIAGNOSTICS dealt = ROW_COUNT;
  ELSIF its.step = 'own' THEN
    DELETE FROM conversation WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM conversation t WHERE t.account = its.account AND t.other < 0 LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM block WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM block t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM hidden WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM hidden t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM join_request WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM join_request t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM cursor WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM cursor t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM read_cursor WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM read_cursor t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM consent WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM consent t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM profile WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM profile t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM guard WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM guard t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM group_count WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM group_count t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM seen WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM seen t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM erased_sender WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM erased_sender t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    DELETE FROM import_speaker WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM import_speaker t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    is_more := dealt = a_rows;
    -- Those of whoever has the name now are younger. That its tokens are revoked stays.
    DELETE FROM revocation r
      WHERE r.app = its.app AND r.account = its.name AND r.kind = 'kick' AND r.id < its.id;
    -- Those that messages named go with them; an account has few others.
    UPDATE media m SET state = 3 WHERE m.account = its.account AND m.state < 2;
  ELSIF its.step = 'windows' THEN
    DELETE FROM member WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM member t WHERE t.account = its.account LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);
    is_more := dealt = a_rows;
  END IF;

  UPDATE operation o SET rows = o.rows + dealt,
      step = CASE WHEN is_more THEN its.step ELSE (
        SELECT t.step FROM unnest(ARRAY['groups', 'partners', 'direct', 'spoken', 'imported', 'mentions', 'hooks', 'reactions', 'entries', 'blocks', 'invitations', 'own', 'windows', 'done']) WITH ORDINALITY AS t (step, position)
        WHERE t.position = 1 + array_position(ARRAY['groups', 'partners', 'direct', 'spoken', 'imported', 'mentions', 'hooks', 'reactions', 'entries', 'blocks', 'invitations', 'own', 'windows', 'done'], its.step)) END,
      position = CASE WHEN is_more THEN reached ELSE 0 END,
      place = CASE WHEN is_more THEN next_place ELSE 0 END,
      ended_s = CASE WHEN NOT is_more AND its.step = 'windows' THEN held.wall_us / 1000000 ELSE 0 END,
      name = CASE WHEN NOT is_more AND its.step = 'windows' THEN '' ELSE its.name END
    WHERE o.id = its.id;
  IF last_id <> held.last_id THEN PERFORM roost.move_last(last_id, held.wall_us / 1000); END IF;
  RETURN true;
END $$;


CREATE OR REPLACE FUNCTION roost.set_retention(a_holder text, a_life text, a_app text, a_days bigint)
RETURNS SETOF roost.app_data LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, a_life);
  -- No row: a program of a former schema uses the store.
  IF a_days > 0 AND EXISTS (
    SELECT FROM node n WHERE n.holder NOT LIKE '%:%'
      AND n.until_ms BETWEEN held.wall_us / 1000 - 60000 AND held.wall_us / 1000 + 30000)
  THEN RETURN; END IF;
  RETURN QUERY INSERT INTO app_data AS d (watermark_id, purged_id, keep_days, checked_id, app, import_state)
    VALUES (0, 0, a_days, 0, a_app, 'none')
    ON CONFLICT (app) DO UPDATE SET keep_days = excluded.keep_days RETURNING d.*;
END $$;

-- Erases a slice of what is behind the watermark of an app; false if there is nothing. Reads a_rows messages, whomever
-- they belong to. Those that a purge holds are about to be gone.
CREATE OR REPLACE FUNCTION roost.retention_slice(a_holder text, a_life text, a_rows bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  its roost.app_data;
  ids bigint[];
BEGIN
  IF NOT EXISTS (SELECT FROM app_data d WHERE d.purged_id < d.watermark_id) THEN RETURN false; END IF;
  PERFORM roost.hold(a_holder, a_life);
  SELECT * INTO its FROM app_data d WHERE d.purged_id < d.watermark_id ORDER BY d.app LIMIT 1;
  IF NOT FOUND THEN RETURN false; END IF;
  ids := ARRAY(
    SELECT m.id FROM message m WHERE m.id > its.purged_id AND m.id <= its.watermark_id ORDER BY m.id LIMIT a_rows);
  PERFORM roost.erase_messages(ARRAY(
    SELECT m.id FROM unnest(ids) AS read (id) JOIN message m ON m.id = read.id
    WHERE (SELECT a.app FROM account a WHERE a.number = m.sender) = its.app
    FOR UPDATE OF m SKIP LOCKED));
  UPDATE app_data d
    SET purged_id = CASE WHEN cardinality(ids) < a_rows THEN its.watermark_id ELSE ids[cardinality(ids)] END
    WHERE d.app = its.app;
  RETURN true;
END $$;


CREATE OR REPLACE FUNCTION roost.import_cursor(a_stored bigint) RETURNS text LANGUAGE sql IMMUTABLE RETURN
  CASE WHEN a_stored = 0 THEN '' ELSE a_stored::text END;

CREATE OR REPLACE FUNCTION roost.set_import_state(a_app text, a_state text, a_last_id bigint) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO roost.app_data (watermark_id, purged_id, keep_days, checked_id, app, import_state)
    VALUES (0, 0, 0, a_last_id, a_app, a_state)
    ON CONFLICT (app) DO UPDATE SET checked_id = excluded.checked_id, import_state = excluded.import_state;
$$;

-- Why an app takes no page: an outcome, or null. checking: more was committed since the last page than one call looks
-- at.
CREATE OR REPLACE FUNCTION roost.import_refusal(a_app text, a_last_id bigint) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  its roost.app_data;
  looked record;
BEGIN
  SELECT * INTO its FROM app_data d WHERE d.app = a_app;
  IF NOT FOUND OR its.import_state = 'none' THEN
    RETURN CASE WHEN EXISTS (SELECT FROM account a WHERE a.app = a_app)
      OR EXISTS (SELECT FROM chat_group g WHERE g.app = a_app)
      THEN json_build_object('result', 'live', 'isComplete', false) END;
  END IF;
  IF its.import_state <> 'importing' THEN
    RETURN json_build_object('result', 'live', 'isComplete', its.import_state = 'complete');
  END IF;
  SELECT count(*) AS messages, max(m.id) AS last, bool_or(a.app = a_app) AS is_used INTO looked
    FROM (
      SELECT m.id, m.sender FROM message m WHERE m.id > its.checked_id ORDER BY m.id LIMIT 20000) m
    JOIN account a ON a.number = m.sender;
  IF looked.is_used THEN
    UPDATE app_data d SET import_state = 'live', checked_id = a_last_id WHERE d.app = a_app;
    RETURN json_build_object('result', 'live', 'isComplete', false);
  END IF;
  IF looked.messages < 20000 THEN RETURN null; END IF;
  UPDATE app_data d SET checked_id = looked.last WHERE d.app = a_app;
  RETURN json_build_object('result', 'checking');
END $$;

-- Lets no import begin any more in the app of an account that is about to be deleted: it could bring it back. Null if
-- that is so; importing: one has begun, and nobody has used the app in another way; checking: repeat the call.
CREATE OR REPLACE FUNCTION roost.close_imports(a_holder text, a_life text, a_app text, a_name text) RETURNS text
LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
  state text;
  refusal json;
BEGIN
  held := roost.hold(a_holder, a_life);
  IF roost.account_number(a_app, a_name) IS NULL THEN RETURN null; END IF;
  state := coalesce((SELECT d.import_state FROM app_data d WHERE d.app = a_app), 'none');
  IF state = 'none' THEN PERFORM roost.set_import_state(a_app, 'live', held.last_id); END IF;
  IF state <> 'importing' THEN RETURN null; END IF;
  refusal := roost.import_refusal(a_app, held.last_id);
  RETURN CASE WHEN refusal IS NULL THEN 'importing' WHEN refusal ->> 'result' = 'checking' THEN 'checking' END;
END $$;


CREATE OR REPLACE FUNCTION roost.import_message(
  a_app text, a_import bigint, a_record json, a_id bigint, a_wall_us bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  sent CONSTANT bigint := (a_record ->> 'sendTime')::bigint;
  former CONSTANT bigint := coalesce((a_record ->> 'messageId')::bigint, 0);
  parent CONSTANT bigint := coalesce((a_record ->> 'replyTo')::bigint, 0);
  is_recalled CONSTANT boolean := coalesce((a_record ->> 'recalled')::boolean, false);
  last_former bigint;
  its_sender bigint;
  its_inbox bigint;
  its_parent bigint;
  its_mentions text;
  names text[];
BEGIN
  IF sent > a_wall_us * 1000 THEN
    RETURN 'message.sendTime ' || sent || ' is in the future: it is ' || a_wall_us * 1000 || ' now';
  END IF;
  IF former > 0 THEN
    UPDATE import i SET last_id = former WHERE i.number = a_import AND i.last_id < former;
    IF NOT FOUND THEN
      SELECT i.last_id INTO last_former FROM import i WHERE i.number = a_import;
      RETURN 'message.messageId ' || former || ' is not above ' || last_former || ', the one before it';
    END IF;
  END IF;
  IF a_record ->> 'group' IS NOT NULL THEN
    SELECT -g.number INTO its_inbox FROM chat_group g WHERE g.app = a_app AND g.id = a_record ->> 'group';
    IF NOT FOUND THEN RETURN 'message.group ' || (a_record ->> 'group') || ' has no record before it'; END IF;
  ELSE
    its_inbox := (roost.account_numbers(a_app, ARRAY[a_record ->> 'account']))[1];
  END IF;
  its_sender := (roost.account_numbers(a_app, ARRAY[a_record ->> 'sender']))[1];
  IF parent > 0 THEN
    SELECT d.id INTO its_parent FROM import_id d WHERE d.import = a_import AND d.former = parent;
  END IF;
  IF NOT is_recalled AND a_record -> 'mentions' IS NOT NULL THEN
    names := ARRAY(SELECT json_array_elements_text(a_record -> 'mentions'));
    its_mentions := nullif(array_to_string(names, ','), '');
    -- Those who come with a later record, too, are told, and forgotten with their accounts.
    PERFORM roost.account_numbers(a_app, array_remove(names, '*'));
  END IF;
  INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id, mentions, reply_to, state)
    VALUES (a_id, its_inbox, its_sender, coalesce((a_record ->> 'type')::integer, 1),
      CASE WHEN is_recalled THEN '' ELSE coalesce(a_record ->> 'body', '') END,
      CASE WHEN is_recalled THEN '' ELSE coalesce(a_record ->> 'extra', '') END,
      sent, null, its_mentions, its_parent,
      nullif(CASE WHEN (a_record ->> 'edited')::boolean THEN 1 ELSE 0 END
        + CASE WHEN is_recalled THEN 2 ELSE 0 END, 0));
  IF its_inbox < 0 AND NOT EXISTS (
    SELECT FROM member m WHERE m.chat_group = -its_inbox AND m.account = its_sender AND m.until_id IS NULL)
  THEN
    INSERT INTO import_speaker (account, chat_group) VALUES (its_sender, -its_inbox) ON CONFLICT DO NOTHING;
  END IF;
  IF its_inbox > 0 AND (
    SELECT true FROM conversation c WHERE c.account = its_inbox AND c.other = its_sender) IS NULL
  THEN
    INSERT INTO conversation (account, other)
      SELECT DISTINCT side.account, side.other
      FROM (VALUES (its_inbox, its_sender), (its_sender, its_inbox)) AS side (account, other);
  END IF;
  IF its_parent IS NOT NULL OR its_mentions IS NOT NULL THEN PERFORM roost.add_links(a_id, a_app, ''); END IF;
  IF former > 0 THEN INSERT INTO import_id (import, former, id) VALUES (a_import, former, a_id); END IF;
  IF is_recalled OR a_record -> 'reactions' IS NULL THEN RETURN null; END IF;
  names := ARRAY(SELECT t.account FROM json_to_recordset(a_record -> 'reactions') AS t (account text));
  INSERT INTO reaction (message, account, entry, reaction)
    SELECT a_id, t.number, 0, t.reaction
    FROM ROWS FROM (
        json_to_recordset(a_record -> 'reactions') AS (reaction text), unnest(roost.account_numbers(a_app, names))
      ) AS t (reaction, number)
    ON CONFLICT DO NOTHING;
  INSERT INTO reaction_count (message, accounts, reaction)
    SELECT r.message, count(*), r.reaction FROM reaction r WHERE r.message = a_id GROUP BY r.message, r.reaction;
  RETURN null;
END $$;

-- A group that is there already came with an earlier record: nobody else makes groups in this app.
CREATE OR REPLACE FUNCTION roost.import_group(a_app text, a_record json, a_wall_us bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  created CONSTANT bigint := coalesce((a_record ->> 'createdAt')::bigint, 0);
BEGIN
  IF created > a_wall_us / 1000000 THEN
    RETURN 'group.createdAt ' || created || ' is in the future: it is ' || a_wall_us / 1000000 || ' now';
  END IF;
  IF EXISTS (SELECT FROM chat_group g WHERE g.app = a_app AND g.id = a_record ->> 'id') THEN RETURN null; END IF;
  INSERT INTO chat_group (app, id, name, avatar, introduction, announcement, owner, closed, approval, for_admins,
      created_ms, version, member_count)
    VALUES (a_app, a_record ->> 'id', coalesce(a_record ->> 'name', ''), coalesce(a_record ->> 'avatar', ''),
      coalesce(a_record ->> 'introduction', ''), coalesce(a_record ->> 'announcement', ''),
      CASE WHEN a_record ->> 'owner' = '' THEN 0
        ELSE (roost.account_numbers(a_app, ARRAY[a_record ->> 'owner']))[1] END,
      coalesce((a_record ->> 'closed')::boolean, false), coalesce((a_record ->> 'approval')::boolean, false),
      coalesce((a_record ->> 'muted')::boolean, false), created * 1000, 0, 0);
  RETURN null;
END $$;

-- Members and messages of a group that was dismissed follow with later records, so such a group ends anew behind each
-- page that has something of it; no row of a member is closed before the import is complete. Whether there is one.
CREATE OR REPLACE FUNCTION roost.end_dismissed(a_app text, a_records json, a_id bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE chat_group g SET dismissed_id = a_id, version = a_id, member_count = 0, closing = true
    FROM (
      SELECT
        coalesce(r.value -> 'message' ->> 'group', r.value -> 'member' ->> 'group', r.value -> 'group' ->> 'id') AS id,
        bool_or(coalesce((r.value -> 'group' ->> 'dismissed')::boolean, false)) AS is_dismissed
      FROM json_array_elements(a_records) AS r (value) GROUP BY 1) AS given
    WHERE g.app = a_app AND g.id = given.id AND (given.is_dismissed OR g.dismissed_id > 0);
  RETURN FOUND;
END $$;

-- Windows begin and end among the messages as the records do. a_id: of the joining; a_next_id: of the leaving.
CREATE OR REPLACE FUNCTION roost.import_member(
  a_app text, a_record json, a_id bigint, a_next_id bigint, a_wall_us bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  joined CONSTANT bigint := coalesce((a_record ->> 'joinTime')::bigint, 0);
  left_at CONSTANT bigint := coalesce((a_record ->> 'leaveTime')::bigint, 0);
  its_group bigint;
  its_account bigint;
BEGIN
  SELECT g.number INTO its_group FROM chat_group g WHERE g.app = a_app AND g.id = a_record ->> 'group';
  IF NOT FOUND THEN RETURN 'member.group ' || (a_record ->> 'group') || ' has no record before it'; END IF;
  IF greatest(joined, left_at) > a_wall_us / 1000000 THEN
    RETURN 'member.joinTime or member.leaveTime is in the future: it is ' || a_wall_us / 1000000 || ' now';
  END IF;
  its_account := (roost.account_numbers(a_app, ARRAY[a_record ->> 'account']))[1];
  IF NOT EXISTS (
    SELECT FROM member m WHERE m.chat_group = its_group AND m.account = its_account AND m.until_id IS NULL)
  THEN
    PERFORM roost.add_members(its_group, its_account, ARRAY[its_account], false, a_id, joined * 1000000);
    UPDATE member m SET role = CASE WHEN a_record ->> 'role' = 'admin' THEN 1 ELSE 0 END,
        alias = coalesce(a_record ->> 'alias', '')
      WHERE m.chat_group = its_group AND m.account = its_account AND m.until_id IS NULL;
  END IF;
  IF left_at > 0 THEN
    PERFORM roost.end_members(its_group, its_account, ARRAY[its_account], a_next_id, left_at * 1000000);
  END IF;
  RETURN null;
END $$;


-- blocksMax of the record: the accounts that an account may block. a_id: the first version; last_id: the last one that
-- was taken.
CREATE OR REPLACE FUNCTION roost.import_account(
  a_app text, a_record json, a_id bigint, OUT problem text, OUT last_id bigint
) LANGUAGE plpgsql AS $$
DECLARE
  me bigint;
  fresh bigint[];
BEGIN
  last_id := a_id;
  PERFORM roost.set_consent((a_record::jsonb || jsonb_build_object('app', a_app))::json, a_id);
  IF json_array_length(a_record -> 'blocked') = 0 THEN RETURN; END IF;
  me := (roost.account_numbers(a_app, ARRAY[a_record ->> 'account']))[1];
  fresh := ARRAY(
    SELECT DISTINCT t.number
    FROM unnest(roost.account_numbers(a_app, ARRAY(SELECT json_array_elements_text(a_record -> 'blocked')))) t (number)
    WHERE NOT EXISTS (SELECT FROM block b WHERE b.account = me AND b.blocked = t.number AND NOT b.is_off));
  IF cardinality(fresh) = 0 THEN RETURN; END IF;
  IF (SELECT count(*) FROM block b WHERE b.account = me) + cardinality(fresh) >
    (a_record ->> 'blocksMax')::bigint
  THEN
    problem := 'account.blocked: ' || (a_record ->> 'account') || ' would block more accounts than an account may';
    RETURN;
  END IF;
  -- Each has a version of its own: devices read them in pages.
  last_id := roost.id_after(a_id, cardinality(fresh));
  INSERT INTO block (account, blocked, version, is_off)
    SELECT me, t.number, roost.id_after(a_id, t.position), false
    FROM unnest(fresh) WITH ORDINALITY AS t (number, position)
    ON CONFLICT (account, blocked) DO UPDATE SET version = excluded.version, is_off = false;
  PERFORM roost.guard_account(me, last_id);
END $$;

-- A later record of the same conversation takes its place. Returns why it cannot be stored, or null.
CREATE OR REPLACE FUNCTION roost.import_conversation(
  a_app text, a_import bigint, a_record json, a_id bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  pins CONSTANT boolean := coalesce((a_record ->> 'pinned')::boolean, false);
  mutes CONSTANT boolean := coalesce((a_record ->> 'muted')::boolean, false);
  hides CONSTANT boolean := coalesce((a_record ->> 'hidden')::boolean, false);
  me bigint;
  its_other bigint;
  cleared CONSTANT bigint := coalesce((
    SELECT d.id FROM import_id d WHERE d.import = a_import AND d.former = (a_record ->> 'clearedTo')::bigint), 0);
  read_to CONSTANT bigint := (
    SELECT d.id FROM import_id d WHERE d.import = a_import AND d.former = (a_record ->> 'readTo')::bigint);
BEGIN
  me := (roost.account_numbers(a_app, ARRAY[a_record ->> 'account']))[1];
  IF a_record ->> 'group' IS NOT NULL THEN
    SELECT -g.number INTO its_other FROM chat_group g WHERE g.app = a_app AND g.id = a_record ->> 'group';
    IF NOT FOUND THEN RETURN 'conversation.group ' || (a_record ->> 'group') || ' has no record before it'; END IF;
  ELSE
    its_other := (roost.account_numbers(a_app, ARRAY[a_record ->> 'peer']))[1];
  END IF;
  IF pins AND (SELECT count(*) FROM conversation c WHERE c.account = me AND c.is_pinned AND c.other <> its_other)
    >= 100
  THEN
    RETURN 'conversation.pinned: ' || (a_record ->> 'account')
      || ' has pinned 100 others, and more may not be';
  END IF;
  IF pins OR mutes OR hides OR cleared > 0
    OR EXISTS (SELECT FROM conversation c WHERE c.account = me AND c.other = its_other AND c.version > 0)
  THEN
    -- Of a direct conversation, both sides have rows.
    INSERT INTO conversation (account, other) SELECT its_other, me WHERE its_other > 0 AND its_other <> me
      ON CONFLICT DO NOTHING;
    INSERT INTO conversation (account, other, hidden_id, cleared_id, version, is_pinned, is_muted)
      VALUES (me, its_other, CASE WHEN hides THEN a_id ELSE 0 END, cleared, a_id, pins, mutes)
      ON CONFLICT (account, other) DO UPDATE SET hidden_id = excluded.hidden_id, cleared_id = excluded.cleared_id,
        version = excluded.version, is_pinned = excluded.is_pinned, is_muted = excluded.is_muted;
  END IF;
  -- As the account may mark as read.
  IF EXISTS (
    SELECT FROM message m WHERE m.id = read_to AND CASE
      WHEN its_other < 0 THEN m.inbox = its_other AND coalesce((
    SELECT w.until_id IS NULL OR w.until_id > m.id FROM roost.member w
    WHERE w.account = me AND w.chat_group = -its_other AND w.from_id < m.id
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(me, -its_other))
      ELSE m.sender = me AND m.inbox = its_other OR m.sender = its_other AND m.inbox = me END)
  THEN
    INSERT INTO read_cursor AS c (account, other, read_id) VALUES (me, its_other, read_to)
      ON CONFLICT (account, other) DO UPDATE SET read_id = greatest(c.read_id, excluded.read_id);
  END IF;
  RETURN null;
END $$;


-- Makes accounts before a page is stored; nothing for a page that will not be, which is told why. True: repeat it.
CREATE OR REPLACE FUNCTION roost.import_accounts(
  a_holder text, a_life text, a_app text, a_name text, a_cursor text, a_names json
) RETURNS boolean LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
  refusal json;
BEGIN
  held := roost.hold(a_holder, a_life);
  IF a_cursor <> roost.import_cursor(coalesce(
    (SELECT i.stored FROM import i WHERE i.app = a_app AND i.name = a_name), 0)) THEN RETURN false; END IF;
  refusal := roost.import_refusal(a_app, held.last_id);
  IF refusal IS NOT NULL THEN RETURN refusal ->> 'result' = 'checking'; END IF;
  INSERT INTO import (stored, page_records, last_id, app, name) VALUES (0, 0, 0, a_app, a_name) ON CONFLICT DO NOTHING;
  PERFORM roost.set_import_state(a_app, 'importing', held.last_id);
  PERFORM roost.account_numbers(a_app, ARRAY(SELECT json_array_elements_text(a_names)));
  RETURN false;
END $$;


CREATE OR REPLACE FUNCTION roost.import_page(
  a_holder text, a_life text, a_app text, a_name text, a_cursor text, a_records json, a_is_last boolean
) RETURNS json LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
  its roost.import;
  refusal json;
  count CONSTANT bigint := json_array_length(a_records);
  its_cursor text;
  former_cursor text;
  last_id bigint;
  next_id bigint;
  given record;
BEGIN
  held := roost.hold(a_holder, a_life);
  SELECT * INTO its FROM import i WHERE i.app = a_app AND i.name = a_name;
  its_cursor := roost.import_cursor(coalesce(its.stored, 0));
  former_cursor := roost.import_cursor(coalesce(its.stored - its.page_records, 0));
  IF count > 0 AND a_cursor = former_cursor AND its_cursor <> former_cursor AND count = its.page_records THEN
    RETURN json_build_object('result', 'stored', 'cursor', its_cursor, 'stored', its.stored, 'isRepeated', true);
  END IF;
  refusal := roost.import_refusal(a_app, held.last_id);
  IF refusal IS NOT NULL THEN RETURN refusal; END IF;
  IF count = 0 AND NOT a_is_last THEN
    RETURN json_build_object(
      'result', 'stored', 'cursor', its_cursor, 'stored', coalesce(its.stored, 0), 'isRepeated', false);
  END IF;
  IF a_cursor <> its_cursor THEN RETURN json_build_object('result', 'elsewhere', 'cursor', its_cursor); END IF;
  last_id := held.last_id;
  -- What is rolled back with a record that cannot be stored.
  DECLARE
    problem text;
    at bigint;
  BEGIN
    IF its.number IS NULL THEN
      INSERT INTO import (stored, page_records, last_id, app, name)
        VALUES (0, 0, 0, a_app, a_name) RETURNING * INTO its;
    END IF;
    FOR given IN SELECT value, ordinality - 1 AS position FROM json_array_elements(a_records) WITH ORDINALITY LOOP
      next_id := roost.first_id(last_id, held.wall_us / 1000, held.node);
      at := given.position;
      IF given.value -> 'message' IS NOT NULL THEN
        problem := roost.import_message(a_app, its.number, given.value -> 'message', next_id, held.wall_us);
        last_id := next_id;
      ELSIF given.value -> 'group' IS NOT NULL THEN
        problem := roost.import_group(a_app, given.value -> 'group', held.wall_us);
      ELSIF given.value -> 'member' IS NOT NULL THEN
        last_id := roost.first_id(next_id, held.wall_us / 1000, held.node);
        problem := roost.import_member(a_app, given.value -> 'member', next_id, last_id, held.wall_us);
      ELSIF given.value -> 'profile' IS NOT NULL THEN
        PERFORM roost.set_profile(
          ((given.value -> 'profile')::jsonb || jsonb_build_object('app', a_app))::json, next_id);
        last_id := next_id;
      ELSIF given.value -> 'account' IS NOT NULL THEN
        SELECT a.problem, a.last_id INTO problem, last_id
          FROM roost.import_account(a_app, given.value -> 'account', next_id) a;
      ELSIF given.value -> 'conversation' IS NOT NULL THEN
        problem := roost.import_conversation(a_app, its.number, given.value -> 'conversation', next_id);
        last_id := next_id;
      ELSIF given.value -> 'file' IS NULL THEN
        -- A file is passed over: its content is elsewhere.
        problem := 'it has none of message, group, member, profile, account, conversation and file';
      END IF;
      IF problem IS NOT NULL THEN RAISE EXCEPTION '%', problem USING ERRCODE = 'RO010'; END IF;
    END LOOP;
  EXCEPTION WHEN SQLSTATE 'RO010' THEN
    RETURN json_build_object('result', 'invalid', 'position', at, 'reason', problem);
  END;
  next_id := roost.first_id(last_id, held.wall_us / 1000, held.node);
  IF roost.end_dismissed(a_app, a_records, next_id) THEN last_id := next_id; END IF;
  UPDATE import i SET stored = i.stored + count, page_records = count WHERE i.number = its.number RETURNING * INTO its;
  PERFORM roost.set_import_state(a_app, CASE WHEN a_is_last THEN 'complete' ELSE 'importing' END, last_id);
  IF a_is_last THEN
    DELETE FROM import_id d WHERE d.import IN (SELECT i.number FROM import i WHERE i.app = a_app);
  END IF;
  PERFORM roost.move_last(last_id, held.wall_us / 1000);
  RETURN json_build_object('result', 'stored', 'cursor', roost.import_cursor(its.stored), 'stored', its.stored,
    'isRepeated', false);
END $$;


-- Whether all of these files, their ids joined by commas, are complete and the account's own. Keeps them so until the
-- transaction ends.
CREATE OR REPLACE FUNCTION roost.are_media_usable(a_account bigint, a_media text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  usable bigint;
BEGIN
  SELECT count(*) INTO usable FROM (
    SELECT FROM media m
    WHERE m.id = ANY (string_to_array(a_media, ',')) AND m.account = a_account AND m.state IN (1, 2)
    ORDER BY m.id
    FOR UPDATE SKIP LOCKED
  ) t;
  RETURN usable = cardinality(string_to_array(a_media, ','));
END $$;

-- A message that was stored names these files.
CREATE OR REPLACE FUNCTION roost.add_media(a_message bigint, a_media text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO media_use (message, place, media)
    SELECT a_message, t.place - 1, t.id FROM unnest(string_to_array(a_media, ',')) WITH ORDINALITY AS t (id, place);
  UPDATE media m SET state = 2, uses = m.uses + 1 WHERE m.id = ANY (string_to_array(a_media, ','));
  UPDATE message m SET state = coalesce(m.state, 0) | 8 WHERE m.id = a_message;
END $$;

-- Whatever deletes the last use: a recall, the retention, an operator.
CREATE OR REPLACE FUNCTION roost.media_unused() RETURNS trigger LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  UPDATE media m SET uses = m.uses - 1, state = CASE WHEN m.uses <= 1 THEN 3 ELSE m.state END
    WHERE m.id = OLD.media;
  RETURN null;
END $$;
CREATE OR REPLACE TRIGGER media_unused AFTER DELETE ON roost.media_use
  FOR EACH ROW EXECUTE FUNCTION roost.media_unused();


-- A call of MediaStore that writes: MediaCall of store/media.ts. a_id: the version of a promise.
CREATE OR REPLACE FUNCTION roost.change_media(
  a_call json, a_id bigint, a_unnamed_max bigint, a_unnamed_bytes_max bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  me bigint;
  unnamed record;
BEGIN
  IF a_call ->> 'call' = 'forget' THEN
    DELETE FROM media m
      WHERE m.id IN (SELECT json_array_elements_text(a_call -> 'ids')) AND m.state = 3;
  ELSIF a_call ->> 'call' = 'complete' THEN
    me := roost.account_number(a_call ->> 'app', a_call ->> 'account');
    UPDATE media m SET state = 1
      WHERE m.id IN (SELECT json_array_elements_text(a_call -> 'ids')) AND m.account = me AND m.state = 0;
  ELSE
    me := (roost.account_numbers(a_call ->> 'app', ARRAY[a_call ->> 'account']))[1];
    SELECT count(*) AS count, coalesce(sum(m.size), 0) AS bytes INTO unnamed
      FROM media m WHERE m.account = me AND m.state < 2;
    IF unnamed.count >= a_unnamed_max THEN RETURN json_build_object('result', 'full'); END IF;
    IF unnamed.bytes + (a_call ->> 'size')::bigint > a_unnamed_bytes_max THEN
      RETURN json_build_object('result', 'fullOfBytes');
    END IF;
    -- Behind what was known lately come the files of the last minute or so: an account may have any number of files.
    IF (a_call -> 'quota' ->> 'bytes')::bigint + (a_call ->> 'size')::bigint + coalesce((
      SELECT sum(n.size) FROM (
        SELECT m.account, m.size, m.state FROM media m
        WHERE m.number > (a_call -> 'quota' ->> 'upTo')::bigint ORDER BY m.number) n
      WHERE n.account = me AND n.state <> 3), 0) > (a_call -> 'quota' ->> 'bytesMax')::bigint
    THEN
      RETURN json_build_object('result', 'fullOfAll');
    END IF;
    INSERT INTO media (account, size, version, state, id, name, type)
      VALUES (me, (a_call ->> 'size')::bigint, a_id, 0, a_call ->> 'id', a_call ->> 'name',
        a_call ->> 'type');
  END IF;
  RETURN json_build_object('result', 'stored');
END $$;

-- A slice of the files that no message has named for as long as a talk may be retried is gone; true if there is more.
CREATE OR REPLACE FUNCTION roost.expire_media(a_life text, a_rows bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  keyed_id bigint;
  expired bigint;
BEGIN
  PERFORM roost.require_life(a_life);
  SELECT m.id INTO keyed_id
    FROM mark m WHERE m.ran_ms <= (SELECT l.ran_ms FROM look l) - 86400000 ORDER BY m.id DESC LIMIT 1;
  IF keyed_id IS NULL THEN RETURN false; END IF;
  UPDATE media SET state = 3 WHERE number IN (
    SELECT m.number FROM media m WHERE m.state < 2 AND m.version <= keyed_id
    ORDER BY m.version LIMIT a_rows FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS expired = ROW_COUNT;
  RETURN expired >= a_rows;
END $$;


-- The files of a message, each as JSON: [id, name, type, size].
CREATE OR REPLACE FUNCTION roost.media_of(a_message bigint) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(
    SELECT json_build_array(m.id, m.name, m.type, m.size)::text
    FROM roost.media_use u JOIN roost.media m ON m.id = u.media
    WHERE u.message = a_message ORDER BY u.place);
END $$;

-- The same for an account that may read it, or (null) for whoever may read all messages of the app; null: it may not.
CREATE OR REPLACE FUNCTION roost.readable_media(a_app text, a_account text, a_message bigint) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_account IS NULL THEN
    IF NOT EXISTS (
      SELECT FROM roost.message m JOIN roost.account a ON a.number = m.sender
      WHERE m.id = a_message AND m.id > roost.watermark_of(a_app) AND a.app = a_app)
    THEN
      RETURN null;
    END IF;
  ELSIF cardinality(roost.visible_of(roost.account_number(a_app, a_account), ARRAY[a_message])) = 0 THEN
    RETURN null;
  END IF;
  RETURN roost.media_of(a_message);
END $$;

CREATE OR REPLACE FUNCTION roost.append_talks(
  a_holder text, a_life text,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_starts integer[], a_guards bigint, a_linked integer[], a_mentions text[], a_replies bigint[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (
  outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, previous_entry_id bigint,
  sender bigint, inbox bigint
) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT * FROM roost.store_talks(
    a_holder, a_life, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_to_knowns,
    a_types, a_bodies, a_extras, a_client_ids, a_starts, a_guards, a_linked, a_mentions, a_replies,
    array_fill(''::text, ARRAY[coalesce(cardinality(a_linked), 0)]),
    a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids);
END
$$;

CREATE OR REPLACE FUNCTION roost.append_batch(
  a_holder text, a_life text,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_starts integer[], a_linked integer[], a_mentions text[], a_replies bigint[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (
  outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, previous_entry_id bigint,
  sender bigint, inbox bigint
) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT
      CASE WHEN m.outcome IN (17, 18, 19) THEN 2
        ELSE m.outcome END::bigint,
      m.id, m.sent_ns, m.previous_id, m.group_version, m.previous_entry_id, m.sender, m.inbox
    FROM roost.append_talks(
      a_holder, a_life, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_to_knowns,
      a_types, a_bodies, a_extras, a_client_ids, a_starts, null, a_linked, a_mentions, a_replies,
      a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids) m;
END
$$;

CREATE OR REPLACE FUNCTION roost.change_memberships(
  a_holder text, a_life text, a_changes json, a_own_max bigint, a_put_max bigint, a_members_max bigint
) RETURNS TABLE (outcome bigint, number_1 bigint, number_2 bigint, number_3 bigint, number_4 bigint) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT
      CASE WHEN c.outcome IN (20, 21, 19) THEN 2
        WHEN c.outcome = 23 THEN 7
        ELSE c.outcome END::bigint,
      c.number_1, c.number_2, c.number_3, c.number_4
    FROM roost.change_members(a_holder, a_life, a_changes, a_own_max, a_put_max, a_members_max) c;
END
$$;

CREATE OR REPLACE FUNCTION roost.mark_read(
  a_life text, a_apps text[], a_accounts text[], a_to_groups boolean[], a_dests text[], a_ids bigint[]
) RETURNS TABLE (former_id bigint, read_id bigint) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT c.former_id, c.read_id
    FROM roost.move_cursors(a_life, a_apps, a_accounts, a_to_groups, a_dests, a_ids) c;
END
$$;

CREATE OR REPLACE FUNCTION roost.append_messages(
  a_holder text, a_life text,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_linked integer[], a_mentions text[], a_replies bigint[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (
  outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, previous_entry_id bigint,
  sender bigint, inbox bigint
) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT * FROM roost.append_batch(
    a_holder, a_life, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_to_knowns,
    a_types, a_bodies, a_extras, a_client_ids, ARRAY(SELECT generate_subscripts(a_apps, 1)), a_linked, a_mentions,
    a_replies, a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids);
END
$$;

-- Not called from outside. A call of the former store_messages that waits for the upgrade is about to call it, and
-- has begun no conversations.
CREATE OR REPLACE FUNCTION roost.save_last(a_last_id bigint, a_wall_ms bigint) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO roost.conversation (account, other)
    SELECT side.account, side.other
    FROM roost.message m, LATERAL (VALUES (m.inbox, m.sender), (m.sender, m.inbox)) AS side (account, other)
    WHERE m.id > (SELECT s.last_id FROM roost.sequence s) AND m.inbox > 0
    ON CONFLICT (account, other) DO NOTHING;
  SELECT roost.move_last(a_last_id, a_wall_ms);
$$;

CREATE OR REPLACE FUNCTION roost.store_messages(
  a_holder text, a_life text,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint,
  sender bigint, inbox bigint) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT m.outcome, m.id, m.sent_ns, m.previous_id, m.group_version, m.sender, m.inbox
    FROM roost.append_messages(
      a_holder, a_life, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_to_knowns,
      a_types, a_bodies, a_extras, a_client_ids, null, null, null,
      a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids) m;
END
$$;

CREATE OR REPLACE FUNCTION roost.write_messages(a_holder text, a_life text, a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]) RETURNS TABLE (outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint,
  sender bigint, inbox bigint) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT CASE WHEN m.outcome = 12 THEN 0 ELSE m.outcome END,
      m.id, m.sent_ns, m.previous_id, m.group_version, m.sender, m.inbox
    FROM roost.store_messages(
      a_holder, a_life, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers,
      array_fill(false, ARRAY[cardinality(a_apps)]), a_types, a_bodies, a_extras, a_client_ids,
      a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids) m;
END
$$;

CREATE OR REPLACE FUNCTION roost.write_groups(a_holder text, a_life text, a_changes json) RETURNS TABLE (outcome bigint, number_1 bigint, number_2 bigint) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT c.outcome, c.number_1, c.number_2 FROM roost.change_memberships(
    a_holder, a_life, a_changes,
    2000, 2000, 100000) c;
END
$$;

-- Not called from outside. A call of the former commit_messages or change_groups may be about to call it.
CREATE OR REPLACE FUNCTION roost.hold(
  a_holder text, OUT last_id bigint, OUT node bigint, OUT since_id bigint, OUT wall_us bigint
) LANGUAGE plpgsql AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, null::text);
  last_id := held.last_id;
  node := held.node;
  since_id := held.since_id;
  wall_us := held.wall_us;
END $$;

CREATE OR REPLACE FUNCTION roost.commit_messages(a_holder text, a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]) RETURNS TABLE (outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint,
  sender bigint, inbox bigint) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT * FROM roost.write_messages(
    a_holder, null, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_types, a_bodies,
    a_extras, a_client_ids, a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids);
END
$$;

CREATE OR REPLACE FUNCTION roost.change_groups(a_holder text, a_changes json) RETURNS TABLE (outcome bigint, number_1 bigint, number_2 bigint) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN RETURN QUERY SELECT * FROM roost.write_groups(a_holder, null, a_changes); END
$$;

CREATE OR REPLACE FUNCTION roost.renew(a_holder text, OUT last_id bigint, OUT wall_ms bigint) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, null::text);
  last_id := held.last_id;
  wall_ms := held.wall_us / 1000;
END
$$;

CREATE OR REPLACE FUNCTION roost.save_look(
  a_turn bigint, a_ran_ms bigint, a_leapt_ms bigint, a_later_ms bigint, a_latest_ms bigint,
  a_horizons json, a_marks json
) RETURNS boolean LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  RETURN roost.save_look(a_turn, a_ran_ms, a_leapt_ms, a_later_ms, a_latest_ms, a_horizons, a_marks, null);
END
$$;

CREATE OR REPLACE FUNCTION roost.delete_slice(
  a_above_id bigint, a_end_id bigint, a_rows integer, OUT next_id bigint, OUT messages bigint, OUT is_busy boolean
) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  SELECT s.next_id, s.messages, s.is_busy INTO next_id, messages, is_busy
    FROM roost.delete_slice(a_above_id, a_end_id, a_rows, null) s;
END
$$;

CREATE OR REPLACE FUNCTION roost.purge_slice(a_above_id bigint, a_rows integer) RETURNS bigint LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN RETURN roost.purge_slice(a_above_id, a_rows, null); END
$$;

-- Not called from outside. A call of the former commit_messages or change_groups may be about to call it.
CREATE OR REPLACE FUNCTION roost.hold(
  a_holder text, a_wall_ms bigint, OUT last_id bigint, OUT node bigint, OUT since_id bigint
) LANGUAGE plpgsql AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, null::text);
  last_id := held.last_id;
  node := held.node;
  since_id := held.since_id;
END $$;

CREATE OR REPLACE FUNCTION roost.commit_messages(a_holder text, a_wall_ms bigint, a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]) RETURNS TABLE (outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint,
  sender bigint, inbox bigint) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT * FROM roost.write_messages(
    a_holder, null, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_types, a_bodies,
    a_extras, a_client_ids, a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids);
END
$$;

CREATE OR REPLACE FUNCTION roost.change_groups(a_holder text, a_wall_ms bigint, a_changes json) RETURNS TABLE (outcome bigint, number_1 bigint, number_2 bigint) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN RETURN QUERY SELECT * FROM roost.write_groups(a_holder, null, a_changes); END
$$;

CREATE OR REPLACE FUNCTION roost.renew(a_holder text, a_wall_ms bigint) RETURNS bigint LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN RETURN (roost.hold(a_holder, null::text)).node; END
$$;

CREATE OR REPLACE FUNCTION roost.purge(a_above_id bigint, a_below_id bigint, a_rows integer) RETURNS bigint LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
BEGIN RETURN null; END
$$;
