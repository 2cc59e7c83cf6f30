// What members see of groups, as functions of the database that reads call.

import { codeOfRow, isValid, requestsGoneAt } from "./join-functions.ts";

export const viewFunctions = `
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
      WHERE r.chat_group = a_group AND r.at_s > ${requestsGoneAt("now_s")}) ELSE 0 END);
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
    SELECT i.number, ${codeOfRow}, i.expires_s, i.uses_left, roost.account_name(i.maker)
    FROM roost.invitation i JOIN roost.chat_group g ON g.number = i.chat_group
    WHERE i.chat_group = a_group AND ${isValid("now_s")} ORDER BY i.number;
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
    WHERE r.chat_group = a_group AND r.account > a_after AND r.at_s > ${requestsGoneAt("now_s")}
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
`;
