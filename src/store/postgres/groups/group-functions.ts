// The changes of groups that are answered with numbers (store/jobs.ts), as functions of the database: creating a group,
// joining and leaving one. One call is one transaction. A group without members is closed for good: it cannot be found
// any more, but windows of former members stay readable. A group that is being created has no members by its row; it is
// listed in unfinished_group until its last members are added. member-functions.ts changes who is in a group.

import { entryAccountsMax } from "../../../base/limits/fixed.ts";
import { entryKind } from "../../conversations.ts";
import { fullOf, outcome, sliceMembersMax } from "../../jobs.ts";
import { abandonedStep } from "../../unfinished-groups.ts";
import { anyGuarded } from "../people/guard-functions.ts";
import { isolated } from "../writer-lock.ts";
import { ofMembersInOrder } from "./member-functions.ts";

/** Outcomes of a change of membership that is not allowed, by the word of GroupRight; of others, `forbidden`. */
const refusals = `CASE verdict
      WHEN 'notFound' THEN ${outcome.notFound}
      WHEN 'unchanged' THEN ${outcome.unchanged}
      WHEN 'closed' THEN ${outcome.closed}
      WHEN 'approval' THEN ${outcome.approval}
      WHEN 'unwilling' THEN ${outcome.unwilling}
      ELSE ${outcome.forbidden} END`;

/**
 * Executes changes in order in one transaction. A change is a JSON object; the rows of results are in the order of the
 * changes. The limits are the calling process's; other processes of the store may have others.
 */
const changes = `
CREATE OR REPLACE FUNCTION roost.change_members(
  a_holder text, a_life text, a_changes json, a_own_max bigint, a_put_max bigint, a_members_max bigint
) RETURNS TABLE (
  outcome bigint, number_1 bigint, number_2 bigint, number_3 bigint, number_4 bigint, number_5 bigint
)
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
      answer := roost.create_group(change, changed.number, next_id, held.wall_us, a_own_max, a_put_max);
    ELSIF kind = 'enter' THEN
      answer := roost.enter_members(change, changed.number, next_id, held.wall_us, a_put_max);
    ELSIF kind = 'join' THEN
      answer := roost.join_group(
        change, changed.number, next_id, held.wall_us, a_own_max, a_put_max, a_members_max);
    ELSE
      answer := roost.quit_group(change, changed.number, next_id, held.wall_us);
    END IF;
    IF answer[1] IN (${outcome.changed}, ${outcome.created}, ${outcome.createdWithoutFull}) THEN
      last_id := next_id;
    END IF;
    RETURN QUERY SELECT answer[1], answer[2], answer[3], answer[4], answer[5], answer[6];
  END LOOP;
  IF last_id <> held.last_id THEN PERFORM roost.move_last(last_id, wall_ms); END IF;
END $$;
`;

/** The functions return an outcome and its numbers (store/jobs.ts). */
const creating = `
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
      SELECT ARRAY[${outcome.created}, g.version, 0, 0, 0, coalesce((
        SELECT e.at_ns FROM entry e
        WHERE e.inbox = -a_existing AND e.kind = ${entryKind.groupCreated} ORDER BY e.id LIMIT 1),
        g.created_ms * 1000000)]
      FROM chat_group g WHERE g.number = a_existing);
  END IF;
  owner_number := (roost.account_numbers(its_app, names[1:1]))[1];
  PERFORM roost.count_groups(ARRAY[owner_number]);
  IF (SELECT c.own >= a_own_max FROM group_count c WHERE c.account = owner_number) THEN
    RETURN ARRAY[${outcome.full}, ${fullOf.own}, 0, 0, 0, 0];
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
  IF NOT FOUND THEN RETURN ARRAY[${outcome.notFound}, 0, 0, 0, 0, 0]; END IF;
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
  IF cardinality(a_names) = 0 THEN RETURN ARRAY[${outcome.created}, 0, 0, 0]; END IF;
  accounts := roost.account_numbers(a_app, a_names);
  PERFORM roost.count_groups(accounts);
  any_guarded := ${anyGuarded("accounts")};
  INSERT INTO member (chat_group, account, from_id, joined_ms)
    SELECT a_group, t.account, a_id, a_wall_us / 1000
    FROM unnest(accounts) WITH ORDINALITY AS t (account, position)
    WHERE (SELECT c.put FROM group_count c WHERE c.account = t.account) < a_put_max
      AND (NOT any_guarded OR roost.may_reach(a_owner, t.account, 'add'))
    ORDER BY t.position
    ON CONFLICT (chat_group, account) WHERE until_id IS NULL DO NOTHING;
  GET DIAGNOSTICS entered = ROW_COUNT;
  IF entered = cardinality(accounts) THEN RETURN ARRAY[${outcome.created}, 0, 0, 0]; END IF;
  left_out := ARRAY(
    SELECT t.position
    FROM unnest(accounts[1:${sliceMembersMax}]) WITH ORDINALITY AS t (account, position)
    WHERE (
      SELECT true FROM member m WHERE m.chat_group = a_group AND m.account = t.account AND m.until_id IS NULL) IS NULL);
  -- Whoever lets the owner was left out for the number of its groups.
  RETURN ARRAY[CASE
      WHEN EXISTS (
        SELECT FROM unnest(left_out) AS t (position)
        WHERE NOT any_guarded OR roost.may_reach(a_owner, accounts[t.position], 'add')
      ) THEN ${outcome.createdWithoutFull}
      ELSE ${outcome.created} END::bigint]
    || ARRAY(
      SELECT coalesce((
        SELECT bit_or(1::bigint << ((t.position - 1) & 63)::integer)
        FROM unnest(left_out) AS t (position)
        WHERE (t.position - 1) / 64 = word.number
      ), 0)
      FROM generate_series(0, ${sliceMembersMax / 64 - 1}) AS word (number) ORDER BY word.number);
END $$;

-- The group is complete: it becomes visible by the entry that names its first members. Returns the entry's time.
CREATE OR REPLACE FUNCTION roost.publish_group(a_group bigint, a_id bigint, a_wall_us bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  its roost.chat_group;
BEGIN
  UPDATE chat_group g SET version = a_id, member_count = (
      SELECT count(*) FROM (SELECT FROM member m WHERE ${ofMembersInOrder("a_group")}) n)
    WHERE g.number = a_group RETURNING * INTO its;
  PERFORM roost.add_entry(
    a_id, -a_group, its.owner, ${entryKind.groupCreated}, a_wall_us * 1000,
    ARRAY(
      SELECT m.account FROM member m WHERE ${ofMembersInOrder("a_group")} LIMIT ${entryAccountsMax}),
    a_count => its.member_count);
  RETURN a_wall_us * 1000;
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
  IF verdict <> 'allowed' THEN RETURN ARRAY[${refusals}, 0, 0, 0, 0, 0]; END IF;
  SELECT * INTO its FROM chat_group g WHERE g.number = a_group;
  IF its.member_count >= a_members_max THEN RETURN ARRAY[${outcome.full}, ${fullOf.members}, 0, 0, 0, 0]; END IF;
  target := coalesce(target, (roost.account_numbers(its_app, ARRAY[a_change ->> 'account']))[1]);
  PERFORM roost.count_groups(ARRAY[target]);
  SELECT * INTO counted FROM group_count c WHERE c.account = target;
  IF joins_itself AND counted.own >= a_own_max THEN RETURN ARRAY[${outcome.full}, ${fullOf.own}, 0, 0, 0, 0]; END IF;
  IF NOT joins_itself AND counted.put >= a_put_max THEN
    RETURN ARRAY[${outcome.full}, ${fullOf.put}, 0, 0, 0, 0];
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
  IF verdict <> 'allowed' THEN RETURN ARRAY[${refusals}, 0, 0, 0, 0, 0]; END IF;
  RETURN roost.changed_by(
    (SELECT g.version FROM chat_group g WHERE g.number = a_group),
    roost.end_members(a_group, actor, ARRAY[target], a_id, a_wall_us));
END $$;

CREATE OR REPLACE FUNCTION roost.changed_by(a_version_before bigint, a_entry json) RETURNS bigint[]
LANGUAGE plpgsql AS $$
BEGIN
  RETURN ARRAY[
    ${outcome.changed}, a_version_before, (a_entry ->> 'entryId')::bigint, (a_entry ->> 'time')::bigint,
    (a_entry ->> 'previousEntryId')::bigint, (a_entry ->> 'isQuiet')::boolean::integer];
END $$;
`;

export const groupFunctions: string = [changes, creating, joiningAndLeaving].join("\n");
