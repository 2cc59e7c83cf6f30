-- The schema and functions of schema 5 as they were released: what a store has that is upgraded from it. It never changes.

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
ALTER TABLE roost.member ADD COLUMN is_own boolean NOT NULL DEFAULT false;
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
  UPDATE roost.identity SET epoch = replace(gen_random_uuid()::text, '-', '');
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

CREATE OR REPLACE FUNCTION roost.save_last(a_last_id bigint, a_wall_ms bigint) RETURNS void
LANGUAGE sql AS $$
  UPDATE roost.sequence SET last_id = a_last_id, committed_ms = a_wall_ms;
$$;


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


CREATE OR REPLACE FUNCTION roost.store_messages(
  a_holder text, a_life text,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (
  outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, sender bigint, inbox bigint
) LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
#variable_conflict use_column
DECLARE
  held record;
  first_id bigint;
  senders bigint[];
  -- The receiver's account, or minus the group's number; null for a group that does not exist.
  inboxes bigint[];
  versions bigint[];
  -- Why a talk may not be stored; null where it may.
  denials bigint[];
  is_complete boolean;
  -- Which receivers had to be made; null where none had.
  made boolean[];
  stored_count bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  IF cardinality(a_apps) > 0 THEN
    first_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
    FOR pass IN 1..2 LOOP
      SELECT array_agg(r.sender), array_agg(r.inbox), array_agg(coalesce((r.found).version, 0)),
          array_agg(CASE
            WHEN NOT r.to_group THEN CASE WHEN r.inbox IS NULL AND r.to_known THEN 13 END
            WHEN coalesce((r.found).member_count, 0) = 0 THEN 3
            WHEN NOT EXISTS (
              SELECT FROM member m
              WHERE m.chat_group = (r.found).number AND m.account = r.sender AND m.until_id IS NULL
            ) THEN 2
          END::bigint),
          bool_and(r.sender IS NOT NULL AND (r.to_group OR r.to_known OR r.inbox IS NOT NULL))
        INTO senders, inboxes, versions, denials, is_complete
        FROM (
          SELECT t.to_group, t.to_known, t.found,
            coalesce(t.sender_number, (SELECT a.number FROM account a WHERE a.app = t.app AND a.name = t.sender))
              AS sender,
            CASE WHEN t.to_group THEN -(t.found).number ELSE
              coalesce(t.dest_number, (SELECT a.number FROM account a WHERE a.app = t.app AND a.name = t.dest))
            END AS inbox
          FROM (
            SELECT *, CASE WHEN u.to_group
              THEN (SELECT g FROM chat_group g WHERE g.app = u.app AND g.id = u.dest) END AS found
            FROM unnest(
                a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_to_knowns
              ) WITH ORDINALITY AS u (app, sender, sender_number, to_group, dest, dest_number, to_known, position)
            OFFSET 0
          ) t
          ORDER BY t.position
        ) r;
      EXIT WHEN is_complete;
      made := ARRAY(SELECT inbox IS NULL FROM unnest(inboxes) WITH ORDINALITY AS t (inbox, position) ORDER BY position);
      PERFORM roost.add_accounts(a_apps, a_senders);
      PERFORM roost.add_accounts(array_agg(app), array_agg(dest))
        FROM unnest(a_apps, a_dests, a_to_groups, a_to_knowns) AS t (app, dest, to_group, to_known)
        WHERE NOT to_group AND NOT to_known;
    END LOOP;

    -- Of several talks with one clientId the first is stored, or none where there is an earlier one.
    INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id)
      SELECT roost.id_after(first_id, position - 1), inbox, sender, type, body, extra,
        held.wall_us * 1000 + position - 1, nullif(client_id, '')
      FROM unnest(inboxes, senders, denials, a_types, a_bodies, a_extras, a_client_ids) WITH ORDINALITY
        AS t (inbox, sender, denial, type, body, extra, client_id, position)
      WHERE denial IS NULL
      ORDER BY position
      ON CONFLICT (sender, client_id) WHERE client_id IS NOT NULL DO NOTHING;
    GET DIAGNOSTICS stored_count = ROW_COUNT;
    PERFORM roost.save_last(roost.id_after(first_id, cardinality(a_apps) - 1), held.wall_us / 1000);
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

  -- Every statement sees what the ones before it wrote. Where all talks were stored no earlier one is looked for. A
  -- talk whose clientId was stored before is told so, whatever its rights are now: its sender may have left the group.
  RETURN QUERY
    SELECT
      CASE
        WHEN t.inbox IS NULL THEN coalesce(t.denial, 3)
        WHEN (t.keyed).id IS NULL THEN
          coalesce(t.denial, CASE WHEN made[t.position] THEN 12 ELSE 0 END)
        WHEN (t.keyed).inbox <> t.inbox OR (t.keyed).type <> t.type OR (t.keyed).body <> t.body
          OR (t.keyed).extra <> t.extra THEN 4
        WHEN (t.keyed).id > held.since_id AND ((t.keyed).id >> 12) & 1023 = held.node
          THEN 1
        ELSE 11
      END,
      coalesce((t.keyed).id, t.new_id),
      coalesce((t.keyed).sent_ns, held.wall_us * 1000 + t.position - 1),
      coalesce(
        (SELECT b.id FROM message b WHERE b.inbox = t.inbox AND b.id < coalesce((t.keyed).id, t.new_id)
         ORDER BY b.id DESC LIMIT 1),
        0),
      t.version, t.sender, t.inbox
    FROM (
      SELECT *, CASE WHEN stored_count < cardinality(a_apps) AND n.client_id <> '' THEN (
        SELECT k FROM message k WHERE k.sender = n.sender AND k.client_id = n.client_id AND k.id < n.new_id
      ) END AS keyed
      FROM (
        SELECT *, roost.id_after(first_id, u.position - 1) AS new_id
        FROM unnest(inboxes, senders, versions, denials, a_types, a_bodies, a_extras, a_client_ids) WITH ORDINALITY
          AS u (inbox, sender, version, denial, type, body, extra, client_id, position)
      ) n
      OFFSET 0
    ) t
    ORDER BY t.position;
  RETURN QUERY
    SELECT CASE WHEN acked > held.last_id THEN 6 ELSE 5 END::bigint,
      0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint
    FROM unnest(a_ack_ids) WITH ORDINALITY AS t (acked, position) ORDER BY position;
END $$;

CREATE OR REPLACE FUNCTION roost.add_accounts(a_apps text[], a_names text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO account (app, name)
    SELECT DISTINCT t.app, t.name FROM unnest(a_apps, a_names) AS t (app, name)
    WHERE NOT EXISTS (SELECT FROM account a WHERE a.app = t.app AND a.name = t.name);
END $$;


CREATE OR REPLACE FUNCTION roost.change_memberships(
  a_holder text, a_life text, a_changes json, a_own_max bigint, a_put_max bigint, a_members_max bigint
) RETURNS TABLE (outcome bigint, number_1 bigint, number_2 bigint, number_3 bigint, number_4 bigint)
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
      answer := roost.found_group(change, changed, next_id, wall_ms, a_own_max, a_put_max);
    ELSIF kind = 'enter' THEN
      answer := roost.enter_slice(change, changed, next_id, wall_ms, a_put_max);
    ELSIF changed.number IS NULL OR changed.member_count = 0 THEN
      answer := ARRAY[CASE WHEN kind = 'quit' AND roost.has_left(change, changed)
        THEN 10 ELSE 3 END, 0, 0, 0, 0];
    ELSIF kind = 'join' THEN
      answer := roost.add_member(change, changed, next_id, wall_ms, a_own_max, a_put_max, a_members_max);
    ELSE
      answer := roost.remove_member(change, changed, next_id);
    END IF;
    IF answer[1] IN (9, 7) THEN last_id := next_id; END IF;
    RETURN QUERY SELECT answer[1], answer[2], answer[3], answer[4], answer[5];
  END LOOP;
  IF last_id <> held.last_id THEN PERFORM roost.save_last(last_id, wall_ms); END IF;
END $$;


-- Makes a group with its owner, the first of the members, and the others of them, who may be all.
CREATE OR REPLACE FUNCTION roost.found_group(
  a_draft json, a_existing roost.chat_group, a_id bigint, a_wall_ms bigint, a_own_max bigint, a_put_max bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_draft ->> 'app';
  -- A program of schema 3 names all members at once.
  is_whole CONSTANT boolean := coalesce((a_draft ->> 'isWhole')::boolean, true);
  names CONSTANT text[] := ARRAY(SELECT json_array_elements_text(a_draft -> 'members'));
  owner_number bigint;
  new_number bigint;
  left_out bigint[];
BEGIN
  -- 128 random bits meet only when a caller repeats a request whose answer it did not get.
  IF a_existing.number IS NOT NULL THEN RETURN ARRAY[7, a_existing.version, 0, 0, 0]; END IF;
  owner_number := (roost.account_numbers(its_app, names[1:1]))[1];
  PERFORM roost.count_groups(ARRAY[owner_number]);
  IF (SELECT c.own >= a_own_max FROM group_count c WHERE c.account = owner_number) THEN
    RETURN ARRAY[8, 0, 0, 0, 0];
  END IF;
  INSERT INTO chat_group (app, id, name, avatar, introduction, owner, closed, created_ms, version, member_count)
    VALUES (its_app, a_draft ->> 'group', a_draft ->> 'name', a_draft ->> 'avatar', a_draft ->> 'introduction',
      owner_number, (a_draft ->> 'closed')::boolean, a_wall_ms, a_id, 0)
    RETURNING number INTO new_number;
  INSERT INTO member (chat_group, account, from_id, joined_ms, is_own)
    VALUES (new_number, owner_number, a_id, a_wall_ms, true);
  left_out := roost.put_members(new_number, its_app, names[2:], a_id, a_wall_ms, a_put_max);
  IF is_whole THEN
    PERFORM roost.show_group(new_number, a_id);
    RETURN ARRAY[7, a_id] || left_out;
  END IF;
  INSERT INTO unfinished_group (chat_group, step) VALUES (new_number, 0);
  RETURN ARRAY[7, 0] || left_out;
END $$;

-- Lets further members into a group that is being created.
CREATE OR REPLACE FUNCTION roost.enter_slice(
  a_slice json, a_group roost.chat_group, a_id bigint, a_wall_ms bigint, a_put_max bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  left_out bigint[];
BEGIN
  UPDATE unfinished_group u SET step = u.step + 1 WHERE u.chat_group = a_group.number AND u.step >= 0;
  IF NOT FOUND THEN RETURN ARRAY[3, 0, 0, 0, 0]; END IF;
  left_out := roost.put_members(a_group.number, a_slice ->> 'app',
    ARRAY(SELECT json_array_elements_text(a_slice -> 'members')), a_id, a_wall_ms, a_put_max);
  IF NOT (a_slice ->> 'isLast')::boolean THEN RETURN ARRAY[7, 0] || left_out; END IF;
  PERFORM roost.show_group(a_group.number, a_id);
  DELETE FROM unfinished_group u WHERE u.chat_group = a_group.number;
  RETURN ARRAY[7, a_id] || left_out;
END $$;

-- Puts accounts into a group, but for those that are in as many as may be already: three words of bits say which.
CREATE OR REPLACE FUNCTION roost.put_members(
  a_group bigint, a_app text, a_names text[], a_id bigint, a_wall_ms bigint, a_put_max bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  accounts bigint[];
  entered bigint;
BEGIN
  IF cardinality(a_names) = 0 THEN RETURN ARRAY[0, 0, 0]; END IF;
  accounts := roost.account_numbers(a_app, a_names);
  PERFORM roost.count_groups(accounts);
  INSERT INTO member (chat_group, account, from_id, joined_ms)
    SELECT a_group, t.account, a_id, a_wall_ms
    FROM unnest(accounts) WITH ORDINALITY AS t (account, position)
    WHERE (SELECT c.put FROM group_count c WHERE c.account = t.account) < a_put_max
    ORDER BY t.position
    ON CONFLICT (chat_group, account) WHERE until_id IS NULL DO NOTHING;
  GET DIAGNOSTICS entered = ROW_COUNT;
  IF entered = cardinality(accounts) THEN RETURN ARRAY[0, 0, 0]; END IF;
  RETURN ARRAY(
    SELECT coalesce((
      SELECT bit_or(1::bigint << ((t.position - 1) & 63)::integer)
      FROM unnest(accounts[1:192]) WITH ORDINALITY AS t (account, position)
      WHERE (t.position - 1) / 64 = word.number AND NOT EXISTS (
        SELECT FROM member m WHERE m.chat_group = a_group AND m.account = t.account AND m.until_id IS NULL)
    ), 0)
    FROM generate_series(0, 2) AS word (number) ORDER BY word.number);
END $$;

CREATE OR REPLACE FUNCTION roost.show_group(a_group bigint, a_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE chat_group g SET version = a_id, member_count = (
      SELECT count(*) FROM member m WHERE m.chat_group = a_group AND m.until_id IS NULL)
    WHERE g.number = a_group;
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


CREATE OR REPLACE FUNCTION roost.add_member(
  a_change json, a_group roost.chat_group, a_id bigint, a_wall_ms bigint,
  a_own_max bigint, a_put_max bigint, a_members_max bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  joins_itself CONSTANT boolean := a_change ->> 'actor' = a_change ->> 'account';
  is_owner CONSTANT boolean := EXISTS (
    SELECT FROM account a
    WHERE a.app = a_change ->> 'app' AND a.name = a_change ->> 'actor' AND a.number = a_group.owner);
  target bigint;
  counted roost.group_count;
BEGIN
  IF NOT joins_itself AND NOT is_owner THEN RETURN ARRAY[2, 0, 0, 0, 0]; END IF;
  SELECT a.number INTO target FROM account a WHERE a.app = a_change ->> 'app' AND a.name = a_change ->> 'account';
  IF EXISTS (
    SELECT FROM member m WHERE m.chat_group = a_group.number AND m.account = target AND m.until_id IS NULL
  ) THEN
    RETURN ARRAY[10, 0, 0, 0, 0];
  END IF;
  IF a_group.closed AND NOT is_owner THEN RETURN ARRAY[2, 0, 0, 0, 0]; END IF;
  IF a_group.member_count >= a_members_max THEN RETURN ARRAY[8, 2, 0, 0, 0]; END IF;
  target := coalesce(target, (roost.account_numbers(a_change ->> 'app', ARRAY[a_change ->> 'account']))[1]);
  PERFORM roost.count_groups(ARRAY[target]);
  SELECT * INTO counted FROM group_count c WHERE c.account = target;
  IF joins_itself AND counted.own >= a_own_max THEN RETURN ARRAY[8, 0, 0, 0, 0]; END IF;
  IF NOT joins_itself AND counted.put >= a_put_max THEN
    RETURN ARRAY[8, 1, 0, 0, 0];
  END IF;
  INSERT INTO member (chat_group, account, from_id, joined_ms, is_own)
    VALUES (a_group.number, target, a_id, a_wall_ms, joins_itself);
  UPDATE chat_group g SET version = a_id, member_count = g.member_count + 1 WHERE g.number = a_group.number;
  RETURN ARRAY[9, a_group.version, a_id, 0, 0];
END $$;

-- The caller wants to leave, and has left before: it may not have got the answer, and the group may be closed since.
CREATE OR REPLACE FUNCTION roost.has_left(a_change json, a_group roost.chat_group) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  RETURN a_change ->> 'actor' = a_change ->> 'account' AND EXISTS (
    SELECT FROM member m
    WHERE m.account = (
        SELECT a.number FROM account a WHERE a.app = a_change ->> 'app' AND a.name = a_change ->> 'account')
      AND m.chat_group = a_group.number AND m.until_id IS NOT NULL);
END $$;

-- The owner's leaving hands the group to its longest member: members are numbered in the order of joining.
CREATE OR REPLACE FUNCTION roost.remove_member(a_change json, a_group roost.chat_group, a_id bigint)
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  leaves_itself CONSTANT boolean := a_change ->> 'actor' = a_change ->> 'account';
  target bigint;
  heir bigint;
BEGIN
  IF NOT leaves_itself AND NOT EXISTS (
    SELECT FROM account a
    WHERE a.app = a_change ->> 'app' AND a.name = a_change ->> 'actor' AND a.number = a_group.owner
  ) THEN
    RETURN ARRAY[2, 0, 0, 0, 0];
  END IF;
  SELECT a.number INTO target FROM account a WHERE a.app = a_change ->> 'app' AND a.name = a_change ->> 'account';
  UPDATE member m SET until_id = a_id
    WHERE m.chat_group = a_group.number AND m.account = target AND m.until_id IS NULL;
  IF NOT FOUND THEN
    RETURN ARRAY[CASE WHEN leaves_itself AND NOT roost.has_left(a_change, a_group)
      THEN 2 ELSE 10 END, 0, 0, 0, 0];
  END IF;
  IF target = a_group.owner THEN
    SELECT m.account INTO heir FROM member m
      WHERE m.chat_group = a_group.number AND m.until_id IS NULL ORDER BY m.number LIMIT 1;
  END IF;
  UPDATE chat_group g SET version = a_id, member_count = g.member_count - 1, owner = coalesce(heir, g.owner)
    WHERE g.number = a_group.number;
  RETURN ARRAY[9, a_group.version, a_id, 0, 0];
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
    WHERE NOT EXISTS (SELECT FROM group_count c WHERE c.account = t.account);
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

-- What was changed without them is counted again.
TRUNCATE roost.group_count;
CREATE OR REPLACE TRIGGER account_counted BEFORE INSERT ON roost.group_count
  FOR EACH ROW EXECUTE FUNCTION roost.count_account();
CREATE OR REPLACE TRIGGER member_entered AFTER INSERT ON roost.member
  FOR EACH ROW WHEN (NEW.until_id IS NULL) EXECUTE FUNCTION roost.count_member();
CREATE OR REPLACE TRIGGER member_changed AFTER UPDATE ON roost.member
  FOR EACH ROW WHEN (OLD.until_id IS NULL OR NEW.until_id IS NULL) EXECUTE FUNCTION roost.count_member();
CREATE OR REPLACE TRIGGER member_left AFTER DELETE ON roost.member
  FOR EACH ROW WHEN (OLD.until_id IS NULL) EXECUTE FUNCTION roost.count_member();
CREATE OR REPLACE TRIGGER member_truncated AFTER TRUNCATE ON roost.member
  FOR EACH STATEMENT EXECUTE FUNCTION roost.count_none();


CREATE OR REPLACE FUNCTION roost.save_look(
  a_turn bigint, a_ran_ms bigint, a_leapt_ms bigint, a_later_ms bigint, a_latest_ms bigint,
  a_horizons json, a_marks json, a_life text
) RETURNS boolean LANGUAGE plpgsql SET search_path = roost, pg_temp AS $$
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
  windows bigint;
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
  ) SELECT max(id), count(*) INTO last_deleted, messages FROM deleted;
  WITH deleted AS (
    DELETE FROM member WHERE number IN (
      SELECT m.number FROM member m WHERE m.until_id <= a_end_id ORDER BY m.until_id LIMIT a_rows)
    RETURNING number
  ) SELECT count(*) INTO windows FROM deleted;
  IF messages >= a_rows OR windows >= a_rows THEN
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
BEGIN
  IF a_life IS NOT NULL THEN PERFORM roost.require_life(a_life); END IF;
  SELECT roost.last_id_at(least(h.at_ms, roost.wall_us() / 1000 - h.keep_ms)) INTO end_id
    FROM horizon h WHERE h.kind = 'messages';
  SELECT m.id INTO keyed_id
    FROM mark m WHERE m.ran_ms <= (SELECT l.ran_ms FROM look l) - 86400000 ORDER BY m.id DESC LIMIT 1;
  IF end_id IS NULL OR keyed_id IS NULL THEN RETURN null; END IF;
  end_id := least(end_id, keyed_id);
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
  PERFORM roost.save_last(new_id, held.wall_us / 1000);
  RETURN new_id;
END $$;

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
