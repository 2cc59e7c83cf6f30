// What roost check asks about the tables for back ends: counts of rows that should not be.

import { mediaState } from "../../media.ts";

export const backEndQuestions: readonly { readonly what: string; readonly sql: string }[] = [
  {
    what: "keys of the API above the last id of the store",
    sql: "SELECT count(*) AS n FROM roost.api_key, roost.sequence s WHERE version > s.last_id",
  },
  {
    what: "operations, imports or watermarks above the last id of the store",
    sql: `SELECT count(*) AS n FROM (
            SELECT id FROM roost.operation UNION ALL SELECT greatest(checked_id, watermark_id) FROM roost.app_data
          ) d, roost.sequence s WHERE d.id > s.last_id`,
  },
  {
    what: "duplicate keys of the API",
    sql: "SELECT count(*) AS n FROM (SELECT FROM roost.api_key GROUP BY hash HAVING count(*) > 1) twice",
  },
  {
    what: "positions of webhooks above the last id of the store",
    sql: `SELECT count(*) AS n FROM roost.hook, roost.sequence s
          WHERE greatest(id, version, told, undelivered) > s.last_id`,
  },
  {
    what: "batches of webhooks that are nobody's",
    sql: "SELECT count(*) AS n FROM roost.hook_batch b WHERE NOT EXISTS (SELECT FROM roost.hook h WHERE h.id = b.hook)",
  },
  {
    what: "bans of accounts whose tokens are not revoked; gateways do not know of them",
    sql: `SELECT count(*) AS n FROM roost.ban b WHERE NOT EXISTS (
            SELECT FROM roost.revocation r WHERE r.kind = 'revoke' AND r.app = b.app AND r.account = b.account)`,
  },
  {
    what: "files above the last id of the store",
    sql: "SELECT count(*) AS n FROM roost.media, roost.sequence s WHERE version > s.last_id",
  },
  {
    what: "files without an account",
    sql: `SELECT count(*) AS n FROM roost.media m LEFT JOIN roost.account a ON a.number = m.account
          WHERE a.number IS NULL`,
  },
  {
    what: "files of messages without their message, or that are not there",
    sql: `SELECT count(*) AS n FROM roost.media_use u
          LEFT JOIN roost.message m ON m.id = u.message
          LEFT JOIN roost.media f ON f.id = u.media AND f.state = ${mediaState.named}
          WHERE m.id IS NULL OR f.id IS NULL`,
  },
  {
    what: "files with a wrong count of the messages that name them",
    sql: `SELECT count(*) AS n FROM roost.media m LEFT JOIN (
            SELECT media, count(*) AS uses FROM roost.media_use GROUP BY media) u ON u.media = m.id
          WHERE m.uses <> coalesce(u.uses, 0) OR (m.state = ${mediaState.named}) <> (m.uses > 0)`,
  },
];
