// How one becomes a member of a group, as functions of the database under the writers' lock: lists of accounts that
// admins add and remove, invitations, and requests to join with their answers.

import { joinRequestDays } from "../../../base/limits/fixed.ts";

/** A condition for a row of `invitation` i and its `chat_group` g: it has not ended; it may be used up. */
function isInForce(nowSeconds: string): string {
  return `(i.expires_s > ${nowSeconds} AND (g.owner = i.maker OR coalesce((
        SELECT m.role > 0 FROM roost.member m
        WHERE m.chat_group = g.number AND m.account = i.maker AND m.until_id IS NULL), false)))`;
}

/** The same for an invitation that is valid. */
export function isValid(nowSeconds: string): string {
  return `i.uses_left <> 0 AND ${isInForce(nowSeconds)}`;
}

/** An expression: requests up to this second are gone. */
export function requestsGoneAt(nowSeconds: string): string {
  return `(${nowSeconds} - ${joinRequestDays * 86_400})`;
}

/**
 * An expression: the code of an invitation that was imported, as its row has it. Codes are unique in the store, and an
 * app that is copied within it keeps its own. No code has the sign between the two.
 */
export function importedCode(code: string, app: string): string {
  return `((${code}) || '@' || (${app}))`;
}

/** An expression: the code of an invitation i. */
export const codeOfRow = "split_part(i.code, '@', 1)";

/** A slice of a request (store/group-calls.ts) is one transaction and one entry. */
const lists = `
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
`;

/**
 * Rows: as many as the group may have invitations, and as many that are used up, which are kept for a while: whoever
 * used one last may not have been answered, and asks again. New ones take the place of those that have ended.
 */
const invitations = `
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
    WHERE i.chat_group = its AND NOT ${isInForce("now_s")});
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
  DELETE FROM invitation i
    WHERE i.code IN (a_call ->> 'code', ${importedCode("a_call ->> 'code'", "a_call ->> 'app'")})
      AND i.chat_group = its;
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
    WHERE i.code IN (a_call ->> 'code', ${importedCode("a_call ->> 'code'", "its_app")}) AND i.app = its_app
      AND g.member_count > 0
      AND ${isInForce("(a_wall_us / 1000000)")};
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
`;

const requests = `
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
  DELETE FROM join_request r WHERE r.chat_group = its AND r.at_s <= ${requestsGoneAt("now_s")};
  DELETE FROM join_request r WHERE r.account = me AND r.at_s <= ${requestsGoneAt("now_s")};
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
    WHERE r.chat_group = its AND r.account = me AND r.at_s > ${requestsGoneAt("a_wall_us / 1000000")};
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
    WHERE r.chat_group = its AND r.account = target AND r.at_s > ${requestsGoneAt("a_wall_us / 1000000")}
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
`;

export const joinFunctions: string = [lists, invitations, requests].join("\n");
