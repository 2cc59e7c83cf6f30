// Deletes everything of an account, as functions of the database under the writers' lock. The first takes its name
// away: from then on no query finds the account, and its number names a tombstone, whose name no account can have. That
// is a change of the store's life (life.ts), by which every process forgets the number.

import { entryKind } from "../../conversations.ts";
import { mediaState } from "../../media.ts";
import { deletionSetting } from "../life.ts";
import { endId } from "../conversation-functions.ts";
import { isolated } from "../writer-lock.ts";

/** In order; each is a series of slices. */
const deletionSteps = [
  "groups",
  "partners",
  "direct",
  "spoken",
  "imported",
  "mentions",
  "hooks",
  "reactions",
  "entries",
  "blocks",
  "invitations",
  "own",
  "windows",
  "done",
] as const;

/** An operation is remembered for this long after its end. */
const keptSeconds = 7 * 86_400;
/** Leaving a group costs as much as some dozen messages. */
const groupsMax = 20;

const begin = `
CREATE OR REPLACE FUNCTION roost.delete_data(a_holder text, a_life text, a_app text, a_name text)
RETURNS SETOF roost.operation LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
  its_number bigint;
  its_id bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  its_number := roost.account_number(a_app, a_name);
  IF its_number IS NULL THEN RETURN; END IF;
  its_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
  DELETE FROM operation o WHERE o.step = 'done' AND o.ended_s < held.wall_us / 1000000 - ${keptSeconds};
  PERFORM set_config('${deletionSetting}', 'on', true);
  UPDATE account a SET app = '', name = 'deleted,' || its_number WHERE a.number = its_number;
  PERFORM set_config('${deletionSetting}', 'off', true);
  PERFORM roost.move_last(its_id, held.wall_us / 1000);
  RETURN QUERY INSERT INTO operation (id, account, position, place, rows, started_s, ended_s, app, name, step)
    VALUES (its_id, its_number, 0, 0, 0, held.wall_us / 1000000, 0, a_app, a_name, '${deletionSteps[0]}') RETURNING *;
END $$;
`;

/** Whose rows of an account are its own. */
const ownTables = [
  ...["block", "hidden", "join_request", "cursor", "read_cursor"],
  ...["consent", "profile", "guard", "group_count", "seen", "erased_sender", "import_speaker"],
];

/** A statement that deletes rows of an account from a table. */
function drop(table: string, condition = "t.account = its.account"): string {
  return `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM ${table} t WHERE ${condition} LIMIT a_rows));
      GET DIAGNOSTICS changed = ROW_COUNT;
      dealt := greatest(dealt, changed);`;
}

/** Statements that read all rows of a table by its key, and delete those of the account. */
function scan(table: string, key: string, condition: string): string {
  return `SELECT max(n.key) INTO reached FROM (
        SELECT t.${key} AS key FROM ${table} t WHERE t.${key} > its.position ORDER BY t.${key} LIMIT a_rows) n;
      is_more := reached IS NOT NULL;
      DELETE FROM ${table} t WHERE t.${key} > its.position AND t.${key} <= reached AND ${condition};
      GET DIAGNOSTICS dealt = ROW_COUNT;`;
}

const slice = `
-- Does a slice of the oldest deletion that runs; false if none does.
CREATE OR REPLACE FUNCTION roost.deletion_slice(a_holder text, a_life text, a_rows bigint) RETURNS boolean
LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
  its roost.operation;
  next_id bigint;
  last_id bigint;
  ids bigint[];
  one record;
  dealt bigint := 0;
  changed bigint;
  reached bigint;
  next_place bigint := 0;
  is_more boolean := false;
BEGIN
  IF NOT EXISTS (SELECT FROM operation o WHERE o.step <> 'done') THEN RETURN false; END IF;
  held := roost.hold(a_holder, a_life);
  SELECT * INTO its FROM operation o WHERE o.step <> 'done' ORDER BY o.id LIMIT 1;
  IF NOT FOUND THEN RETURN false; END IF;
  last_id := held.last_id;
  reached := its.position;

  IF its.step = 'groups' THEN
    FOR one IN
      SELECT m.chat_group, m.number, g.member_count, g.dismissed_id
      FROM member m JOIN chat_group g ON g.number = m.chat_group
      WHERE m.account = its.account AND m.until_id IS NULL LIMIT ${groupsMax}
    LOOP
      next_id := roost.first_id(last_id, held.wall_us / 1000, held.node);
      IF one.member_count > 0 THEN
        PERFORM roost.end_members(one.chat_group, its.account, ARRAY[its.account], next_id, held.wall_us);
        last_id := next_id;
      ELSIF one.dismissed_id > 0 THEN
        UPDATE member m SET until_id = one.dismissed_id WHERE m.number = one.number;
      ELSE
        UPDATE member m SET until_id = next_id WHERE m.number = one.number;
        last_id := next_id;
      END IF;
      dealt := dealt + 1;
    END LOOP;
    is_more := dealt = ${groupsMax};
  ELSIF its.step = 'partners' THEN
    ids := ARRAY(
      SELECT c.other FROM conversation c
      WHERE c.account = its.account AND c.other > greatest(its.position, 0) ORDER BY c.other LIMIT a_rows);
    next_id := roost.first_id(last_id, held.wall_us / 1000, held.node);
    -- One version for all of them: each account has its own.
    UPDATE conversation SET cleared_id = greatest(conversation.cleared_id, its.id), is_pinned = false,
        version = next_id
      FROM unnest(ids) AS partner (account)
      WHERE conversation.account = partner.account AND conversation.other = its.account
        AND partner.account <> its.account;
    IF FOUND THEN last_id := next_id; END IF;
    -- Both sides keep their rows, as of any two accounts that have talked.
    UPDATE conversation SET hidden_id = 0, cleared_id = its.id, version = 0, is_pinned = false, is_muted = false
      FROM unnest(ids) AS partner (account)
      WHERE conversation.account = its.account AND conversation.other = partner.account;
    dealt := cardinality(ids);
    reached := coalesce(ids[dealt], reached);
    is_more := dealt = a_rows;
  ELSIF its.step = 'direct' THEN
    ids := ARRAY(
      SELECT n.id FROM (
        (SELECT m.id FROM message m WHERE m.inbox = its.account AND m.id > its.position ORDER BY m.id LIMIT a_rows)
        UNION
        (SELECT m.id FROM message m
          WHERE m.sender = its.account AND m.inbox > 0 AND m.inbox <> m.sender AND m.id > its.position
          ORDER BY m.id LIMIT a_rows)
      ) n ORDER BY n.id LIMIT a_rows);
    PERFORM roost.erase_messages(ids);
    dealt := cardinality(ids);
    reached := coalesce(ids[dealt], reached);
    is_more := dealt = a_rows;
  ELSIF its.step = 'spoken' THEN
    -- What it said in a group is inside its windows: place is the row of a window, position a message.
    SELECT m.number, m.chat_group, m.from_id, m.until_id INTO one FROM member m
      WHERE m.account = its.account AND m.number >= its.place ORDER BY m.number LIMIT 1;
    IF FOUND THEN
      is_more := true;
      ids := ARRAY(
        SELECT m.id FROM message m
        WHERE m.inbox = -one.chat_group AND m.id > greatest(its.position, one.from_id)
          AND m.id < coalesce(one.until_id, ${endId})
        ORDER BY m.id LIMIT a_rows);
      PERFORM roost.erase_messages(ARRAY(
        SELECT m.id FROM unnest(ids) AS read (id) JOIN message m ON m.id = read.id WHERE m.sender = its.account));
      dealt := cardinality(ids);
      reached := CASE WHEN dealt = a_rows THEN ids[dealt] ELSE 0 END;
      next_place := CASE WHEN dealt = a_rows THEN one.number ELSE one.number + 1 END;
    END IF;
  ELSIF its.step = 'imported' THEN
    -- What an import says that it sent to groups outside of its windows: place is a group, position a message.
    SELECT s.chat_group INTO one FROM import_speaker s
      WHERE s.account = its.account AND s.chat_group >= its.place ORDER BY s.chat_group LIMIT 1;
    IF FOUND THEN
      is_more := true;
      ids := ARRAY(
        SELECT m.id FROM message m
        WHERE m.inbox = -one.chat_group AND m.id > its.position
          AND m.id <= (SELECT d.checked_id FROM app_data d WHERE d.app = its.app)
        ORDER BY m.id LIMIT a_rows);
      PERFORM roost.erase_messages(ARRAY(
        SELECT m.id FROM unnest(ids) AS read (id) JOIN message m ON m.id = read.id WHERE m.sender = its.account));
      dealt := cardinality(ids);
      reached := CASE WHEN dealt = a_rows THEN ids[dealt] ELSE 0 END;
      next_place := CASE WHEN dealt = a_rows THEN one.chat_group ELSE one.chat_group + 1 END;
    END IF;
  ELSIF its.step = 'mentions' THEN
    -- A message says by name whom it mentions, which another account may have from now on.
    FOR one IN SELECT n.other, n.id FROM mention n WHERE n.account = its.account LIMIT a_rows LOOP
      UPDATE message m
        SET mentions = nullif(array_to_string(array_remove(string_to_array(m.mentions, ','), its.name), ','), '')
        WHERE m.id = one.id;
      DELETE FROM mention n WHERE n.account = its.account AND n.other = one.other AND n.id = one.id;
      dealt := dealt + 1;
    END LOOP;
    is_more := dealt = a_rows;
  ELSIF its.step = 'hooks' THEN
    SELECT e.reached, e.changed INTO reached, dealt FROM roost.erase_in_hooks(its.app, its.name, its.position) e;
    is_more := reached IS NOT NULL;
  ELSIF its.step = 'reactions' THEN
    SELECT max(n.message) INTO reached FROM (
      SELECT r.message FROM reaction r WHERE r.message > its.position ORDER BY r.message LIMIT a_rows) n;
    is_more := reached IS NOT NULL;
    FOR one IN
      SELECT r.message, r.reaction FROM reaction r
      WHERE r.message > its.position AND r.message <= reached AND r.account = its.account
    LOOP
      DELETE FROM reaction r
        WHERE r.message = one.message AND r.reaction = one.reaction AND r.account = its.account;
      UPDATE reaction_count c SET accounts = c.accounts - 1
        WHERE c.message = one.message AND c.reaction = one.reaction;
      DELETE FROM reaction_count c WHERE c.message = one.message AND c.reaction = one.reaction AND c.accounts = 0;
      dealt := dealt + 1;
    END LOOP;
  ELSIF its.step = 'entries' THEN
    ${scan("entry", "id", `t.actor = its.account AND t.kind = ${entryKind.reacted}`)}
  ELSIF its.step = 'blocks' THEN
    ${scan("block", "account", "t.blocked = its.account")}
  ELSIF its.step = 'invitations' THEN
    ${scan("invitation", "number", "t.maker = its.account")}
  ELSIF its.step = 'own' THEN
    ${drop("conversation", "t.account = its.account AND t.other < 0")}
    ${ownTables.map((table) => drop(table)).join("\n    ")}
    is_more := dealt = a_rows;
    -- Those of whoever has the name now are younger. That its tokens are revoked stays.
    DELETE FROM revocation r
      WHERE r.app = its.app AND r.account = its.name AND r.kind = 'kick' AND r.id < its.id;
    -- Those that messages named go with them; an account has few others.
    UPDATE media m SET state = ${mediaState.gone} WHERE m.account = its.account AND m.state < ${mediaState.named};
  ELSIF its.step = 'windows' THEN
    ${drop("member")}
    is_more := dealt = a_rows;
  END IF;

  UPDATE operation o SET rows = o.rows + dealt,
      step = CASE WHEN is_more THEN its.step ELSE (
        SELECT t.step FROM unnest(ARRAY['${deletionSteps.join("', '")}']) WITH ORDINALITY AS t (step, position)
        WHERE t.position = 1 + array_position(ARRAY['${deletionSteps.join("', '")}'], its.step)) END,
      position = CASE WHEN is_more THEN reached ELSE 0 END,
      place = CASE WHEN is_more THEN next_place ELSE 0 END,
      ended_s = CASE WHEN NOT is_more AND its.step = '${deletionSteps.at(-2)}' THEN held.wall_us / 1000000 ELSE 0 END,
      name = CASE WHEN NOT is_more AND its.step = '${deletionSteps.at(-2)}' THEN '' ELSE its.name END
    WHERE o.id = its.id;
  IF last_id <> held.last_id THEN PERFORM roost.move_last(last_id, held.wall_us / 1000); END IF;
  RETURN true;
END $$;
`;

export const deletionFunctions: string = [begin, slice].join("\n");
