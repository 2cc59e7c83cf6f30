// What is written for webhooks (HookStore), as functions of the database: one call is one transaction. Settings take an
// id of the sequence of messages; what is saved while webhooks are told does not wait for the lock of messages.

import { endpointsMax } from "../../../base/limits/fixed.ts";
import { isolated } from "../writer-lock.ts";

/** Of a slice; each has up to a thousand references. */
const erasedBatchesMax = 100;

export const hookFunctions: string = `
CREATE OR REPLACE FUNCTION roost.set_hook(
  a_holder text, a_life text, a_app text, a_name text, a_url text, a_secret text, a_events text, a_fail_open boolean
) RETURNS text LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
  new_id bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  new_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
  UPDATE hook h SET version = new_id, url = a_url, secret = a_secret, events = a_events, fail_open = a_fail_open
    WHERE h.app = a_app AND h.name = a_name;
  IF FOUND THEN
    PERFORM roost.move_last(new_id, held.wall_us / 1000);
    RETURN 'changed';
  END IF;
  IF (SELECT count(*) FROM hook) >= ${endpointsMax} THEN RETURN 'full'; END IF;
  INSERT INTO hook (id, version, told, undelivered, fail_open, app, name, url, secret, events)
    VALUES (new_id, new_id, new_id, new_id, a_fail_open, a_app, a_name, a_url, a_secret, a_events);
  PERFORM roost.move_last(new_id, held.wall_us / 1000);
  RETURN 'created';
END $$;

CREATE OR REPLACE FUNCTION roost.remove_hook(a_holder text, a_life text, a_app text, a_name text)
RETURNS boolean LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  removed bigint;
BEGIN
  PERFORM roost.hold(a_holder, a_life);
  DELETE FROM hook h WHERE h.app = a_app AND h.name = a_name RETURNING h.id INTO removed;
  DELETE FROM hook_batch b WHERE b.hook = removed;
  RETURN removed IS NOT NULL;
END $$;

-- Nobody waits behind what is replayed: what followed it was told long ago. A null id is all.
CREATE OR REPLACE FUNCTION roost.replay_hook(
  a_holder text, a_life text, a_app text, a_name text, a_webhook_id text
) RETURNS bigint LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
  new_id bigint;
  replayed bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  UPDATE hook_batch b SET state = 'aside', conversation = '', attempts = 0, due_ms = 0
    WHERE b.hook = (SELECT h.id FROM hook h WHERE h.app = a_app AND h.name = a_name) AND b.state = 'dead'
      AND (a_webhook_id IS NULL OR b.webhook_id = a_webhook_id);
  GET DIAGNOSTICS replayed = ROW_COUNT;
  IF replayed > 0 THEN
    new_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
    UPDATE hook h SET version = new_id WHERE h.app = a_app AND h.name = a_name;
    PERFORM roost.move_last(new_id, held.wall_us / 1000);
  END IF;
  RETURN replayed;
END $$;

-- The lease now, whoever has it.
CREATE OR REPLACE FUNCTION roost.lease_hooks(
  a_life text, a_holder text, a_seen_holder text, a_seen_beat bigint, OUT holder text, OUT beat bigint
) LANGUAGE plpgsql ${isolated} AS $$
BEGIN
  PERFORM roost.require_life(a_life);
  -- A table that was emptied by hand.
  INSERT INTO hook_lease (beat, holder) VALUES (0, '') ON CONFLICT DO NOTHING;
  UPDATE hook_lease l SET holder = a_holder, beat = l.beat + 1
    WHERE l.holder = a_seen_holder AND l.beat = a_seen_beat;
  SELECT l.holder, l.beat INTO holder, beat FROM hook_lease l;
END $$;

-- What a batch may name: a process that saves it has read the log before the data of an account were deleted.
CREATE OR REPLACE FUNCTION roost.known_refs(a_app text, a_lane text, a_refs text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_lane = 'log' THEN RETURN a_refs; END IF;
  RETURN (
    SELECT coalesce(string_agg(r.ref, ',' ORDER BY r.position), '')
    FROM unnest(string_to_array(a_refs, ',')) WITH ORDINALITY AS r (ref, position)
    JOIN roost.message m ON m.id = split_part(r.ref, '/', 1)::bigint
    JOIN roost.account a ON a.app = a_app AND a.name = substr(r.ref, strpos(r.ref, '/') + 1)
    -- Somebody else may have the name by now.
    WHERE m.inbox = a.number
      OR EXISTS (SELECT FROM roost.member b WHERE b.account = a.number AND b.chat_group = -m.inbox));
END $$;

-- Of the lane undelivered, a receiver and the conversation; that is '' and a group, or two accounts.
CREATE OR REPLACE FUNCTION roost.known_conversation(a_app text, a_lane text, a_conversation text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  names text[] := string_to_array(a_conversation, ',');
  place integer := CASE WHEN a_lane = 'log' THEN 1 ELSE 2 END;
BEGIN
  IF names[place] = '' THEN names := names[:place - 1]; END IF;
  RETURN CASE WHEN NOT EXISTS (
    SELECT FROM unnest(names) AS n (name) WHERE roost.account_number(a_app, n.name) IS NULL
  ) THEN a_conversation ELSE '' END;
END $$;

-- False, and nothing is changed, if somebody else has the lease.
CREATE OR REPLACE FUNCTION roost.save_hooks(a_life text, a_holder text, a_changes jsonb)
RETURNS boolean LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  c jsonb;
  b jsonb;
BEGIN
  PERFORM roost.require_life(a_life);
  PERFORM FROM hook_lease l WHERE l.holder = a_holder FOR SHARE;
  IF NOT FOUND THEN RETURN false; END IF;
  FOR c IN SELECT * FROM jsonb_array_elements(a_changes) LOOP
    CASE c->>'change'
      WHEN 'move' THEN
        IF c->>'lane' = 'log' THEN
          UPDATE hook h SET told = greatest(h.told, (c->>'position')::bigint) WHERE h.id = (c->>'endpoint')::bigint;
        ELSE
          UPDATE hook h SET undelivered = greatest(h.undelivered, (c->>'position')::bigint)
            WHERE h.id = (c->>'endpoint')::bigint;
        END IF;
      WHEN 'drop' THEN
        DELETE FROM hook_batch t WHERE t.hook = (c->>'endpoint')::bigint AND t.webhook_id = c->>'webhookId';
      WHEN 'lose' THEN
        UPDATE hook h SET lost = h.lost + (c->>'events')::bigint WHERE h.id = (c->>'endpoint')::bigint;
      WHEN 'put' THEN
        b := c->'batch';
        INSERT INTO hook_batch AS t
            (hook, up_to, due_ms, attempts, webhook_id, lane, state, refs, conversation, reason)
          SELECT h.id, (b->>'upTo')::bigint, (b->>'dueMs')::bigint, (b->>'attempts')::integer, b->>'webhookId',
            b->>'lane', b->>'state', roost.known_refs(h.app, b->>'lane', b->>'refs'),
            roost.known_conversation(h.app, b->>'lane', b->>'conversation'), b->>'reason'
          FROM hook h WHERE h.id = (b->>'endpoint')::bigint
          ON CONFLICT (hook, webhook_id) DO UPDATE SET up_to = excluded.up_to, due_ms = excluded.due_ms,
            attempts = excluded.attempts, lane = excluded.lane, state = excluded.state, refs = excluded.refs,
            conversation = excluded.conversation, reason = excluded.reason;
        DELETE FROM hook_batch t
          WHERE t.hook = (b->>'endpoint')::bigint AND t.webhook_id = b->>'webhookId' AND t.refs = '';
    END CASE;
  END LOOP;
  RETURN true;
END $$;

-- Takes the name of a deleted account out of some batches behind a_position, in the order of numbers; reached: the
-- last of them, null if there was none. Who delivers has some in memory, and goes on: what it saves from now on does
-- not name the account either (save_hooks).
CREATE OR REPLACE FUNCTION roost.erase_in_hooks(
  a_app text, a_name text, a_position bigint, OUT reached bigint, OUT changed bigint
) LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  numbers bigint[];
BEGIN
  -- What is being saved is committed first, and seen below.
  PERFORM FROM hook_lease FOR UPDATE;
  numbers := ARRAY(
    SELECT b.number FROM hook_batch b JOIN hook h ON h.id = b.hook
    WHERE h.app = a_app AND b.number > a_position ORDER BY b.number LIMIT ${erasedBatchesMax});
  reached := numbers[cardinality(numbers)];
  UPDATE hook_batch b SET refs = n.refs, conversation = n.conversation, reason = replace(b.reason, a_name, '…')
    FROM (
      SELECT t.number,
        CASE WHEN t.lane = 'log' THEN t.refs ELSE coalesce((
          SELECT string_agg(r.ref, ',' ORDER BY r.position)
          FROM unnest(string_to_array(t.refs, ',')) WITH ORDINALITY AS r (ref, position)
          WHERE substr(r.ref, strpos(r.ref, '/') + 1) <> a_name), '') END AS refs,
        CASE WHEN a_name = ANY (string_to_array(t.conversation, ',')) THEN '' ELSE t.conversation END AS conversation
      FROM hook_batch t WHERE t.number = ANY (numbers)
    ) n
    WHERE b.number = n.number
      AND (b.refs <> n.refs OR b.conversation <> n.conversation OR strpos(b.reason, a_name) > 0);
  GET DIAGNOSTICS changed = ROW_COUNT;
  DELETE FROM hook_batch b WHERE b.number = ANY (numbers) AND b.refs = '';
END $$;
`;
