// The tables of webhooks: endpoints with their positions in the log, batches that wait or were given up, and who
// delivers.

export const hookTables = `
  CREATE TABLE hook (
    -- Of the sequence of messages, as version.
    id INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    app TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    -- Joined by commas.
    events TEXT NOT NULL,
    fail_open INTEGER NOT NULL,
    -- The positions of its lanes.
    told INTEGER NOT NULL,
    undelivered INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    UNIQUE (app, name)
  );

  CREATE TABLE hook_batch (
    number INTEGER PRIMARY KEY,
    hook INTEGER NOT NULL,
    webhook_id TEXT NOT NULL,
    lane TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Joined by commas.
    refs TEXT NOT NULL,
    conversation TEXT NOT NULL,
    up_to INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (hook, webhook_id)
  );
  CREATE INDEX hook_batch_state ON hook_batch (hook, state);

  CREATE TABLE hook_lease (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    holder TEXT NOT NULL,
    beat INTEGER NOT NULL
  );
  INSERT INTO hook_lease VALUES (1, '', 0);
`;
