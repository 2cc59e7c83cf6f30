// Changes who is in a group, as functions of the database under the writers' lock: the rows of members, the group's
// version and count, and the entry, whose id is the version and the bound of the windows.
//
// Nobody is refused because of what others do: groups that an account created or joined itself (own) are counted
// separately from those that others put it in. Triggers maintain the counts; an account's row of counts is created on
// first use here. A refused request creates no row of an account.

import { entryAccountsMax, quietMembersMax } from "../../../base/limits/fixed.ts";
import { entryKind } from "../../conversations.ts";

/**
 * A condition and an order: the members m of a group, the longest one first. By their order alone the planner may look
 * for them among all members of all groups; the group is no constant to it, so that its order counts, too.
 */
export function ofMembersInOrder(group: string): string {
  return `m.chat_group BETWEEN ${group} AND ${group} AND m.until_id IS NULL ORDER BY m.chat_group, m.number`;
}

const entries = `
-- Writes an entry of a group, or of the actor's partner in a direct conversation (a pin), and returns it as
-- groups/answers.ts reads it. a_count: null for the number of a_accounts.
CREATE OR REPLACE FUNCTION roost.add_entry(
  a_id bigint, a_inbox bigint, a_actor bigint, a_kind integer, a_at_ns bigint, a_accounts bigint[] DEFAULT '{}',
  a_value bigint DEFAULT 0, a_count bigint DEFAULT null, is_quiet boolean DEFAULT false, a_refers bigint DEFAULT 0,
  ends boolean DEFAULT false
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  named CONSTANT bigint[] := a_accounts[1:${entryAccountsMax}];
  its_count CONSTANT bigint := coalesce(a_count, cardinality(a_accounts));
  previous CONSTANT bigint := coalesce((
    SELECT e.id FROM entry e WHERE e.inbox = a_inbox AND NOT e.quiet ORDER BY e.id DESC LIMIT 1), 0);
BEGIN
  INSERT INTO entry (id, inbox, actor, refers, at_ns, kind, is_off, accounts, count, value, quiet)
    VALUES (a_id, a_inbox, a_actor, a_refers, a_at_ns, a_kind, ends, nullif(named, '{}'), its_count, a_value, is_quiet);
  RETURN json_build_object(
    'entryId', a_id::text, 'kind', a_kind, 'refersTo', a_refers::text, 'actor', roost.account_name(a_actor),
    'time', a_at_ns::text, 'account', coalesce(roost.account_name(a_inbox), ''),
    'group', coalesce((SELECT g.id FROM chat_group g WHERE g.number = -a_inbox), ''), 'isOff', ends,
    'accounts', roost.account_names(named), 'count', its_count, 'value', a_value::text,
    'previousEntryId', previous::text, 'isQuiet', is_quiet);
END $$;
`;

const members = `
-- Adds accounts that are no members and were checked before. A mute stays with the account.
CREATE OR REPLACE FUNCTION roost.add_members(
  a_group bigint, a_actor bigint, a_accounts bigint[], a_is_own boolean, a_id bigint, a_wall_us bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  members bigint;
BEGIN
  INSERT INTO member (chat_group, account, from_id, joined_ms, is_own, muted_until)
    SELECT a_group, t.account, a_id, a_wall_us / 1000, a_is_own, coalesce((
      SELECT m.muted_until FROM member m
      WHERE m.account = t.account AND m.chat_group = a_group ORDER BY m.from_id DESC LIMIT 1), 0)
    FROM unnest(a_accounts) WITH ORDINALITY AS t (account, position) ORDER BY t.position;
  DELETE FROM join_request r WHERE r.chat_group = a_group AND r.account = ANY (a_accounts);
  UPDATE chat_group g SET version = a_id, member_count = g.member_count + cardinality(a_accounts)
    WHERE g.number = a_group RETURNING g.member_count INTO members;
  RETURN roost.add_entry(
    a_id, -a_group, a_actor, ${entryKind.groupJoined}, a_wall_us * 1000, a_accounts,
    is_quiet => members > ${quietMembersMax});
END $$;

-- The row of a member becomes that of an owner, who has no role besides, and whom nobody could unmute.
CREATE OR REPLACE FUNCTION roost.make_owner(a_group bigint, a_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE member m SET role = 0, muted_until = 0
    WHERE m.chat_group = a_group AND m.account = a_account AND m.until_id IS NULL;
END $$;

-- Ends the membership of members. Of an owner who leaves, the longest member inherits: members are numbered in the
-- order of joining.
CREATE OR REPLACE FUNCTION roost.end_members(
  a_group bigint, a_actor bigint, a_accounts bigint[], a_id bigint, a_wall_us bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  members bigint;
  heir bigint;
BEGIN
  -- Each is looked up by the key, however many members there are.
  UPDATE member SET until_id = a_id WHERE number = ANY (ARRAY(
    SELECT (
      SELECT m.number FROM member m
      WHERE m.chat_group = a_group AND m.account = t.account AND m.until_id IS NULL)
    FROM unnest(a_accounts) AS t (account)));
  IF (SELECT g.owner FROM chat_group g WHERE g.number = a_group) = ANY (a_accounts) THEN
    SELECT m.account INTO heir FROM member m WHERE ${ofMembersInOrder("a_group")} LIMIT 1;
    PERFORM roost.make_owner(a_group, heir);
  END IF;
  UPDATE chat_group g SET version = a_id, member_count = g.member_count - cardinality(a_accounts),
      owner = coalesce(heir, g.owner), closing = g.member_count = cardinality(a_accounts)
    WHERE g.number = a_group RETURNING g.member_count INTO members;
  RETURN roost.add_entry(
    a_id, -a_group, a_actor,
    CASE WHEN a_accounts = ARRAY[a_actor] THEN ${entryKind.groupLeft} ELSE ${entryKind.groupRemoved} END,
    a_wall_us * 1000, a_accounts, is_quiet => members > ${quietMembersMax});
END $$;
`;

const counts = `
CREATE OR REPLACE FUNCTION roost.add_accounts(a_apps text[], a_names text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO account (app, name)
    SELECT DISTINCT t.app, t.name FROM unnest(a_apps, a_names) AS t (app, name)
    WHERE (SELECT true FROM account a WHERE a.app = t.app AND a.name = t.name) IS NULL
    ORDER BY t.app, t.name;
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
    WHERE (SELECT true FROM group_count c WHERE c.account = t.account) IS NULL;
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

-- What was changed without them is counted again. TRUNCATE would wait for a backup.
DELETE FROM roost.group_count;
CREATE OR REPLACE TRIGGER account_counted BEFORE INSERT ON roost.group_count
  FOR EACH ROW EXECUTE FUNCTION roost.count_account();
CREATE OR REPLACE TRIGGER member_entered AFTER INSERT ON roost.member
  FOR EACH ROW WHEN (NEW.until_id IS NULL) EXECUTE FUNCTION roost.count_member();
CREATE OR REPLACE TRIGGER member_changed AFTER UPDATE OF account, until_id, is_own ON roost.member
  FOR EACH ROW WHEN (OLD.until_id IS NULL OR NEW.until_id IS NULL) EXECUTE FUNCTION roost.count_member();
CREATE OR REPLACE TRIGGER member_left AFTER DELETE ON roost.member
  FOR EACH ROW WHEN (OLD.until_id IS NULL) EXECUTE FUNCTION roost.count_member();
CREATE OR REPLACE TRIGGER member_truncated AFTER TRUNCATE ON roost.member
  FOR EACH STATEMENT EXECUTE FUNCTION roost.count_none();
`;

export const memberFunctions: string = [entries, members, counts].join("\n");
