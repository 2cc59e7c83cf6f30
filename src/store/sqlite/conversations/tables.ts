// The tables of conversations (schema 7): entries of the log that are not messages, what messages have besides their
// text, and each account's own view. All of them are small beside the log, and found by ordinary indexes.
//
// An entry's `inbox` is the actor's partner in a direct conversation, or minus the group's number; `other` names a
// conversation likewise: the partner's number, or minus the group's. Entries hold no text.
//
// Each table has a rowid and columns of types that no other table has, so that a salvage recognises its rows
// (salvage/table-search.ts).

/** Bits of `message.state`, which is NULL for most messages. */
export const messageState = { edited: 1, recalled: 2, hasReactions: 4, hasMedia: 8 } as const;

export const conversationTables = `
  ALTER TABLE message ADD COLUMN state INTEGER;
  ALTER TABLE message ADD COLUMN reply_to INTEGER;
  -- The first message of the thread that a reply belongs to. No plain message is in this index.
  ALTER TABLE message ADD COLUMN thread INTEGER;
  CREATE INDEX message_thread ON message (thread) WHERE thread IS NOT NULL;
  -- Names, joined by commas; * is everybody.
  ALTER TABLE message ADD COLUMN mentions TEXT;

  CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    inbox INTEGER NOT NULL,
    actor INTEGER NOT NULL,
    -- The message that it is about, or 0.
    refers INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,
    client_id TEXT,
    reaction TEXT NOT NULL,
    is_off INTEGER NOT NULL
  );
  -- A secondary index ends in the rowid, so these are (inbox, id) and so on.
  CREATE INDEX entry_inbox ON entry (inbox);
  CREATE INDEX entry_actor ON entry (actor) WHERE inbox > 0;
  CREATE INDEX entry_refers ON entry (refers) WHERE refers > 0;

  -- Who was mentioned, by name; * is everybody in the group.
  CREATE TABLE mention (
    number INTEGER PRIMARY KEY,
    who TEXT NOT NULL,
    inbox INTEGER NOT NULL,
    id INTEGER NOT NULL,
    UNIQUE (inbox, who, id)
  );
  CREATE INDEX mention_id ON mention (id);

  CREATE TABLE reaction (
    number INTEGER PRIMARY KEY,
    message INTEGER NOT NULL,
    account INTEGER NOT NULL,
    reaction TEXT NOT NULL,
    UNIQUE (message, reaction, account)
  );

  CREATE TABLE hidden (
    number INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (account, id)
  );
  CREATE INDEX hidden_version ON hidden (account, version);
  CREATE INDEX hidden_id ON hidden (id);

  CREATE TABLE conversation (
    number INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    other INTEGER NOT NULL,
    pinned INTEGER NOT NULL,
    muted INTEGER NOT NULL,
    -- Hidden until a message is newer; 0 if it is not hidden.
    hidden_id INTEGER NOT NULL,
    -- Nothing up to this id is shown.
    cleared_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (account, other)
  );
  CREATE INDEX conversation_version ON conversation (account, version);

  -- Read cursors as of a backup, for a restored store: the file of cursors (read-file.ts) begins with them.
  CREATE TABLE read_mark (
    number INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    other INTEGER NOT NULL,
    read_id INTEGER NOT NULL,
    saved_ms INTEGER NOT NULL,
    UNIQUE (account, other)
  );
`;
