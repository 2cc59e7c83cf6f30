// Creates groups and changes memberships, as functions of the database: one call is one transaction. A group without
// members is closed for good: it cannot be found any more, but windows of former members stay readable. A group that is
// being created has no members by its row; it is listed in unfinished_group until its last members are added.
//
// Nobody is refused because of what others do: groups that an account created or joined itself (own) are counted
// separately from those that others put it in. Triggers maintain the counts; an account's row of counts is created on
// first use here. A refused request creates no row.

import { fullOf, outcome, sliceMembersMax } from "../jobs.ts";
import { abandonedStep } from "../unfinished-groups.ts";
import { isolated } from "./writer-lock.ts";

/**
 * Executes changes in order in one transaction. A change is a JSON object; the rows of results are in the order of the
 * changes. The limits are the calling process's; other processes of the store may have others.
 */
const changes = `
CREATE OR REPLACE FUNCTION roost.change_memberships(
  a_holder text, a_life text, a_changes json, a_own_max bigint, a_put_max bigint, a_members_max bigint
) RETURNS TABLE (outcome bigint, number_1 bigint, number_2 bigint, number_3 bigint, number_4 bigint)
LANGUAGE plpgsql ${isolated} AS $$
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
        THEN ${outcome.unchanged} ELSE ${outcome.notFound} END, 0, 0, 0, 0];
    ELSIF kind = 'join' THEN
      answer := roost.add_member(change, changed, next_id, wall_ms, a_own_max, a_put_max, a_members_max);
    ELSE
      answer := roost.remove_member(change, changed, next_id);
    END IF;
    IF answer[1] IN (${outcome.changed}, ${outcome.created}) THEN last_id := next_id; END IF;
    RETURN QUERY SELECT answer[1], answer[2], answer[3], answer[4], answer[5];
  END LOOP;
  IF last_id <> held.last_id THEN PERFORM roost.move_last(last_id, wall_ms); END IF;
END $$;
`;

/** The functions return an outcome and its numbers (store/jobs.ts). */
const creating = `
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
  IF a_existing.number IS NOT NULL THEN RETURN ARRAY[${outcome.created}, a_existing.version, 0, 0, 0]; END IF;
  owner_number := (roost.account_numbers(its_app, names[1:1]))[1];
  PERFORM roost.count_groups(ARRAY[owner_number]);
  IF (SELECT c.own >= a_own_max FROM group_count c WHERE c.account = owner_number) THEN
    RETURN ARRAY[${outcome.full}, ${fullOf.own}, 0, 0, 0];
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
    RETURN ARRAY[${outcome.created}, a_id] || left_out;
  END IF;
  INSERT INTO unfinished_group (chat_group, step) VALUES (new_number, 0);
  RETURN ARRAY[${outcome.created}, 0] || left_out;
END $$;

-- Lets further members into a group that is being created.
CREATE OR REPLACE FUNCTION roost.enter_slice(
  a_slice json, a_group roost.chat_group, a_id bigint, a_wall_ms bigint, a_put_max bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  left_out bigint[];
BEGIN
  UPDATE unfinished_group u SET step = u.step + 1 WHERE u.chat_group = a_group.number AND u.step >= 0;
  IF NOT FOUND THEN RETURN ARRAY[${outcome.notFound}, 0, 0, 0, 0]; END IF;
  left_out := roost.put_members(a_group.number, a_slice ->> 'app',
    ARRAY(SELECT json_array_elements_text(a_slice -> 'members')), a_id, a_wall_ms, a_put_max);
  IF NOT (a_slice ->> 'isLast')::boolean THEN RETURN ARRAY[${outcome.created}, 0] || left_out; END IF;
  PERFORM roost.show_group(a_group.number, a_id);
  DELETE FROM unfinished_group u WHERE u.chat_group = a_group.number;
  RETURN ARRAY[${outcome.created}, a_id] || left_out;
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
      FROM unnest(accounts[1:${sliceMembersMax}]) WITH ORDINALITY AS t (account, position)
      WHERE (t.position - 1) / 64 = word.number AND NOT EXISTS (
        SELECT FROM member m WHERE m.chat_group = a_group AND m.account = t.account AND m.until_id IS NULL)
    ), 0)
    FROM generate_series(0, ${sliceMembersMax / 64 - 1}) AS word (number) ORDER BY word.number);
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
) RETURNS bigint LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  dropped bigint;
BEGIN
  PERFORM roost.hold(a_holder, a_life);
  UPDATE unfinished_group u SET step = ${abandonedStep} WHERE u.chat_group = a_group AND u.step = a_step;
  IF NOT FOUND THEN RETURN 0; END IF;
  DELETE FROM member WHERE number IN (
    SELECT m.number FROM member m WHERE m.chat_group = a_group AND m.until_id IS NULL LIMIT a_rows);
  GET DIAGNOSTICS dropped = ROW_COUNT;
  IF dropped < a_rows THEN DELETE FROM unfinished_group u WHERE u.chat_group = a_group; END IF;
  RETURN dropped;
END $$;
`;

const joiningAndLeaving = `
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
  IF NOT joins_itself AND NOT is_owner THEN RETURN ARRAY[${outcome.forbidden}, 0, 0, 0, 0]; END IF;
  SELECT a.number INTO target FROM account a WHERE a.app = a_change ->> 'app' AND a.name = a_change ->> 'account';
  IF EXISTS (
    SELECT FROM member m WHERE m.chat_group = a_group.number AND m.account = target AND m.until_id IS NULL
  ) THEN
    RETURN ARRAY[${outcome.unchanged}, 0, 0, 0, 0];
  END IF;
  IF a_group.closed AND NOT is_owner THEN RETURN ARRAY[${outcome.forbidden}, 0, 0, 0, 0]; END IF;
  IF a_group.member_count >= a_members_max THEN RETURN ARRAY[${outcome.full}, ${fullOf.members}, 0, 0, 0]; END IF;
  target := coalesce(target, (roost.account_numbers(a_change ->> 'app', ARRAY[a_change ->> 'account']))[1]);
  PERFORM roost.count_groups(ARRAY[target]);
  SELECT * INTO counted FROM group_count c WHERE c.account = target;
  IF joins_itself AND counted.own >= a_own_max THEN RETURN ARRAY[${outcome.full}, ${fullOf.own}, 0, 0, 0]; END IF;
  IF NOT joins_itself AND counted.put >= a_put_max THEN
    RETURN ARRAY[${outcome.full}, ${fullOf.put}, 0, 0, 0];
  END IF;
  INSERT INTO member (chat_group, account, from_id, joined_ms, is_own)
    VALUES (a_group.number, target, a_id, a_wall_ms, joins_itself);
  UPDATE chat_group g SET version = a_id, member_count = g.member_count + 1 WHERE g.number = a_group.number;
  RETURN ARRAY[${outcome.changed}, a_group.version, a_id, 0, 0];
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
    RETURN ARRAY[${outcome.forbidden}, 0, 0, 0, 0];
  END IF;
  SELECT a.number INTO target FROM account a WHERE a.app = a_change ->> 'app' AND a.name = a_change ->> 'account';
  UPDATE member m SET until_id = a_id
    WHERE m.chat_group = a_group.number AND m.account = target AND m.until_id IS NULL;
  IF NOT FOUND THEN
    RETURN ARRAY[CASE WHEN leaves_itself AND NOT roost.has_left(a_change, a_group)
      THEN ${outcome.forbidden} ELSE ${outcome.unchanged} END, 0, 0, 0, 0];
  END IF;
  IF target = a_group.owner THEN
    SELECT m.account INTO heir FROM member m
      WHERE m.chat_group = a_group.number AND m.until_id IS NULL ORDER BY m.number LIMIT 1;
  END IF;
  UPDATE chat_group g SET version = a_id, member_count = g.member_count - 1, owner = coalesce(heir, g.owner)
    WHERE g.number = a_group.number;
  RETURN ARRAY[${outcome.changed}, a_group.version, a_id, 0, 0];
END $$;
`;

const counts = `
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
`;

export const groupFunctions: string = [changes, creating, joiningAndLeaving, counts].join("\n");
