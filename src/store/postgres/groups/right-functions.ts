// Who may do what in a group, as functions of the database: the table of rights of store/group-rights.ts, and the facts
// for it. Names of tables are qualified, because statements that read call these, too. No argument has the type of a
// table: a former dump that is restored, and does not know the function, could not drop the table.

import { systemAccount } from "../../../auth/names.ts";
import { standings } from "../../group-rights.ts";

const rank = `ARRAY[${standings.map((standing) => `'${standing}'`).join(", ")}]`;

function isAbove(actor: string, target: string): string {
  return `array_position(${rank}, ${actor}) > array_position(${rank}, ${target})`;
}

/** rightInGroup of store/group-rights.ts. */
const table = `
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
      WHEN ${isAbove("a_actor", "a_target")} THEN 'allowed'
      ELSE 'forbidden'
    END
    WHEN a_action = 'mute' THEN CASE
      WHEN a_target IN ('stranger', 'system') THEN 'noMember'
      WHEN ${isAbove("a_actor", "a_target")} THEN 'allowed'
      ELSE 'forbidden'
    END
  END;
$$;
`;

const facts = `
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
    WHERE a.number = a_account AND a.name = '${systemAccount}' AND g.number = a_group);
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
`;

export const rightFunctions: string = [table, facts].join("\n");
