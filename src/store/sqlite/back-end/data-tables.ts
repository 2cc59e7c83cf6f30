// The tables of the operations on data: exports, imports, and the deletion of accounts.

export const dataTables = `
  -- What an app has besides its accounts and groups. An app without a row has nothing of this.
  CREATE TABLE app_data (
    number INTEGER PRIMARY KEY,
    -- Nothing up to this id is read any more.
    watermark_id INTEGER NOT NULL,
    app TEXT NOT NULL UNIQUE,
    -- none, importing, complete, or live: somebody else has used the app meanwhile.
    import_state TEXT NOT NULL,
    -- Nobody else has, as far as messages up to this id tell.
    checked_id INTEGER NOT NULL,
    -- What is up to the watermark is erased up to this id.
    purged_id INTEGER NOT NULL,
    -- How long messages are kept; 0: without end.
    keep_days INTEGER NOT NULL
  );

  CREATE TABLE import (
    number INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    stored INTEGER NOT NULL,
    name TEXT NOT NULL,
    -- The records of the last page, which may be sent again.
    page_records INTEGER NOT NULL,
    UNIQUE (app, name)
  );

  -- Which ids messages had, and have now: see bulk/import-ids.ts.
  CREATE TABLE import_page (
    number INTEGER PRIMARY KEY,
    pairs TEXT NOT NULL,
    import INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL
  );
  CREATE INDEX import_page_of ON import_page (import, first_id);

  -- The deletion of an account: its number, the name that it had ('' at the end), and how far it is.
  CREATE TABLE operation (
    id INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    name TEXT NOT NULL,
    account INTEGER NOT NULL,
    -- See bulk/deletion-steps.ts; done at the end.
    step TEXT NOT NULL,
    -- What the step has dealt with.
    position INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    started_s INTEGER NOT NULL,
    ended_s INTEGER NOT NULL
  );
  CREATE INDEX operation_running ON operation (id) WHERE step <> 'done';

  -- For exports: members in the order of joining, of all groups.
  CREATE INDEX member_from ON member (from_id);

  -- A deleted account keeps its number and has no app: nobody finds it by a name, and writers forget its former one by
  -- themselves (bulk/tombstones.ts).
  DROP TRIGGER IF EXISTS account_changed;
  CREATE TRIGGER account_changed AFTER UPDATE OF number, app, name ON account WHEN NEW.app <> '' BEGIN
    UPDATE identity SET epoch = lower(hex(randomblob(16)));
  END;
`;
