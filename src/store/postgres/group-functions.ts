// Creating groups and changing who is in them, as functions of the database (semantics, Who may do what): one call is one
// transaction. A group without members is closed for good: nobody finds it any more; windows of former members stay
// readable.

import { groupMembersMax, groupsPerAccountMax } from "../../base/limits/fixed.ts";
import { outcome } from "../jobs.ts";
import { isolated } from "./writer-lock.ts";

/**
 * Creating, joining and quitting, one after the other in one transaction. A change is a JSON object; rows come back in
 * the order of the changes.
 */
export const groupFunctions: string = `
CREATE OR REPLACE FUNCTION roost.write_groups(a_holder text, a_life text, a_changes json)
RETURNS TABLE (outcome bigint, number_1 bigint, number_2 bigint)
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
  its_app text;
  names text[];
  members bigint[];
  actor bigint;
  target bigint;
  is_in boolean;
  answer bigint[];
BEGIN
  held := roost.hold(a_holder, a_life);
  last_id := held.last_id;
  wall_ms := held.wall_us / 1000;
  FOR change IN SELECT value FROM json_array_elements(a_changes) LOOP
    kind := change ->> 'kind';
    its_app := change ->> 'app';
    next_id := roost.first_id(last_id, wall_ms, held.node);
    SELECT * INTO changed FROM chat_group g WHERE g.app = its_app AND g.id = change ->> 'group';

    IF kind = 'create' THEN
      names := ARRAY(SELECT json_array_elements_text(change -> 'members'));
      PERFORM roost.add_accounts(array_fill(its_app, ARRAY[cardinality(names)]), names);
      members := ARRAY(
        SELECT a.number FROM unnest(names) WITH ORDINALITY AS t (name, position)
        JOIN account a ON a.app = its_app AND a.name = t.name ORDER BY t.position);
      answer := roost.create_group(change, changed, members, next_id, wall_ms);
    ELSIF changed.number IS NULL OR changed.member_count = 0 THEN
      answer := ARRAY[${outcome.notFound}, 0, 0];
    ELSE
      names := ARRAY[change ->> 'actor', change ->> 'account'];
      PERFORM roost.add_accounts(ARRAY[its_app, its_app], names);
      SELECT a.number INTO actor FROM account a WHERE a.app = its_app AND a.name = names[1];
      SELECT a.number INTO target FROM account a WHERE a.app = its_app AND a.name = names[2];
      is_in := EXISTS (
        SELECT FROM member m WHERE m.chat_group = changed.number AND m.account = target AND m.until_id IS NULL);
      IF actor <> target AND actor <> changed.owner THEN
        answer := ARRAY[${outcome.forbidden}, 0, 0];
      ELSIF kind = 'join' THEN
        answer := roost.join_group(changed, actor, target, is_in, next_id, wall_ms);
      ELSE
        answer := roost.quit_group(changed, actor, target, is_in, next_id);
      END IF;
    END IF;
    IF answer[1] = ${outcome.changed} OR answer[1] = ${outcome.created} AND answer[2] = next_id THEN
      last_id := next_id;
    END IF;
    RETURN QUERY SELECT answer[1], answer[2], answer[3];
  END LOOP;
  IF last_id <> held.last_id THEN PERFORM roost.save_last(last_id, wall_ms); END IF;
END $$;

-- Members in their order, the owner first. Full: the position of the first one that is in too many groups.
CREATE OR REPLACE FUNCTION roost.create_group(
  a_draft json, a_existing roost.chat_group, a_members bigint[], a_id bigint, a_wall_ms bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  first_full bigint;
  new_number bigint;
BEGIN
  -- 128 random bits meet only when a caller repeats a request whose answer it did not get.
  IF a_existing.number IS NOT NULL THEN RETURN ARRAY[${outcome.created}, a_existing.version, 0]; END IF;
  SELECT min(t.position) - 1 INTO first_full
    FROM unnest(a_members) WITH ORDINALITY AS t (account, position) WHERE roost.is_full(t.account);
  IF first_full IS NOT NULL THEN RETURN ARRAY[${outcome.full}, first_full, 0]; END IF;
  INSERT INTO chat_group (app, id, name, avatar, introduction, owner, closed, created_ms, version, member_count)
    VALUES (a_draft ->> 'app', a_draft ->> 'group', a_draft ->> 'name', a_draft ->> 'avatar',
      a_draft ->> 'introduction', a_members[1], (a_draft ->> 'closed')::boolean, a_wall_ms, a_id,
      (SELECT count(DISTINCT account) FROM unnest(a_members) account))
    RETURNING number INTO new_number;
  INSERT INTO member (chat_group, account, from_id, joined_ms)
    SELECT new_number, account, a_id, a_wall_ms
    FROM unnest(a_members) WITH ORDINALITY AS t (account, position)
    GROUP BY account ORDER BY min(position);
  RETURN ARRAY[${outcome.created}, a_id, 0];
END $$;

CREATE OR REPLACE FUNCTION roost.is_full(a_account bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT count(*) FROM member m WHERE m.account = a_account AND m.until_id IS NULL) >= ${groupsPerAccountMax};
END $$;

CREATE OR REPLACE FUNCTION roost.join_group(
  a_group roost.chat_group, a_actor bigint, a_account bigint, a_is_in boolean, a_id bigint, a_wall_ms bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
  IF a_is_in THEN RETURN ARRAY[${outcome.unchanged}, 0, 0]; END IF;
  IF a_group.closed AND a_actor <> a_group.owner THEN RETURN ARRAY[${outcome.forbidden}, 0, 0]; END IF;
  IF a_group.member_count >= ${groupMembersMax} OR roost.is_full(a_account) THEN
    RETURN ARRAY[${outcome.full}, 0, 0];
  END IF;
  INSERT INTO member (chat_group, account, from_id, joined_ms) VALUES (a_group.number, a_account, a_id, a_wall_ms);
  UPDATE chat_group g SET version = a_id, member_count = g.member_count + 1 WHERE g.number = a_group.number;
  RETURN ARRAY[${outcome.changed}, a_group.version, a_id];
END $$;

-- The owner's leaving hands the group to its longest member: members are numbered in the order of joining.
CREATE OR REPLACE FUNCTION roost.quit_group(
  a_group roost.chat_group, a_actor bigint, a_account bigint, a_is_in boolean, a_id bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  heir bigint;
BEGIN
  IF NOT a_is_in THEN
    RETURN ARRAY[CASE WHEN a_actor = a_account THEN ${outcome.forbidden} ELSE ${outcome.unchanged} END, 0, 0];
  END IF;
  UPDATE member m SET until_id = a_id
    WHERE m.chat_group = a_group.number AND m.account = a_account AND m.until_id IS NULL;
  IF a_account = a_group.owner THEN
    SELECT m.account INTO heir FROM member m
      WHERE m.chat_group = a_group.number AND m.until_id IS NULL ORDER BY m.number LIMIT 1;
  END IF;
  UPDATE chat_group g SET version = a_id, member_count = g.member_count - 1, owner = coalesce(heir, g.owner)
    WHERE g.number = a_group.number;
  RETURN ARRAY[${outcome.changed}, a_group.version, a_id];
END $$;
`;
