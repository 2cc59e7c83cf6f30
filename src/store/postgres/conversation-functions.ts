// What the functions of conversations have in common: names of conversations, and what an account may read. Names of
// tables are qualified, because statements that read call these, too.

import { systemAccount } from "../../auth/names.ts";
import { windowsReadMax } from "../../base/limits/fixed.ts";

/** The largest id. */
export const endId = "9223372036854775807";

/**
 * A condition: one of the windows of an account in a group holds an id. All are SQL expressions. Windows do not
 * overlap, so only the last one that begins before the id can: an account may have joined and left thousands of times.
 * The system sees all of its app, as if it had a window that holds everything.
 */
export function isInWindow(account: string, group: string, id: string): string {
  return `coalesce((
    SELECT w.until_id IS NULL OR w.until_id > ${id} FROM roost.member w
    WHERE w.account = ${account} AND w.chat_group = ${group} AND w.from_id < ${id}
    ORDER BY w.from_id DESC LIMIT 1), roost.is_system_of(${account}, ${group}))`;
}

/** A table: the windows of an account in a group that a history or a list reads. */
export function windowsOf(account: string, group: string): string {
  return `(SELECT m.from_id, m.until_id FROM roost.member m WHERE m.account = ${account} AND m.chat_group = ${group}
        ORDER BY m.from_id DESC LIMIT ${windowsReadMax})`;
}

/** A condition: an account may read a message (a row's name). */
export function mayRead(account: string, message: string): string {
  return `(${message}.id > roost.watermark_for(${account})
    AND (${message}.sender = ${account} OR ${message}.inbox = ${account}
    OR CASE WHEN ${message}.inbox < 0 THEN ${isInWindow(account, `-${message}.inbox`, `${message}.id`)}
      ELSE roost.is_system_for(${account}, ${message}.sender) END))`;
}

/** An expression: the conversation that a message is in, as an account sees it that may read it. */
function otherOf(account: string, message: string): string {
  return `CASE WHEN ${message}.inbox = ${account} THEN ${message}.sender ELSE ${message}.inbox END`;
}

/** A condition: an account has cleared its conversation up to a message (a row's name) that it may read, or beyond. */
export function isCleared(account: string, message: string): string {
  return `coalesce((
    SELECT c.cleared_id >= ${message}.id FROM roost.conversation c
    WHERE c.account = ${account} AND c.other = ${otherOf(account, message)}), false)`;
}

/** A condition: no retention has passed over all messages between two accounts. */
export function hasMessages(one: string, other: string): string {
  const exists = (sender: string, inbox: string): string => `EXISTS (
        SELECT FROM roost.message m
        WHERE m.inbox >= 1 AND m.sender = ${sender} AND m.inbox = ${inbox} AND m.id > roost.watermark_for(${one}))`;
  return `(${exists(other, one)} OR ${exists(one, other)})`;
}

export const conversationFunctions = `
-- The watermark of an app (store/data.ts): nothing up to this id is read or changed any more. 0 without one.
CREATE OR REPLACE FUNCTION roost.watermark_of(a_app text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT d.watermark_id FROM roost.app_data d WHERE d.app = a_app), 0);
END $$;

-- That of the app of an account.
CREATE OR REPLACE FUNCTION roost.watermark_for(a_account bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((
    SELECT d.watermark_id FROM roost.app_data d
    WHERE d.app = (SELECT a.app FROM roost.account a WHERE a.number = a_account)), 0);
END $$;

-- A conversation of an account as its settings name it; null if the account never had it.
CREATE OR REPLACE FUNCTION roost.conversation_of(a_app text, a_me bigint, a_to_group boolean, a_dest text)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_to_group THEN
    RETURN (
      SELECT -g.number FROM roost.chat_group g
      WHERE g.app = a_app AND g.id = a_dest
        AND (EXISTS (SELECT FROM roost.member m WHERE m.account = a_me AND m.chat_group = g.number)
          OR roost.is_system_of(a_me, g.number))
        AND NOT EXISTS (SELECT FROM roost.unfinished_group u WHERE u.chat_group = g.number));
  END IF;
  RETURN (
    SELECT c.other FROM roost.account a JOIN roost.conversation c ON c.account = a_me AND c.other = a.number
    WHERE a.app = a_app AND a.name = a_dest
      AND ${hasMessages("a_me", "a.number")});
END $$;

-- Whether an account is the system of the app of another one.
CREATE OR REPLACE FUNCTION roost.is_system_for(a_account bigint, a_other bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM roost.account a JOIN roost.account o ON o.app = a.app
    WHERE a.number = a_account AND a.name = '${systemAccount}' AND o.number = a_other);
END $$;

CREATE OR REPLACE FUNCTION roost.account_number(a_app text, a_name text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT a.number FROM roost.account a WHERE a.app = a_app AND a.name = a_name);
END $$;

CREATE OR REPLACE FUNCTION roost.account_name(a_number bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT a.name FROM roost.account a WHERE a.number = a_number);
END $$;
`;
