--
-- PostgreSQL database dump
--

\restrict a9B6O72SvtKsKwsGvK1f8RMcgSvMAnpwUmcgfDGA8TUkErsTvwJtoNQ2zNKzIfD

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: roost; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA roost;


--
-- Name: account_numbers(text, text[]); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.account_numbers(a_app text, a_names text[]) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM roost.add_accounts(array_fill(a_app, ARRAY[cardinality(a_names)]), a_names);
  RETURN ARRAY(
    SELECT (SELECT a.number FROM account a WHERE a.app = a_app AND a.name = t.name)
    FROM unnest(a_names) WITH ORDINALITY AS t (name, position) ORDER BY t.position);
END $$;


--
-- Name: add_accounts(text[], text[]); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.add_accounts(a_apps text[], a_names text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO account (app, name)
    SELECT DISTINCT t.app, t.name FROM unnest(a_apps, a_names) AS t (app, name)
    WHERE NOT EXISTS (SELECT FROM account a WHERE a.app = t.app AND a.name = t.name);
END $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: chat_group; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.chat_group (
    number bigint NOT NULL,
    owner bigint NOT NULL,
    created_ms bigint NOT NULL,
    version bigint NOT NULL,
    member_count bigint NOT NULL,
    closed boolean NOT NULL,
    app text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    avatar text NOT NULL,
    introduction text NOT NULL
);


--
-- Name: add_member(json, roost.chat_group, bigint, bigint, bigint, bigint, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.add_member(a_change json, a_group roost.chat_group, a_id bigint, a_wall_ms bigint, a_own_max bigint, a_put_max bigint, a_members_max bigint) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: change_groups(text, json); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.change_groups(a_holder text, a_changes json) RETURNS TABLE(outcome bigint, number_1 bigint, number_2 bigint)
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
BEGIN RETURN QUERY SELECT * FROM roost.write_groups(a_holder, null, a_changes); END
$$;


--
-- Name: change_groups(text, bigint, json); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.change_groups(a_holder text, a_wall_ms bigint, a_changes json) RETURNS TABLE(outcome bigint, number_1 bigint, number_2 bigint)
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
BEGIN RETURN QUERY SELECT * FROM roost.write_groups(a_holder, null, a_changes); END
$$;


--
-- Name: change_memberships(text, text, json, bigint, bigint, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.change_memberships(a_holder text, a_life text, a_changes json, a_own_max bigint, a_put_max bigint, a_members_max bigint) RETURNS TABLE(outcome bigint, number_1 bigint, number_2 bigint, number_3 bigint, number_4 bigint)
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
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


--
-- Name: claim(text, text[], boolean); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.claim(a_holder text, a_fingerprints text[], a_adopts boolean, OUT outcome text, OUT identity text, OUT last_id bigint, OUT wall_ms bigint, OUT life text) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $_$
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
END $_$;


--
-- Name: commit_messages(text, text[], text[], bigint[], boolean[], text[], bigint[], integer[], text[], text[], text[], text[], text[], text[], bigint[]); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.commit_messages(a_holder text, a_apps text[], a_senders text[], a_sender_numbers bigint[], a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[], a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]) RETURNS TABLE(outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, sender bigint, inbox bigint)
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
BEGIN
  RETURN QUERY SELECT * FROM roost.write_messages(
    a_holder, null, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_types, a_bodies,
    a_extras, a_client_ids, a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids);
END
$$;


--
-- Name: commit_messages(text, bigint, text[], text[], bigint[], boolean[], text[], bigint[], integer[], text[], text[], text[], text[], text[], text[], bigint[]); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.commit_messages(a_holder text, a_wall_ms bigint, a_apps text[], a_senders text[], a_sender_numbers bigint[], a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[], a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]) RETURNS TABLE(outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, sender bigint, inbox bigint)
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
BEGIN
  RETURN QUERY SELECT * FROM roost.write_messages(
    a_holder, null, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_types, a_bodies,
    a_extras, a_client_ids, a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids);
END
$$;


--
-- Name: count_account(); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.count_account() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  SELECT count(*) FILTER (WHERE m.is_own), count(*) FILTER (WHERE NOT m.is_own) INTO NEW.own, NEW.put
    FROM roost.member m WHERE m.account = NEW.account AND m.until_id IS NULL;
  RETURN NEW;
END $$;


--
-- Name: count_groups(bigint[]); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.count_groups(a_accounts bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO group_count (account, own, put)
    SELECT t.account, 0, 0
    FROM (SELECT DISTINCT account FROM unnest(a_accounts) account) t
    WHERE NOT EXISTS (SELECT FROM group_count c WHERE c.account = t.account);
END $$;


--
-- Name: count_member(); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.count_member() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


--
-- Name: count_none(); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.count_none() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  TRUNCATE roost.group_count;
  RETURN null;
END $$;


--
-- Name: delete_slice(bigint, bigint, integer); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.delete_slice(a_above_id bigint, a_end_id bigint, a_rows integer, OUT next_id bigint, OUT messages bigint, OUT is_busy boolean) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
BEGIN
  SELECT s.next_id, s.messages, s.is_busy INTO next_id, messages, is_busy
    FROM roost.delete_slice(a_above_id, a_end_id, a_rows, null) s;
END
$$;


--
-- Name: delete_slice(bigint, bigint, integer, text); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.delete_slice(a_above_id bigint, a_end_id bigint, a_rows integer, a_life text, OUT next_id bigint, OUT messages bigint, OUT is_busy boolean) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
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


--
-- Name: drop_unfinished(text, text, bigint, bigint, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.drop_unfinished(a_holder text, a_life text, a_group bigint, a_step bigint, a_rows bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
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


--
-- Name: enter_slice(json, roost.chat_group, bigint, bigint, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.enter_slice(a_slice json, a_group roost.chat_group, a_id bigint, a_wall_ms bigint, a_put_max bigint) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: first_id(bigint, bigint, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.first_id(a_last_id bigint, a_wall_ms bigint, a_node bigint) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE
    AS $$
DECLARE
  own CONSTANT bigint := ((a_wall_ms - 1577836800000) << 22) | (a_node << 12);
  same_time CONSTANT bigint := ((a_last_id >> 22) << 22) | (a_node << 12);
BEGIN
  IF own > a_last_id THEN RETURN own; END IF;
  IF same_time > a_last_id THEN RETURN same_time; END IF;
  IF a_last_id - same_time < 4095 THEN RETURN a_last_id + 1; END IF;
  RETURN same_time + (1::bigint << 22);
END $$;


--
-- Name: found_group(json, roost.chat_group, bigint, bigint, bigint, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.found_group(a_draft json, a_existing roost.chat_group, a_id bigint, a_wall_ms bigint, a_own_max bigint, a_put_max bigint) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: has_left(json, roost.chat_group); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.has_left(a_change json, a_group roost.chat_group) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
  RETURN a_change ->> 'actor' = a_change ->> 'account' AND EXISTS (
    SELECT FROM member m
    WHERE m.account = (
        SELECT a.number FROM account a WHERE a.app = a_change ->> 'app' AND a.name = a_change ->> 'account')
      AND m.chat_group = a_group.number AND m.until_id IS NOT NULL);
END $$;


--
-- Name: hold(text); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.hold(a_holder text, OUT last_id bigint, OUT node bigint, OUT since_id bigint, OUT wall_us bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, null::text);
  last_id := held.last_id;
  node := held.node;
  since_id := held.since_id;
  wall_us := held.wall_us;
END $$;


--
-- Name: hold(text, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.hold(a_holder text, a_wall_ms bigint, OUT last_id bigint, OUT node bigint, OUT since_id bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, null::text);
  last_id := held.last_id;
  node := held.node;
  since_id := held.since_id;
END $$;


--
-- Name: hold(text, text); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.hold(a_holder text, a_life text, OUT last_id bigint, OUT node bigint, OUT since_id bigint, OUT wall_us bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: id_after(bigint, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.id_after(a_first_id bigint, a_count bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    RETURN (((a_first_id & (~ (4095)::bigint)) + ((((a_first_id & (4095)::bigint) + a_count) >> 12) << 22)) + (((a_first_id & (4095)::bigint) + a_count) & (4095)::bigint));


--
-- Name: last_id_at(bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.last_id_at(a_wall_ms bigint) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
  SELECT m.id FROM roost.mark m WHERE m.at_ms <= a_wall_ms ORDER BY m.at_ms DESC, m.id DESC LIMIT 1;
$$;


--
-- Name: life(); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.life() RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  -- null where there is no such row; || makes null of what is null.
  RETURN (
    SELECT i.epoch || '.' || i.xmin || '.' || pg_catalog.to_regclass('roost.sequence')::oid
      || '.' || t.oid || t.tgenabled::text || '/' || extract(epoch FROM pg_catalog.pg_postmaster_start_time())
    FROM roost.identity i, pg_catalog.pg_trigger t
    WHERE t.tgrelid = pg_catalog.to_regclass('roost.account') AND t.tgname = 'changed_by_hand');
END $$;


--
-- Name: purge(bigint, bigint, integer); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.purge(a_above_id bigint, a_below_id bigint, a_rows integer) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
BEGIN RETURN null; END
$$;


--
-- Name: purge_slice(bigint, integer); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.purge_slice(a_above_id bigint, a_rows integer) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
BEGIN RETURN roost.purge_slice(a_above_id, a_rows, null); END
$$;


--
-- Name: purge_slice(bigint, integer, text); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.purge_slice(a_above_id bigint, a_rows integer, a_life text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
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


--
-- Name: put_members(bigint, text, text[], bigint, bigint, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.put_members(a_group bigint, a_app text, a_names text[], a_id bigint, a_wall_ms bigint, a_put_max bigint) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: remove_member(json, roost.chat_group, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.remove_member(a_change json, a_group roost.chat_group, a_id bigint) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: renew(text); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.renew(a_holder text, OUT last_id bigint, OUT wall_ms bigint) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, null::text);
  last_id := held.last_id;
  wall_ms := held.wall_us / 1000;
END
$$;


--
-- Name: renew(text, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.renew(a_holder text, a_wall_ms bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
BEGIN RETURN (roost.hold(a_holder, null::text)).node; END
$$;


--
-- Name: renew_epoch(); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.renew_epoch() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM FROM roost.sequence FOR UPDATE;
  UPDATE roost.identity SET epoch = replace(gen_random_uuid()::text, '-', '');
  RETURN null;
END $$;


--
-- Name: renew_lease(text); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.renew_lease(a_holder text, OUT last_id bigint, OUT wall_ms bigint, OUT life text) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
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


--
-- Name: require_life(text); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.require_life(a_life text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  IF a_life IS DISTINCT FROM roost.life() THEN
    RAISE EXCEPTION 'the database holds another store than before' USING ERRCODE = 'RO002';
  END IF;
  RETURN true;
END $$;


--
-- Name: revoke(text, text, text, text, text, text, bigint, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.revoke(a_holder text, a_life text, a_app text, a_account text, a_kind text, a_device text, a_before_ms bigint, a_kept_max bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
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


--
-- Name: save_last(bigint, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.save_last(a_last_id bigint, a_wall_ms bigint) RETURNS void
    LANGUAGE sql
    AS $$
  UPDATE roost.sequence SET last_id = a_last_id, committed_ms = a_wall_ms;
$$;


--
-- Name: save_look(bigint, bigint, bigint, bigint, bigint, json, json); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.save_look(a_turn bigint, a_ran_ms bigint, a_leapt_ms bigint, a_later_ms bigint, a_latest_ms bigint, a_horizons json, a_marks json) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
BEGIN
  RETURN roost.save_look(a_turn, a_ran_ms, a_leapt_ms, a_later_ms, a_latest_ms, a_horizons, a_marks, null);
END
$$;


--
-- Name: save_look(bigint, bigint, bigint, bigint, bigint, json, json, text); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.save_look(a_turn bigint, a_ran_ms bigint, a_leapt_ms bigint, a_later_ms bigint, a_latest_ms bigint, a_horizons json, a_marks json, a_life text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
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


--
-- Name: set_owners(text, text[], text[]); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.set_owners(a_life text, a_mine text[], a_fingerprints text[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
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


--
-- Name: show_group(bigint, bigint); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.show_group(a_group bigint, a_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE chat_group g SET version = a_id, member_count = (
      SELECT count(*) FROM member m WHERE m.chat_group = a_group AND m.until_id IS NULL)
    WHERE g.number = a_group;
END $$;


--
-- Name: store_messages(text, text, text[], text[], bigint[], boolean[], text[], bigint[], boolean[], integer[], text[], text[], text[], text[], text[], text[], bigint[]); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.store_messages(a_holder text, a_life text, a_apps text[], a_senders text[], a_sender_numbers bigint[], a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[], a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[], a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]) RETURNS TABLE(outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, sender bigint, inbox bigint)
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
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


--
-- Name: wall_us(); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.wall_us() RETURNS bigint
    LANGUAGE sql
    AS $$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
$$;


--
-- Name: write_groups(text, text, json); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.write_groups(a_holder text, a_life text, a_changes json) RETURNS TABLE(outcome bigint, number_1 bigint, number_2 bigint)
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
BEGIN
  RETURN QUERY SELECT c.outcome, c.number_1, c.number_2 FROM roost.change_memberships(
    a_holder, a_life, a_changes,
    2000, 2000, 100000) c;
END
$$;


--
-- Name: write_messages(text, text, text[], text[], bigint[], boolean[], text[], bigint[], integer[], text[], text[], text[], text[], text[], text[], bigint[]); Type: FUNCTION; Schema: roost; Owner: -
--

CREATE FUNCTION roost.write_messages(a_holder text, a_life text, a_apps text[], a_senders text[], a_sender_numbers bigint[], a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[], a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]) RETURNS TABLE(outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, sender bigint, inbox bigint)
    LANGUAGE plpgsql
    SET search_path TO 'roost', 'pg_temp'
    AS $$
BEGIN
  RETURN QUERY SELECT CASE WHEN m.outcome = 12 THEN 0 ELSE m.outcome END,
      m.id, m.sent_ns, m.previous_id, m.group_version, m.sender, m.inbox
    FROM roost.store_messages(
      a_holder, a_life, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers,
      array_fill(false, ARRAY[cardinality(a_apps)]), a_types, a_bodies, a_extras, a_client_ids,
      a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids) m;
END
$$;


--
-- Name: account; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.account (
    number bigint NOT NULL,
    app text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: account_number_seq; Type: SEQUENCE; Schema: roost; Owner: -
--

ALTER TABLE roost.account ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME roost.account_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: chat_group_number_seq; Type: SEQUENCE; Schema: roost; Owner: -
--

ALTER TABLE roost.chat_group ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME roost.chat_group_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: cursor; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.cursor (
    account bigint NOT NULL,
    acked bigint NOT NULL,
    device text NOT NULL COLLATE pg_catalog."C"
)
WITH (fillfactor='80');


--
-- Name: group_count; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.group_count (
    account bigint NOT NULL,
    own bigint NOT NULL,
    put bigint NOT NULL
)
WITH (fillfactor='80');


--
-- Name: horizon; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.horizon (
    kind text NOT NULL COLLATE pg_catalog."C",
    at_ms bigint NOT NULL,
    keep_ms bigint NOT NULL,
    looked_ms bigint NOT NULL,
    credit_ms bigint NOT NULL,
    is_waiting boolean NOT NULL,
    proven_ms bigint NOT NULL,
    CONSTRAINT horizon_kind_check CHECK ((kind = ANY (ARRAY['messages'::text, 'time'::text])))
);


--
-- Name: identity; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.identity (
    one boolean DEFAULT true NOT NULL,
    identity text NOT NULL COLLATE pg_catalog."C",
    epoch text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT identity_one_check CHECK (one)
);


--
-- Name: look; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.look (
    one boolean DEFAULT true NOT NULL,
    turn bigint NOT NULL,
    ran_ms bigint NOT NULL,
    leapt_ms bigint NOT NULL,
    CONSTRAINT look_one_check CHECK (one)
);


--
-- Name: mark; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.mark (
    id bigint NOT NULL,
    at_ms bigint NOT NULL,
    ran_ms bigint NOT NULL
);


--
-- Name: member; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.member (
    number bigint NOT NULL,
    chat_group bigint NOT NULL,
    account bigint NOT NULL,
    from_id bigint NOT NULL,
    until_id bigint,
    joined_ms bigint NOT NULL,
    alias text DEFAULT ''::text NOT NULL,
    avatar text DEFAULT ''::text NOT NULL,
    is_own boolean DEFAULT false NOT NULL
);


--
-- Name: member_number_seq; Type: SEQUENCE; Schema: roost; Owner: -
--

ALTER TABLE roost.member ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME roost.member_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: message; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.message (
    id bigint NOT NULL,
    inbox bigint NOT NULL,
    sender bigint NOT NULL,
    sent_ns bigint NOT NULL,
    type integer NOT NULL,
    body text NOT NULL,
    extra text NOT NULL,
    client_id text COLLATE pg_catalog."C"
)
WITH (autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_insert_scale_factor='0.05', autovacuum_analyze_scale_factor='0.05');


--
-- Name: migration; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.migration (
    number integer NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: node; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.node (
    number integer NOT NULL,
    holder text NOT NULL COLLATE pg_catalog."C",
    until_ms bigint NOT NULL,
    since_id bigint NOT NULL
);


--
-- Name: owner; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.owner (
    fingerprint text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: revocation; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.revocation (
    id bigint NOT NULL,
    before_ms bigint NOT NULL,
    app text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    device text COLLATE pg_catalog."C"
);


--
-- Name: sequence; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.sequence (
    one boolean DEFAULT true NOT NULL,
    last_id bigint NOT NULL,
    committed_ms bigint NOT NULL,
    CONSTRAINT sequence_one_check CHECK (one)
);


--
-- Name: unfinished_group; Type: TABLE; Schema: roost; Owner: -
--

CREATE TABLE roost.unfinished_group (
    chat_group bigint NOT NULL,
    step bigint NOT NULL
);


--
-- Data for Name: account; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.account (number, app, name) FROM stdin;
1	shop	ann
2	shop	bob
3	shop	cid
4	shop	dan
5	shop	member 0
6	shop	member 1
7	shop	member 10
8	shop	member 100
9	shop	member 101
10	shop	member 102
11	shop	member 103
12	shop	member 104
13	shop	member 105
14	shop	member 106
15	shop	member 107
16	shop	member 108
17	shop	member 109
18	shop	member 11
19	shop	member 110
20	shop	member 111
21	shop	member 112
22	shop	member 113
23	shop	member 114
24	shop	member 115
25	shop	member 116
26	shop	member 117
27	shop	member 118
28	shop	member 119
29	shop	member 12
30	shop	member 120
31	shop	member 121
32	shop	member 122
33	shop	member 123
34	shop	member 124
35	shop	member 125
36	shop	member 126
37	shop	member 127
38	shop	member 128
39	shop	member 129
40	shop	member 13
41	shop	member 130
42	shop	member 131
43	shop	member 132
44	shop	member 133
45	shop	member 134
46	shop	member 135
47	shop	member 136
48	shop	member 137
49	shop	member 138
50	shop	member 139
51	shop	member 14
52	shop	member 140
53	shop	member 141
54	shop	member 142
55	shop	member 143
56	shop	member 144
57	shop	member 145
58	shop	member 146
59	shop	member 147
60	shop	member 148
61	shop	member 149
62	shop	member 15
63	shop	member 16
64	shop	member 17
65	shop	member 18
66	shop	member 19
67	shop	member 2
68	shop	member 20
69	shop	member 21
70	shop	member 22
71	shop	member 23
72	shop	member 24
73	shop	member 25
74	shop	member 26
75	shop	member 27
76	shop	member 28
77	shop	member 29
78	shop	member 3
79	shop	member 30
80	shop	member 31
81	shop	member 32
82	shop	member 33
83	shop	member 34
84	shop	member 35
85	shop	member 36
86	shop	member 37
87	shop	member 38
88	shop	member 39
89	shop	member 4
90	shop	member 40
91	shop	member 41
92	shop	member 42
93	shop	member 43
94	shop	member 44
95	shop	member 45
96	shop	member 46
97	shop	member 47
98	shop	member 48
99	shop	member 49
100	shop	member 5
101	shop	member 50
102	shop	member 51
103	shop	member 52
104	shop	member 53
105	shop	member 54
106	shop	member 55
107	shop	member 56
108	shop	member 57
109	shop	member 58
110	shop	member 59
111	shop	member 6
112	shop	member 60
113	shop	member 61
114	shop	member 62
115	shop	member 63
116	shop	member 64
117	shop	member 65
118	shop	member 66
119	shop	member 67
120	shop	member 68
121	shop	member 69
122	shop	member 7
123	shop	member 70
124	shop	member 71
125	shop	member 72
126	shop	member 73
127	shop	member 74
128	shop	member 75
129	shop	member 76
130	shop	member 77
131	shop	member 78
132	shop	member 79
133	shop	member 8
134	shop	member 80
135	shop	member 81
136	shop	member 82
137	shop	member 83
138	shop	member 84
139	shop	member 85
140	shop	member 86
141	shop	member 87
142	shop	member 88
143	shop	member 89
144	shop	member 9
145	shop	member 90
146	shop	member 91
147	shop	member 92
148	shop	member 93
149	shop	member 94
150	shop	member 95
151	shop	member 96
152	shop	member 97
153	shop	member 98
154	shop	member 99
155	games	bob
156	games	ann
157	shop	李雷
\.


--
-- Data for Name: chat_group; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.chat_group (number, owner, created_ms, version, member_count, closed, app, id, name, avatar, introduction) FROM stdin;
2	2	1795928797252	914744136442052608	2	t	shop	closed	n	v	i
5	155	1795928797260	914744136475607040	2	f	games	open	n	v	i
3	3	1795928797253	914744136853094400	0	f	shop	gone	n		
1	2	1795928797247	914744136932786177	2	f	shop	open	größer 漢字	v	i
4	4	1795928797254	914744136936980480	151	f	shop	wide	n	v	i
\.


--
-- Data for Name: cursor; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.cursor (account, acked, device) FROM stdin;
2	914744136605630464	
2	914744136760819712	phone
1	914744137004089345	phone
156	914744136681127937	
\.


--
-- Data for Name: group_count; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.group_count (account, own, put) FROM stdin;
6	0	1
67	0	1
89	0	1
5	0	1
111	0	1
133	0	1
144	0	1
29	0	1
40	0	1
51	0	1
62	0	1
63	0	1
65	0	1
66	0	1
68	0	1
69	0	1
70	0	1
71	0	1
72	0	1
73	0	1
74	0	1
75	0	1
77	0	1
79	0	1
80	0	1
81	0	1
82	0	1
83	0	1
84	0	1
85	0	1
86	0	1
87	0	1
88	0	1
90	0	1
91	0	1
92	0	1
93	0	1
3	0	0
4	2	0
1	0	1
78	0	1
100	0	1
122	0	1
7	0	1
18	0	1
64	0	1
76	0	1
94	0	1
95	0	1
96	0	1
97	0	1
98	0	1
99	0	1
101	0	1
102	0	1
103	0	1
104	0	1
105	0	1
106	0	1
107	0	1
108	0	1
109	0	1
110	0	1
112	0	1
113	0	1
114	0	1
115	0	1
116	0	1
117	0	1
118	0	1
119	0	1
120	0	1
121	0	1
123	0	1
124	0	1
125	0	1
126	0	1
127	0	1
128	0	1
129	0	1
130	0	1
131	0	1
132	0	1
134	0	1
135	0	1
136	0	1
137	0	1
138	0	1
139	0	1
140	0	1
141	0	1
142	0	1
143	0	1
145	0	1
146	0	1
147	0	1
148	0	1
149	0	1
150	0	1
151	0	1
152	0	1
153	0	1
154	0	1
8	0	1
9	0	1
10	0	1
11	0	1
12	0	1
13	0	1
14	0	1
15	0	1
16	0	1
17	0	1
19	0	1
20	0	1
21	0	1
22	0	1
23	0	1
24	0	1
25	0	1
26	0	1
27	0	1
28	0	1
30	0	1
31	0	1
32	0	1
33	0	1
34	0	1
35	0	1
38	0	1
47	0	1
49	0	1
55	0	1
58	0	1
36	0	1
37	0	1
39	0	1
41	0	1
42	0	1
43	0	1
44	0	1
45	0	1
46	0	1
48	0	1
50	0	1
52	0	1
53	0	1
54	0	1
56	0	1
57	0	1
59	0	1
60	0	1
61	0	1
155	1	0
156	0	1
2	1	1
\.


--
-- Data for Name: horizon; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.horizon (kind, at_ms, keep_ms, looked_ms, credit_ms, is_waiting, proven_ms) FROM stdin;
\.


--
-- Data for Name: identity; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.identity (one, identity, epoch) FROM stdin;
t	e11a11cbce4144fd855d035598445246	58b9a636d00d4071a5d1283d1069c624
\.


--
-- Data for Name: look; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.look (one, turn, ran_ms, leapt_ms) FROM stdin;
t	0	0	0
\.


--
-- Data for Name: mark; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.mark (id, at_ms, ran_ms) FROM stdin;
\.


--
-- Data for Name: member; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.member (number, chat_group, account, from_id, until_id, joined_ms, alias, avatar, is_own) FROM stdin;
2	1	2	914744136421081088	\N	1795928797247			f
4	2	2	914744136442052608	\N	1795928797252			t
5	2	1	914744136442052608	\N	1795928797252			f
7	4	4	914744136450441216	\N	1795928797254			t
8	4	5	914744136450441216	\N	1795928797254			f
9	4	6	914744136450441216	\N	1795928797254			f
10	4	67	914744136450441216	\N	1795928797254			f
11	4	78	914744136450441216	\N	1795928797254			f
12	4	89	914744136450441216	\N	1795928797254			f
13	4	100	914744136450441216	\N	1795928797254			f
14	4	111	914744136450441216	\N	1795928797254			f
15	4	122	914744136450441216	\N	1795928797254			f
16	4	133	914744136450441216	\N	1795928797254			f
17	4	144	914744136450441216	\N	1795928797254			f
18	4	7	914744136450441216	\N	1795928797254			f
19	4	18	914744136450441216	\N	1795928797254			f
20	4	29	914744136450441216	\N	1795928797254			f
21	4	40	914744136450441216	\N	1795928797254			f
22	4	51	914744136450441216	\N	1795928797254			f
23	4	62	914744136450441216	\N	1795928797254			f
24	4	63	914744136450441216	\N	1795928797254			f
25	4	64	914744136450441216	\N	1795928797254			f
26	4	65	914744136450441216	\N	1795928797254			f
27	4	66	914744136450441216	\N	1795928797254			f
28	4	68	914744136450441216	\N	1795928797254			f
29	4	69	914744136450441216	\N	1795928797254			f
30	4	70	914744136450441216	\N	1795928797254			f
31	4	71	914744136450441216	\N	1795928797254			f
32	4	72	914744136450441216	\N	1795928797254			f
33	4	73	914744136450441216	\N	1795928797254			f
34	4	74	914744136450441216	\N	1795928797254			f
35	4	75	914744136450441216	\N	1795928797254			f
36	4	76	914744136450441216	\N	1795928797254			f
37	4	77	914744136450441216	\N	1795928797254			f
38	4	79	914744136450441216	\N	1795928797254			f
39	4	80	914744136450441216	\N	1795928797254			f
40	4	81	914744136450441216	\N	1795928797254			f
41	4	82	914744136450441216	\N	1795928797254			f
42	4	83	914744136450441216	\N	1795928797254			f
43	4	84	914744136450441216	\N	1795928797254			f
44	4	85	914744136450441216	\N	1795928797254			f
45	4	86	914744136450441216	\N	1795928797254			f
46	4	87	914744136450441216	\N	1795928797254			f
47	4	88	914744136450441216	\N	1795928797254			f
48	4	90	914744136450441216	\N	1795928797254			f
49	4	91	914744136450441216	\N	1795928797254			f
50	4	92	914744136450441216	\N	1795928797254			f
51	4	93	914744136450441216	\N	1795928797254			f
52	4	94	914744136450441216	\N	1795928797254			f
53	4	95	914744136450441216	\N	1795928797254			f
54	4	96	914744136450441216	\N	1795928797254			f
55	4	97	914744136450441216	\N	1795928797254			f
56	4	98	914744136450441216	\N	1795928797254			f
57	4	99	914744136450441216	\N	1795928797254			f
58	4	101	914744136450441216	\N	1795928797254			f
59	4	102	914744136450441216	\N	1795928797254			f
60	4	103	914744136450441216	\N	1795928797254			f
61	4	104	914744136450441216	\N	1795928797254			f
62	4	105	914744136450441216	\N	1795928797254			f
63	4	106	914744136450441216	\N	1795928797254			f
64	4	107	914744136450441216	\N	1795928797254			f
65	4	108	914744136450441216	\N	1795928797254			f
66	4	109	914744136450441216	\N	1795928797254			f
67	4	110	914744136450441216	\N	1795928797254			f
68	4	112	914744136450441216	\N	1795928797254			f
69	4	113	914744136450441216	\N	1795928797254			f
70	4	114	914744136450441216	\N	1795928797254			f
71	4	115	914744136450441216	\N	1795928797254			f
72	4	116	914744136450441216	\N	1795928797254			f
73	4	117	914744136450441216	\N	1795928797254			f
74	4	118	914744136450441216	\N	1795928797254			f
75	4	119	914744136450441216	\N	1795928797254			f
76	4	120	914744136450441216	\N	1795928797254			f
77	4	121	914744136450441216	\N	1795928797254			f
78	4	123	914744136450441216	\N	1795928797254			f
79	4	124	914744136450441216	\N	1795928797254			f
80	4	125	914744136450441216	\N	1795928797254			f
81	4	126	914744136450441216	\N	1795928797254			f
82	4	127	914744136450441216	\N	1795928797254			f
83	4	128	914744136450441216	\N	1795928797254			f
84	4	129	914744136450441216	\N	1795928797254			f
85	4	130	914744136450441216	\N	1795928797254			f
86	4	131	914744136450441216	\N	1795928797254			f
87	4	132	914744136450441216	\N	1795928797254			f
88	4	134	914744136450441216	\N	1795928797254			f
89	4	135	914744136450441216	\N	1795928797254			f
90	4	136	914744136450441216	\N	1795928797254			f
91	4	137	914744136450441216	\N	1795928797254			f
92	4	138	914744136450441216	\N	1795928797254			f
93	4	139	914744136450441216	\N	1795928797254			f
94	4	140	914744136450441216	\N	1795928797254			f
95	4	141	914744136450441216	\N	1795928797254			f
96	4	142	914744136450441216	\N	1795928797254			f
97	4	143	914744136450441216	\N	1795928797254			f
6	3	3	914744136446246912	914744136853094400	1795928797253			t
1	1	1	914744136421081088	914744136932786177	1795928797247			t
98	4	145	914744136450441216	\N	1795928797254			f
99	4	146	914744136450441216	\N	1795928797254			f
100	4	147	914744136450441216	\N	1795928797254			f
101	4	148	914744136450441216	\N	1795928797254			f
102	4	149	914744136450441216	\N	1795928797254			f
103	4	150	914744136450441216	\N	1795928797254			f
104	4	151	914744136450441216	\N	1795928797254			f
105	4	152	914744136450441216	\N	1795928797254			f
106	4	153	914744136450441216	\N	1795928797254			f
107	4	154	914744136450441216	\N	1795928797254			f
108	4	8	914744136450441216	\N	1795928797254			f
109	4	9	914744136450441216	\N	1795928797254			f
110	4	10	914744136450441216	\N	1795928797254			f
111	4	11	914744136450441216	\N	1795928797254			f
112	4	12	914744136450441216	\N	1795928797254			f
113	4	13	914744136450441216	\N	1795928797254			f
114	4	14	914744136450441216	\N	1795928797254			f
115	4	15	914744136450441216	\N	1795928797254			f
116	4	16	914744136450441216	\N	1795928797254			f
117	4	17	914744136450441216	\N	1795928797254			f
118	4	19	914744136450441216	\N	1795928797254			f
119	4	20	914744136450441216	\N	1795928797254			f
120	4	21	914744136450441216	\N	1795928797254			f
121	4	22	914744136450441216	\N	1795928797254			f
122	4	23	914744136450441216	\N	1795928797254			f
123	4	24	914744136450441216	\N	1795928797254			f
124	4	25	914744136450441216	\N	1795928797254			f
125	4	26	914744136450441216	\N	1795928797254			f
126	4	27	914744136450441216	\N	1795928797254			f
127	4	28	914744136450441216	\N	1795928797254			f
128	4	30	914744136450441216	\N	1795928797254			f
129	4	31	914744136450441216	\N	1795928797254			f
130	4	32	914744136450441216	\N	1795928797254			f
131	4	33	914744136450441216	\N	1795928797254			f
132	4	34	914744136450441216	\N	1795928797254			f
133	4	35	914744136450441216	\N	1795928797254			f
134	4	36	914744136450441216	\N	1795928797254			f
135	4	37	914744136450441216	\N	1795928797254			f
136	4	38	914744136450441216	\N	1795928797254			f
137	4	39	914744136450441216	\N	1795928797254			f
138	4	41	914744136450441216	\N	1795928797254			f
139	4	42	914744136450441216	\N	1795928797254			f
140	4	43	914744136450441216	\N	1795928797254			f
141	4	44	914744136450441216	\N	1795928797254			f
142	4	45	914744136450441216	\N	1795928797254			f
143	4	46	914744136450441216	\N	1795928797254			f
144	4	47	914744136450441216	\N	1795928797254			f
145	4	48	914744136450441216	\N	1795928797254			f
146	4	49	914744136450441216	\N	1795928797254			f
147	4	50	914744136450441216	\N	1795928797254			f
148	4	52	914744136450441216	\N	1795928797254			f
149	4	53	914744136450441216	\N	1795928797254			f
150	4	54	914744136450441216	\N	1795928797254			f
151	4	55	914744136450441216	\N	1795928797254			f
152	4	56	914744136450441216	\N	1795928797254			f
153	4	57	914744136450441216	\N	1795928797254			f
154	4	58	914744136450441216	\N	1795928797254			f
155	4	59	914744136450441216	\N	1795928797254			f
156	4	60	914744136450441216	\N	1795928797254			f
157	4	61	914744136450441216	\N	1795928797254			f
159	5	155	914744136475607040	\N	1795928797260			t
160	5	156	914744136475607040	\N	1795928797260			f
3	1	3	914744136421081088	914744136777596928	1795928797247			f
161	1	4	914744136689516545	914744136848900097	1795928797311			t
162	1	4	914744136932786176	\N	1795928797369			t
158	4	2	914744136450441216	914744136936980480	1795928797254			f
\.


--
-- Data for Name: message; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.message (id, inbox, sender, sent_ns, type, body, extra, client_id) FROM stdin;
914744136488189952	2	1	1795928797263426000	0	0.0 to bob		\N
914744136504967168	1	2	1795928797267547000	1	0.0 to ann	extra 0	\N
914744136509161472	-1	2	1795928797268654000	1	0.0 to the group		\N
914744136513355776	2	1	1795928797269957000	1	0.1 to bob		\N
914744136517550080	1	2	1795928797270726000	1	0.1 to ann	extra 1	\N
914744136521744384	-1	2	1795928797271509000	1	0.1 to the group		\N
914744136525938688	2	1	1795928797272162000	2	0.2 to bob		\N
914744136525938689	1	2	1795928797272992000	1	0.2 to ann	extra 2	\N
914744136530132992	-1	2	1795928797273807000	1	0.2 to the group		\N
914744136538521600	2	1	1795928797275366000	3	0.3 to bob		\N
914744136542715904	1	2	1795928797276177000	1	0.3 to ann	extra 3	\N
914744136546910208	-1	2	1795928797277418000	1	0.3 to the group		\N
914744136551104512	2	1	1795928797278206000	4	0.4 to bob		\N
914744136555298816	1	2	1795928797279971000	1	0.4 to ann	extra 4	\N
914744136559493120	-1	2	1795928797280631000	1	0.4 to the group		\N
914744136572076032	2	1	1795928797283308000	5	0.5 to bob		\N
914744136576270336	1	2	1795928797284045000	1	0.5 to ann	extra 5	\N
914744136576270337	-1	2	1795928797284672000	1	0.5 to the group		\N
914744136588853248	157	3	1795928797287289000	1	你好		\N
914744136593047552	-4	4	1795928797288310000	1	round 0		\N
914744136605630464	156	155	1795928797291657000	1	games, round 0		\N
914744136609824768	-5	156	1795928797292364000	1	games, round 0		\N
914744136614019072	2	1	1795928797293050000	0	1.0 to bob		\N
914744136614019073	1	2	1795928797293601000	1	1.0 to ann	extra 0	\N
914744136622407680	-1	2	1795928797295073000	1	1.0 to the group		\N
914744136622407681	2	1	1795928797295886000	1	1.1 to bob		\N
914744136626601984	1	2	1795928797296571000	1	1.1 to ann	extra 1	\N
914744136639184896	-1	2	1795928797299309000	1	1.1 to the group		\N
914744136643379200	2	1	1795928797300085000	2	1.2 to bob		\N
914744136643379201	1	2	1795928797300913000	1	1.2 to ann	extra 2	\N
914744136647573504	-1	2	1795928797301506000	1	1.2 to the group		\N
914744136651767808	2	1	1795928797302823000	3	1.3 to bob		\N
914744136655962112	1	2	1795928797303507000	1	1.3 to ann	extra 3	\N
914744136660156416	-1	2	1795928797304568000	1	1.3 to the group		\N
914744136664350720	2	1	1795928797305305000	4	1.4 to bob		\N
914744136668545024	1	2	1795928797306334000	1	1.4 to ann	extra 4	\N
914744136672739328	-1	2	1795928797307169000	1	1.4 to the group		\N
914744136676933632	2	1	1795928797308033000	5	1.5 to bob		\N
914744136676933633	1	2	1795928797308548000	1	1.5 to ann	extra 5	\N
914744136681127936	-1	2	1795928797309039000	1	1.5 to the group		\N
914744136681127937	157	3	1795928797309538000	1	你好		\N
914744136685322240	-4	4	1795928797310046000	1	round 1		\N
914744136685322241	156	155	1795928797310660000	1	games, round 1		\N
914744136689516544	-5	156	1795928797311263000	1	games, round 1		\N
914744136697905152	2	1	1795928797313596000	0	2.0 to bob		\N
914744136702099456	1	2	1795928797314366000	1	2.0 to ann	extra 0	\N
914744136710488064	-1	2	1795928797316205000	1	2.0 to the group		\N
914744136714682368	2	1	1795928797317024000	1	2.1 to bob		\N
914744136714682369	1	2	1795928797317698000	1	2.1 to ann	extra 1	\N
914744136718876672	-1	2	1795928797318323000	1	2.1 to the group		\N
914744136723070976	2	1	1795928797319561000	2	2.2 to bob		\N
914744136727265280	1	2	1795928797320500000	1	2.2 to ann	extra 2	\N
914744136731459584	-1	2	1795928797321177000	1	2.2 to the group		\N
914744136735653888	2	1	1795928797322855000	3	2.3 to bob		\N
914744136739848192	1	2	1795928797323670000	1	2.3 to ann	extra 3	\N
914744136744042496	-1	2	1795928797324540000	1	2.3 to the group		\N
914744136748236800	2	1	1795928797325155000	4	2.4 to bob		\N
914744136748236801	1	2	1795928797325731000	1	2.4 to ann	extra 4	\N
914744136752431104	-1	2	1795928797326583000	1	2.4 to the group		\N
914744136756625408	2	1	1795928797327444000	5	2.5 to bob		\N
914744136760819712	1	2	1795928797328074000	1	2.5 to ann	extra 5	\N
914744136760819713	-1	2	1795928797328632000	1	2.5 to the group		\N
914744136765014016	157	3	1795928797329235000	1	你好		\N
914744136765014017	-4	4	1795928797329874000	1	round 2		\N
914744136769208320	156	155	1795928797330473000	1	games, round 2		\N
914744136773402624	-5	156	1795928797331617000	1	games, round 2		\N
914744136781791232	-3	3	1795928797333621000	1	the last words		\N
914744136785985536	2	1	1795928797334328000	0	3.0 to bob		\N
914744136790179840	1	2	1795928797335012000	1	3.0 to ann	extra 0	\N
914744136790179841	-1	2	1795928797335820000	1	3.0 to the group		\N
914744136794374144	2	1	1795928797336457000	1	3.1 to bob		\N
914744136798568448	1	2	1795928797337104000	1	3.1 to ann	extra 1	\N
914744136802762752	-1	2	1795928797338213000	1	3.1 to the group		\N
914744136802762753	2	1	1795928797338854000	2	3.2 to bob		\N
914744136806957056	1	2	1795928797339550000	1	3.2 to ann	extra 2	\N
914744136811151360	-1	2	1795928797340094000	1	3.2 to the group		\N
914744136811151361	2	1	1795928797340645000	3	3.3 to bob		\N
914744136815345664	1	2	1795928797341850000	1	3.3 to ann	extra 3	\N
914744136819539968	-1	2	1795928797342560000	1	3.3 to the group		\N
914744136823734272	2	1	1795928797343282000	4	3.4 to bob		\N
914744136823734273	1	2	1795928797343883000	1	3.4 to ann	extra 4	\N
914744136827928576	-1	2	1795928797344456000	1	3.4 to the group		\N
914744136832122880	2	1	1795928797345006000	5	3.5 to bob		\N
914744136832122881	1	2	1795928797345534000	1	3.5 to ann	extra 5	\N
914744136836317184	-1	2	1795928797346486000	1	3.5 to the group		\N
914744136840511488	157	3	1795928797347370000	1	你好		\N
914744136840511489	-4	4	1795928797347985000	1	round 3		\N
914744136844705792	156	155	1795928797348583000	1	games, round 3		\N
914744136848900096	-5	156	1795928797349132000	1	games, round 3		\N
914744136857288704	2	1	1795928797351600000	0	4.0 to bob		\N
914744136861483008	1	2	1795928797352232000	1	4.0 to ann	extra 0	\N
914744136861483009	-1	2	1795928797352919000	1	4.0 to the group		\N
914744136865677312	2	1	1795928797353743000	1	4.1 to bob		\N
914744136869871616	1	2	1795928797354309000	1	4.1 to ann	extra 1	\N
914744136869871617	-1	2	1795928797354836000	1	4.1 to the group		\N
914744136874065920	2	1	1795928797355780000	2	4.2 to bob		\N
914744136878260224	1	2	1795928797356558000	1	4.2 to ann	extra 2	\N
914744136882454528	-1	2	1795928797357224000	1	4.2 to the group		\N
914744136882454529	2	1	1795928797357826000	3	4.3 to bob		\N
914744136886648832	1	2	1795928797358372000	1	4.3 to ann	extra 3	\N
914744136895037440	-1	2	1795928797360240000	1	4.3 to the group		\N
914744136899231744	2	1	1795928797361118000	4	4.4 to bob		\N
914744136899231745	1	2	1795928797361728000	1	4.4 to ann	extra 4	\N
914744136903426048	-1	2	1795928797362294000	1	4.4 to the group		\N
914744136903426049	2	1	1795928797362927000	5	4.5 to bob		\N
914744136907620352	1	2	1795928797363611000	1	4.5 to ann	extra 5	\N
914744136911814656	-1	2	1795928797364753000	1	4.5 to the group		\N
914744136916008960	157	3	1795928797365565000	1	你好		\N
914744136920203264	-4	4	1795928797366307000	1	round 4		\N
914744136924397568	156	155	1795928797367269000	1	games, round 4		\N
914744136928591872	-5	156	1795928797368359000	1	games, round 4		\N
914744136936980481	2	1	1795928797370586000	0	5.0 to bob		\N
914744136941174784	1	2	1795928797371221000	1	5.0 to ann	extra 0	\N
914744136941174785	-1	2	1795928797371822000	1	5.0 to the group		\N
914744136945369088	2	1	1795928797372398000	1	5.1 to bob		\N
914744136945369089	1	2	1795928797372924000	1	5.1 to ann	extra 1	\N
914744136949563392	-1	2	1795928797373450000	1	5.1 to the group		\N
914744136953757696	2	1	1795928797374216000	2	5.2 to bob		\N
914744136953757697	1	2	1795928797374819000	1	5.2 to ann	extra 2	\N
914744136957952000	-1	2	1795928797375583000	1	5.2 to the group		\N
914744136962146304	2	1	1795928797376254000	3	5.3 to bob		\N
914744136962146305	1	2	1795928797376947000	1	5.3 to ann	extra 3	\N
914744136966340608	-1	2	1795928797377634000	1	5.3 to the group		\N
914744136970534912	2	1	1795928797378217000	4	5.4 to bob		\N
914744136974729216	1	2	1795928797379263000	1	5.4 to ann	extra 4	\N
914744136974729217	-1	2	1795928797379956000	1	5.4 to the group		\N
914744136978923520	2	1	1795928797380984000	5	5.5 to bob		\N
914744136983117824	1	2	1795928797381652000	1	5.5 to ann	extra 5	\N
914744136987312128	-1	2	1795928797382240000	1	5.5 to the group		\N
914744136991506432	157	3	1795928797383233000	1	你好		\N
914744136995700736	-4	4	1795928797384991000	1	round 5		\N
914744137004089344	156	155	1795928797386212000	1	games, round 5		\N
914744137004089345	-5	156	1795928797386941000	1	games, round 5		\N
914744137008283648	2	1	1795928797387680000	1	keyed, to bob		k1
914744137008283649	1	2	1795928797387680001	1	keyed, to ann		k1
914744137008283650	1	1	1795928797387680002	-7		{"to":"myself"}	k2
914744137008283651	155	156	1795928797387680003	1	größer 漢字 😀		k1
914744137008283652	-1	2	1795928797387680004	1	keyed, to a group		k3
914744137012477952	2	1	1795928797388513000	1	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx		\N
\.


--
-- Data for Name: migration; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.migration (number, at) FROM stdin;
1	2026-11-29 05:06:37.205463+00
2	2026-11-29 05:06:37.205463+00
3	2026-11-29 05:06:37.205463+00
4	2026-11-29 05:06:37.205463+00
5	2026-11-29 05:06:37.205463+00
\.


--
-- Data for Name: node; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.node (number, holder, until_ms, since_id) FROM stdin;
\.


--
-- Data for Name: owner; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.owner (fingerprint) FROM stdin;
\.


--
-- Data for Name: revocation; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.revocation (id, before_ms, app, account, kind, device) FROM stdin;
914744137029255168	1795000000000	shop	bob	kick	phone
914744137033449472	1795000000000	shop	cid	kick	\N
914744137033449473	1795000000000	shop	cid	revoke	\N
914744137033449474	1795000000000	games	bob	revoke	\N
\.


--
-- Data for Name: sequence; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.sequence (one, last_id, committed_ms) FROM stdin;
t	914744137717121028	1795928797556
\.


--
-- Data for Name: unfinished_group; Type: TABLE DATA; Schema: roost; Owner: -
--

COPY roost.unfinished_group (chat_group, step) FROM stdin;
\.


--
-- Name: account_number_seq; Type: SEQUENCE SET; Schema: roost; Owner: -
--

SELECT pg_catalog.setval('roost.account_number_seq', 157, true);


--
-- Name: chat_group_number_seq; Type: SEQUENCE SET; Schema: roost; Owner: -
--

SELECT pg_catalog.setval('roost.chat_group_number_seq', 5, true);


--
-- Name: member_number_seq; Type: SEQUENCE SET; Schema: roost; Owner: -
--

SELECT pg_catalog.setval('roost.member_number_seq', 162, true);


--
-- Name: account account_app_name_key; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.account
    ADD CONSTRAINT account_app_name_key UNIQUE (app, name);


--
-- Name: account account_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (number);


--
-- Name: chat_group chat_group_app_id_key; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.chat_group
    ADD CONSTRAINT chat_group_app_id_key UNIQUE (app, id);


--
-- Name: chat_group chat_group_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.chat_group
    ADD CONSTRAINT chat_group_pkey PRIMARY KEY (number);


--
-- Name: cursor cursor_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.cursor
    ADD CONSTRAINT cursor_pkey PRIMARY KEY (account, device);


--
-- Name: group_count group_count_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.group_count
    ADD CONSTRAINT group_count_pkey PRIMARY KEY (account);


--
-- Name: horizon horizon_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.horizon
    ADD CONSTRAINT horizon_pkey PRIMARY KEY (kind);


--
-- Name: identity identity_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.identity
    ADD CONSTRAINT identity_pkey PRIMARY KEY (one);


--
-- Name: look look_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.look
    ADD CONSTRAINT look_pkey PRIMARY KEY (one);


--
-- Name: mark mark_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.mark
    ADD CONSTRAINT mark_pkey PRIMARY KEY (id);


--
-- Name: member member_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.member
    ADD CONSTRAINT member_pkey PRIMARY KEY (number);


--
-- Name: message message_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (id);


--
-- Name: migration migration_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);


--
-- Name: node node_holder_key; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.node
    ADD CONSTRAINT node_holder_key UNIQUE (holder);


--
-- Name: node node_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (number);


--
-- Name: owner owner_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.owner
    ADD CONSTRAINT owner_pkey PRIMARY KEY (fingerprint);


--
-- Name: revocation revocation_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.revocation
    ADD CONSTRAINT revocation_pkey PRIMARY KEY (id);


--
-- Name: sequence sequence_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.sequence
    ADD CONSTRAINT sequence_pkey PRIMARY KEY (one);


--
-- Name: unfinished_group unfinished_group_pkey; Type: CONSTRAINT; Schema: roost; Owner: -
--

ALTER TABLE ONLY roost.unfinished_group
    ADD CONSTRAINT unfinished_group_pkey PRIMARY KEY (chat_group);


--
-- Name: mark_at; Type: INDEX; Schema: roost; Owner: -
--

CREATE INDEX mark_at ON roost.mark USING btree (at_ms, id);


--
-- Name: member_groups; Type: INDEX; Schema: roost; Owner: -
--

CREATE INDEX member_groups ON roost.member USING btree (account) WHERE (until_id IS NULL);


--
-- Name: member_now; Type: INDEX; Schema: roost; Owner: -
--

CREATE UNIQUE INDEX member_now ON roost.member USING btree (chat_group, account) WHERE (until_id IS NULL);


--
-- Name: member_order; Type: INDEX; Schema: roost; Owner: -
--

CREATE INDEX member_order ON roost.member USING btree (chat_group, number) WHERE (until_id IS NULL);


--
-- Name: member_past; Type: INDEX; Schema: roost; Owner: -
--

CREATE INDEX member_past ON roost.member USING btree (until_id) WHERE (until_id IS NOT NULL);


--
-- Name: member_window; Type: INDEX; Schema: roost; Owner: -
--

CREATE INDEX member_window ON roost.member USING btree (account, chat_group, from_id, until_id);


--
-- Name: message_client; Type: INDEX; Schema: roost; Owner: -
--

CREATE UNIQUE INDEX message_client ON roost.message USING btree (sender, client_id) WHERE (client_id IS NOT NULL);


--
-- Name: message_inbox; Type: INDEX; Schema: roost; Owner: -
--

CREATE INDEX message_inbox ON roost.message USING btree (inbox, id);


--
-- Name: message_sent; Type: INDEX; Schema: roost; Owner: -
--

CREATE INDEX message_sent ON roost.message USING btree (sender, id) WHERE ((inbox > 0) AND (inbox <> sender));


--
-- Name: revocation_of; Type: INDEX; Schema: roost; Owner: -
--

CREATE INDEX revocation_of ON roost.revocation USING btree (app, account);


--
-- Name: group_count account_counted; Type: TRIGGER; Schema: roost; Owner: -
--

CREATE TRIGGER account_counted BEFORE INSERT ON roost.group_count FOR EACH ROW EXECUTE FUNCTION roost.count_account();


--
-- Name: account changed_by_hand; Type: TRIGGER; Schema: roost; Owner: -
--

CREATE TRIGGER changed_by_hand AFTER DELETE OR UPDATE OR TRUNCATE ON roost.account FOR EACH STATEMENT EXECUTE FUNCTION roost.renew_epoch();

ALTER TABLE roost.account ENABLE ALWAYS TRIGGER changed_by_hand;


--
-- Name: member member_changed; Type: TRIGGER; Schema: roost; Owner: -
--

CREATE TRIGGER member_changed AFTER UPDATE ON roost.member FOR EACH ROW WHEN (((old.until_id IS NULL) OR (new.until_id IS NULL))) EXECUTE FUNCTION roost.count_member();


--
-- Name: member member_entered; Type: TRIGGER; Schema: roost; Owner: -
--

CREATE TRIGGER member_entered AFTER INSERT ON roost.member FOR EACH ROW WHEN ((new.until_id IS NULL)) EXECUTE FUNCTION roost.count_member();


--
-- Name: member member_left; Type: TRIGGER; Schema: roost; Owner: -
--

CREATE TRIGGER member_left AFTER DELETE ON roost.member FOR EACH ROW WHEN ((old.until_id IS NULL)) EXECUTE FUNCTION roost.count_member();


--
-- Name: member member_truncated; Type: TRIGGER; Schema: roost; Owner: -
--

CREATE TRIGGER member_truncated AFTER TRUNCATE ON roost.member FOR EACH STATEMENT EXECUTE FUNCTION roost.count_none();


--
-- PostgreSQL database dump complete
--

\unrestrict a9B6O72SvtKsKwsGvK1f8RMcgSvMAnpwUmcgfDGA8TUkErsTvwJtoNQ2zNKzIfD

