// Whom accounts let reach them, as functions of the database: blocks and settings (store/people.ts) decide who may
// write to an account, and who may add it to groups. Names of tables are qualified, because statements that read call
// these, too.
//
// The table guard has the accounts that may refuse somebody: those that have, or had, a block or a setting other than
// everybody. So whoever reaches for the others costs a look into its key.

import { systemAccount } from "../../../auth/names.ts";
import type { Consent } from "../../group-rights.ts";
import { outcome } from "../../jobs.ts";
import { hasMessages } from "../conversation-functions.ts";

const everybody: Consent = "everybody";
const conversations: Consent = "conversations";
const nobody: Consent = "nobody";

/**
 * A condition: an account blocks another. Both are SQL expressions. It is no EXISTS, for which the planner would read
 * all blocks of the store into a hash.
 */
export function isBlocked(account: string, other: string): string {
  return `coalesce((
    SELECT true FROM roost.block b WHERE b.account = ${account} AND b.blocked = ${other} AND NOT b.is_off), false)`;
}

/** A condition: an account is the system of its app, which reaches everybody. */
function isSystem(account: string): string {
  return `coalesce((SELECT a.name = '${systemAccount}' FROM roost.account a WHERE a.number = ${account}), false)`;
}

/**
 * An expression: which actors an account lets that may refuse somebody, of which this one is. Whether it is the system
 * is looked up only where another would not be let: this is on the path of every talk to such an account.
 */
function ruleOf(actor: string, target: string, column: "write_rule" | "add_rule"): string {
  const unlessSystem = (rule: string): string => `CASE WHEN ${isSystem(actor)} THEN '${everybody}' ELSE ${rule} END`;
  return `CASE WHEN ${isBlocked(target, actor)} THEN ${unlessSystem(`'${nobody}'`)} ELSE coalesce(
          (SELECT CASE c.${column} WHEN '${everybody}' THEN c.${column} ELSE ${unlessSystem(`c.${column}`)} END
            FROM roost.consent c WHERE c.account = ${target}), '${everybody}') END`;
}

/** mayReach of store/group-rights.ts. */
const reach = `
-- Whom an account lets, of which this actor is one: everybody, those it has talked with, or nobody, as if it blocks the
-- actor. a_wish: 'write' or 'add'. An account without a number, null, refuses nobody.
CREATE OR REPLACE FUNCTION roost.rule_for(a_actor bigint, a_target bigint, a_wish text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_actor = a_target OR NOT EXISTS (SELECT FROM roost.guard g WHERE g.account = a_target) THEN
    RETURN '${everybody}';
  END IF;
  RETURN CASE a_wish WHEN 'write' THEN ${ruleOf("a_actor", "a_target", "write_rule")}
    ELSE ${ruleOf("a_actor", "a_target", "add_rule")} END;
END $$;

CREATE OR REPLACE FUNCTION roost.have_talked(a_one bigint, a_other bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM roost.conversation c WHERE c.account = a_one AND c.other = a_other)
    AND ${hasMessages("a_one", "a_other")};
END $$;

-- Whether an account may write to another, or add it to groups.
CREATE OR REPLACE FUNCTION roost.may_reach(a_actor bigint, a_target bigint, a_wish text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  rule CONSTANT text := roost.rule_for(a_actor, a_target, a_wish);
BEGIN
  RETURN rule = '${everybody}' OR rule = '${conversations}' AND roost.have_talked(a_actor, a_target);
END $$;
`;

/** The right to talk of rightInGroup (store/group-rights.ts), without its facts; a_now_s: seconds since 1970. */
const groups = `
CREATE OR REPLACE FUNCTION roost.talk_right(a_group bigint, a_account bigint, a_now_s bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  its_group roost.chat_group;
  its roost.member;
BEGIN
  SELECT * INTO its_group FROM roost.chat_group g WHERE g.number = a_group;
  IF coalesce(its_group.member_count, 0) = 0 THEN RETURN 'notFound'; END IF;
  SELECT * INTO its FROM roost.member m
    WHERE m.chat_group = a_group AND m.account = a_account AND m.until_id IS NULL;
  RETURN CASE
    WHEN its.number IS NULL THEN
      CASE WHEN roost.is_system_of(a_account, a_group) THEN 'allowed' ELSE 'forbidden' END
    WHEN its.muted_until > a_now_s THEN 'muted'
    WHEN its_group.for_admins AND its.role = 0 AND its_group.owner <> a_account THEN 'forAdmins'
    ELSE 'allowed' END;
END $$;
`;

/** A condition: one of the accounts of an array may refuse somebody. */
export function anyGuarded(accounts: string): string {
  return `EXISTS (SELECT FROM roost.guard g WHERE g.account = ANY (${accounts}))`;
}

/**
 * The denials of a batch of talks, with those of its receivers. A conversation that a talk of the batch begins exists
 * for the talks behind it; one that is denied by what it names (a_links; null for none), or has a clientId that was
 * used before, may not be stored, and begins none.
 */
const talks = `
CREATE OR REPLACE FUNCTION roost.refuse_talks(
  a_senders bigint[], a_inboxes bigint[], a_denials bigint[], a_client_ids text[], a_links bigint[]
) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF NOT ${anyGuarded("a_inboxes")} THEN RETURN a_denials; END IF;
  -- Mostly all receivers let their senders.
  IF NOT EXISTS (
    SELECT FROM generate_series(1, cardinality(a_inboxes)) AS t (at)
    WHERE CASE WHEN (SELECT true FROM roost.guard g WHERE g.account = a_inboxes[t.at])
      AND a_senders[t.at] IS DISTINCT FROM a_inboxes[t.at]
      THEN ${ruleOf("a_senders[t.at]", "a_inboxes[t.at]", "write_rule")} <> '${everybody}' END
  ) THEN
    RETURN a_denials;
  END IF;
  RETURN ARRAY(
    SELECT CASE
      WHEN t.denial IS NULL AND NOT t.is_willing AND (t.rule <> '${conversations}' OR t.begun_at IS NULL
        OR t.begun_at > t.position) THEN ${outcome.unwilling}
      ELSE t.denial END
    FROM (
      SELECT w.*, min(w.position) FILTER (WHERE w.is_willing AND w.denial IS NULL AND w.link IS NULL AND NOT w.is_used)
        OVER (PARTITION BY least(w.sender, w.inbox), greatest(w.sender, w.inbox)) AS begun_at
      FROM (
        SELECT r.*,
          r.rule = '${everybody}' OR r.rule = '${conversations}' AND roost.have_talked(r.sender, r.inbox) AS is_willing
        FROM (
          SELECT u.*, u.client_id <> '' AND (
              row_number() OVER (PARTITION BY u.sender, u.client_id ORDER BY u.position) > 1
              OR (SELECT true FROM roost.message m WHERE m.sender = u.sender AND m.client_id = u.client_id) IS TRUE
            ) AS is_used,
            CASE WHEN g.account IS NULL OR u.sender = u.inbox THEN '${everybody}'
            ELSE ${ruleOf("u.sender", "u.inbox", "write_rule")} END AS rule
          FROM unnest(a_senders, a_inboxes, a_denials, a_client_ids, a_links)
            WITH ORDINALITY AS u (sender, inbox, denial, client_id, link, position)
          LEFT JOIN roost.guard g ON g.account = u.inbox
          OFFSET 0
        ) r
        OFFSET 0
      ) w
    ) t
    ORDER BY t.position);
END $$;
`;

export const guardFunctions: string = [reach, groups, talks].join("\n");
