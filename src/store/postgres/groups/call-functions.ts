// The calls of groups that write (GroupCall of store/change-jobs.ts), as functions of the database that
// change-functions.ts calls under the writers' lock: which they are, and changes of a group itself, and of one of its
// members, that leave who is in it as it is; and its end. Answers are JSON objects, which groups/answers.ts reads;
// `lastId` is the last id that a call took, if it took one.

import { groupAdminsMax } from "../../../base/limits/fixed.ts";
import { entryKind } from "../../conversations.ts";
import {
  fieldColumns,
  type GroupField,
  maskOfFields,
  numberOfRole,
  settingFields,
  textFields,
} from "../../group-entries.ts";
import { isBlocked } from "../people/guard-functions.ts";

/** An expression: the mask of those fields in which the rows `its` and `changed` differ. */
function differing(fields: readonly GroupField[]): string {
  return fields
    .map((field) => {
      const column = fieldColumns[field];
      return `CASE WHEN changed.${column} <> its.${column} THEN ${maskOfFields([field])} ELSE 0 END`;
    })
    .join("\n    + ");
}

const calls = `
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
`;

const changes = `
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
    action <> 'transfer' OR NOT ${isBlocked("target", "me")});
  IF verdict <> 'allowed' THEN RETURN roost.refused(verdict); END IF;
  IF action = 'update' THEN
    RETURN roost.update_group(its.number, me, a_change, a_id, a_wall_us);
  ELSIF action = 'alias' THEN
    UPDATE member m SET alias = a_change ->> 'alias'
      WHERE m.chat_group = its.number AND m.account = me AND m.until_id IS NULL AND m.alias <> a_change ->> 'alias';
    IF NOT FOUND THEN RETURN roost.refused('unchanged'); END IF;
    RETURN roost.stored_in(its.number, ARRAY[roost.add_entry(
      a_id, -its.number, me, ${entryKind.groupAlias}, a_wall_us * 1000, ARRAY[me])]);
  ELSIF action = 'dismiss' THEN
    -- The rows of its members are closed later (ended-functions.ts).
    version_before := its.version;
    entry := roost.add_entry(a_id, -its.number, me, ${entryKind.groupDismissed}, a_wall_us * 1000);
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
  texts := ${differing(textFields)};
  settings := ${differing(settingFields)};
  IF texts = 0 AND settings = 0 THEN RETURN roost.refused('unchanged'); END IF;
  UPDATE chat_group g SET name = changed.name, avatar = changed.avatar, introduction = changed.introduction,
      announcement = changed.announcement, closed = changed.closed, approval = changed.approval,
      for_admins = changed.for_admins
    WHERE g.number = a_group;
  IF texts > 0 THEN
    entries := ARRAY[roost.add_entry(
      a_id, -a_group, a_actor, ${entryKind.groupUpdated}, a_wall_us * 1000, a_value => texts)];
  END IF;
  IF settings > 0 THEN
    entries := entries || roost.add_entry(
      roost.id_after(a_id, cardinality(entries)), -a_group, a_actor, ${entryKind.groupSettings}, a_wall_us * 1000,
      a_value => settings);
  END IF;
  RETURN roost.stored_in(a_group, entries);
END $$;

CREATE OR REPLACE FUNCTION roost.has_all_admins(a_group bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT count(*) >= ${groupAdminsMax} FROM member m
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
    kind := ${entryKind.groupRole};
    value := CASE a_change ->> 'role' WHEN 'admin' THEN ${numberOfRole("admin")} ELSE ${numberOfRole("member")} END;
    IF value = its.role THEN RETURN roost.refused('unchanged'); END IF;
    IF value > 0 AND roost.has_all_admins(a_group) THEN RETURN roost.refused('full', 'groupAdminsMax'); END IF;
    UPDATE member m SET role = value WHERE m.number = its.number;
  ELSIF action = 'transfer' THEN
    -- The former owner becomes an admin: in place of the new one, or besides.
    IF its.role = 0 AND roost.has_all_admins(a_group) THEN RETURN roost.refused('full', 'groupAdminsMax'); END IF;
    kind := ${entryKind.groupTransferred};
    value := ${numberOfRole("owner")};
    -- Of a transfer by the system the actor is not the former owner.
    UPDATE member m SET role = ${numberOfRole("admin")}
      WHERE m.chat_group = a_group AND m.until_id IS NULL
        AND m.account = (SELECT g.owner FROM chat_group g WHERE g.number = a_group);
    UPDATE chat_group g SET owner = a_target WHERE g.number = a_group;
    PERFORM roost.make_owner(a_group, a_target);
  ELSE
    kind := ${entryKind.groupMuted};
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
`;

export const callFunctions: string = [calls, changes].join("\n");
