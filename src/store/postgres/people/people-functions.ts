// Blocks, settings and profiles, as functions of the database that change-functions.ts calls under the writers' lock;
// and the times at which accounts were seen, which do not take it. Each change has a version, an id of the sequence;
// those of blocks and settings are in guard, too.

import type { Consent } from "../../group-rights.ts";
import { isolated } from "../writer-lock.ts";
import { isBlocked } from "./guard-functions.ts";

const everybody: Consent = "everybody";

const changes = `
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
  writes := coalesce(a_call ->> 'write', former.write_rule, '${everybody}');
  adds := coalesce(a_call ->> 'add', former.add_rule, '${everybody}');
  IF writes = coalesce(former.write_rule, '${everybody}') AND adds = coalesce(former.add_rule, '${everybody}') THEN
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
`;

/**
 * Moves the times at which accounts were seen forward; passes over accounts that are not known. A crash may lose those
 * of the last moments. Rows are locked in one order, so that processes do not wait for each other in a circle.
 */
const seen = `
CREATE OR REPLACE FUNCTION roost.mark_seen(a_life text, a_apps text[], a_accounts text[], a_minutes bigint[])
RETURNS void LANGUAGE plpgsql ${isolated} AS $$
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
`;

/** Reads that are more than one look-up. */
const reads = `
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
    ELSIF me IS NULL OR other IS NULL OR ${isBlocked("other", "me")} THEN
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
`;

export const peopleFunctions: string = [changes, seen, reads].join("\n");
