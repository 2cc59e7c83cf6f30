// The tables, as numbered migrations in the schema `roost`: roost.migration has the numbers of the migrations that have
// run. A released migration never changes; later ones are appended. Functions are separate: all are replaced whenever a
// migration runs. To change a function, append a migration, which may be empty. Programs of earlier schemas call the
// functions that they know until they are restarted.
//
// Accounts and groups are integers inside the database. `message.inbox` is the receiver's account number, or minus the
// group's number. A member's window is the open interval (from_id, until_id); until_id is NULL while it lasts. NULs in
// text from clients are escaped (text.ts).

import { addition, messageColumns, ownColumn } from "./added-columns.ts";
import { deletionFunctions } from "./bulk/deletion-functions.ts";
import { eraseFunctions } from "./bulk/erase-functions.ts";
import { retentionFunctions } from "./bulk/retention-functions.ts";
import { importFunctions } from "./bulk/import-functions.ts";
import { keyFunctions } from "./back-end/key-functions.ts";
import { backEndTables } from "./back-end/tables.ts";
import { mediaFunctions } from "./media/media-functions.ts";
import { changeFunctions } from "./change-functions.ts";
import { conversationFunctions } from "./conversation-functions.ts";
import { formerFunctions } from "./former-functions.ts";
import { callFunctions } from "./groups/call-functions.ts";
import { endedFunctions } from "./groups/ended-functions.ts";
import { groupFunctions } from "./groups/group-functions.ts";
import { joinFunctions } from "./groups/join-functions.ts";
import { memberFunctions } from "./groups/member-functions.ts";
import { pinFunctions } from "./groups/pin-functions.ts";
import { rightFunctions } from "./groups/right-functions.ts";
import { viewFunctions } from "./groups/view-functions.ts";
import { hookFunctions } from "./hooks/hook-functions.ts";
import { historyFunctions } from "./history-functions.ts";
import { lifeFunctions } from "./life.ts";
import { listFunctions } from "./list-functions.ts";
import { messageFunctions } from "./message-functions.ts";
import { ownershipFunctions } from "./ownership-functions.ts";
import { guardFunctions } from "./people/guard-functions.ts";
import { peopleFunctions } from "./people/people-functions.ts";
import { peopleTables } from "./people/tables.ts";
import { purgeFunctions } from "./purge-functions.ts";
import { revocationFunctions } from "./revocation-functions.ts";
import { settingFunctions } from "./setting-functions.ts";
import { lastIdsOfNodes, writerLock } from "./writer-lock.ts";

const tables = `
CREATE TABLE roost.sequence (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  last_id bigint NOT NULL,
  committed_ms bigint NOT NULL
);
INSERT INTO roost.sequence (last_id, committed_ms) VALUES (0, 0);

-- since_id is the store's last id when the holder took the number: smaller ones are another holder's.
CREATE TABLE roost.node (
  number integer PRIMARY KEY,
  holder text COLLATE "C" NOT NULL UNIQUE,
  until_ms bigint NOT NULL,
  since_id bigint NOT NULL
);

CREATE TABLE roost.account (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  app text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  UNIQUE (app, name)
);

CREATE TABLE roost.chat_group (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner bigint NOT NULL,
  created_ms bigint NOT NULL,
  version bigint NOT NULL,
  member_count bigint NOT NULL,
  closed boolean NOT NULL,
  app text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  name text NOT NULL,
  avatar text NOT NULL,
  introduction text NOT NULL,
  UNIQUE (app, id)
);

-- Numbered in the order of joining.
CREATE TABLE roost.member (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  chat_group bigint NOT NULL,
  account bigint NOT NULL,
  from_id bigint NOT NULL,
  until_id bigint,
  joined_ms bigint NOT NULL,
  alias text NOT NULL DEFAULT '',
  avatar text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX member_now ON roost.member (chat_group, account) WHERE until_id IS NULL;
CREATE INDEX member_order ON roost.member (chat_group, number) WHERE until_id IS NULL;
CREATE INDEX member_groups ON roost.member (account) WHERE until_id IS NULL;
CREATE INDEX member_window ON roost.member (account, chat_group, from_id, until_id);
CREATE INDEX member_past ON roost.member (until_id) WHERE until_id IS NOT NULL;

CREATE TABLE roost.message (
  id bigint PRIMARY KEY,
  inbox bigint NOT NULL,
  sender bigint NOT NULL,
  sent_ns bigint NOT NULL,
  type integer NOT NULL,
  body text NOT NULL,
  extra text NOT NULL,
  client_id text COLLATE "C"
) WITH (
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);
CREATE INDEX message_inbox ON roost.message (inbox, id);
-- What an account sent to groups is found in its windows.
CREATE INDEX message_sent ON roost.message (sender, id) WHERE inbox > 0 AND inbox <> sender;
CREATE UNIQUE INDEX message_client ON roost.message (sender, client_id) WHERE client_id IS NOT NULL;

CREATE TABLE roost.cursor (
  account bigint NOT NULL,
  acked bigint NOT NULL,
  device text COLLATE "C" NOT NULL,
  PRIMARY KEY (account, device)
) WITH (fillfactor = 80);
`;

/** Horizons (store/horizon.ts), the trusted time and its marks (store/trusted-time.ts); the first look fills them. */
const horizons = `
-- turn counts the looks of all processes: whoever saves one has read the turn before. The rest is the trusted time's,
-- beside its horizon.
CREATE TABLE roost.look (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  turn bigint NOT NULL,
  ran_ms bigint NOT NULL,
  leapt_ms bigint NOT NULL
);
INSERT INTO roost.look (turn, ran_ms, leapt_ms) VALUES (0, 0, 0);

CREATE TABLE roost.horizon (
  kind text COLLATE "C" PRIMARY KEY CHECK (kind IN ('messages', 'time')),
  at_ms bigint NOT NULL,
  keep_ms bigint NOT NULL,
  looked_ms bigint NOT NULL,
  credit_ms bigint NOT NULL,
  is_waiting boolean NOT NULL,
  proven_ms bigint NOT NULL
);

CREATE TABLE roost.mark (
  id bigint PRIMARY KEY,
  at_ms bigint NOT NULL,
  ran_ms bigint NOT NULL
);
CREATE INDEX mark_at ON roost.mark (at_ms, id);
`;

/** The store's identity, epoch (changes when the content is replaced) and owner (auth/store-ownership.ts). */
const identity = `
CREATE TABLE roost.identity (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  identity text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL
);
INSERT INTO roost.identity (identity, epoch)
  VALUES (replace(gen_random_uuid()::text, '-', ''), replace(gen_random_uuid()::text, '-', ''));
CREATE TABLE roost.owner (fingerprint text COLLATE "C" PRIMARY KEY);
`;

/**
 * Which memberships are an account's own (it created the group, or joined by itself), and how many of each kind it has.
 * Earlier memberships, and those that a program of schema 3 adds, count as put by others, which never prevents the
 * account from creating or joining groups. An account without a row in group_count is not counted yet
 * (groups/member-functions.ts). unfinished_group has the groups whose members are still being added.
 */
const groupCounts = `
-- Writers lock this first: none of them holds a lock for which this waits.
SELECT FROM roost.sequence FOR UPDATE;
${addition(ownColumn)}
CREATE TABLE roost.group_count (
  account bigint PRIMARY KEY,
  own bigint NOT NULL,
  put bigint NOT NULL
) WITH (fillfactor = 80);
CREATE TABLE roost.unfinished_group (
  chat_group bigint PRIMARY KEY,
  step bigint NOT NULL
);
`;

/** Kicks and revocations; ids are from the sequence of messages. Accounts may have no row in roost.account. */
const revocations = `
CREATE TABLE roost.revocation (
  id bigint PRIMARY KEY,
  before_ms bigint NOT NULL,
  app text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  -- Null: all.
  device text COLLATE "C"
);
CREATE INDEX revocation_of ON roost.revocation (app, account);
`;

/**
 * Changes of messages, and accounts' own views of their conversations (store/conversations.ts). In `other` a
 * conversation is named as its account sees it: by the partner's number, or minus the group's.
 */
const conversations = `
SELECT FROM roost.sequence FOR UPDATE;
${addition(messageColumns)}
-- Its condition is another than that of message_sent: what is looked up by one is no question for the other, whatever
-- the planner thinks of accounts that have sent much.
CREATE INDEX message_pair ON roost.message (sender, inbox, id) WHERE inbox >= 1;

-- inbox: the partner of the actor, or minus the group's number. kind: entryKind of store/conversations.ts.
CREATE TABLE roost.entry (
  id bigint PRIMARY KEY,
  inbox bigint NOT NULL,
  actor bigint NOT NULL,
  refers bigint NOT NULL,
  at_ns bigint NOT NULL,
  kind smallint NOT NULL,
  is_off boolean NOT NULL,
  client_id text COLLATE "C",
  reaction text COLLATE "C"
);
CREATE INDEX entry_inbox ON roost.entry (inbox, id);
CREATE INDEX entry_sent ON roost.entry (actor, id) WHERE inbox > 0 AND inbox <> actor;
CREATE INDEX entry_refers ON roost.entry (refers, kind, actor);

-- Of others' messages. account 0: everybody in the group.
CREATE TABLE roost.mention (
  account bigint NOT NULL,
  other bigint NOT NULL,
  id bigint NOT NULL,
  PRIMARY KEY (account, other, id)
);
-- For purges; it is no choice for ranges of ids.
CREATE INDEX mention_id ON roost.mention USING hash (id);

CREATE TABLE roost.reply (
  id bigint PRIMARY KEY,
  root bigint NOT NULL
);
CREATE INDEX reply_root ON roost.reply (root, id);

-- entry: which one it came with.
CREATE TABLE roost.reaction (
  message bigint NOT NULL,
  account bigint NOT NULL,
  entry bigint NOT NULL,
  reaction text COLLATE "C" NOT NULL,
  PRIMARY KEY (message, reaction, account)
);
-- How many there are of each kind.
CREATE TABLE roost.reaction_count (
  message bigint NOT NULL,
  accounts bigint NOT NULL,
  reaction text COLLATE "C" NOT NULL,
  PRIMARY KEY (message, reaction)
);

CREATE TABLE roost.hidden (
  account bigint NOT NULL,
  id bigint NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (id, account)
);
CREATE INDEX hidden_version ON roost.hidden (account, version);

-- Each side of a direct conversation has a row from the first message on; of groups there are only settings. version 0:
-- nothing was set. The key is made after the rows, which takes a third of the time.
CREATE TABLE roost.conversation (
  account bigint NOT NULL,
  other bigint NOT NULL,
  hidden_id bigint NOT NULL DEFAULT 0,
  cleared_id bigint NOT NULL DEFAULT 0,
  version bigint NOT NULL DEFAULT 0,
  is_pinned boolean NOT NULL DEFAULT false,
  is_muted boolean NOT NULL DEFAULT false
);
INSERT INTO roost.conversation (account, other)
  SELECT DISTINCT side.account, side.other
  FROM roost.message m, LATERAL (VALUES (m.sender, m.inbox), (m.inbox, m.sender)) AS side (account, other)
  WHERE m.inbox > 0;
ALTER TABLE roost.conversation ADD PRIMARY KEY (account, other);
CREATE INDEX conversation_version ON roost.conversation (account, version) WHERE version > 0;
CREATE INDEX conversation_pinned ON roost.conversation (account) WHERE is_pinned;

CREATE TABLE roost.read_cursor (
  account bigint NOT NULL,
  other bigint NOT NULL,
  read_id bigint NOT NULL,
  PRIMARY KEY (account, other)
) WITH (fillfactor = 80);
`;

export const migrations: readonly string[] = [
  tables,
  horizons,
  identity,
  groupCounts,
  revocations,
  conversations,
  // Only functions change: a writer says which conversations it knows to have begun (message-functions.ts).
  "",
  peopleTables,
  backEndTables,
  lastIdsOfNodes,
  // Only functions change: imports take pinned messages, invitations, requests to join and mutes.
  "",
];

/** Writers take this lock first: no writer holds a lock that creating triggers waits for. */
const lock = "SELECT FROM roost.sequence FOR UPDATE;";

/** The functions for programs of this schema and earlier ones, and the triggers (life.ts, member-functions.ts). */
export const functions: string = [
  lock,
  lifeFunctions,
  writerLock,
  ownershipFunctions,
  messageFunctions,
  rightFunctions,
  memberFunctions,
  groupFunctions,
  purgeFunctions,
  revocationFunctions,
  keyFunctions,
  hookFunctions,
  conversationFunctions,
  changeFunctions,
  settingFunctions,
  historyFunctions,
  listFunctions,
  guardFunctions,
  peopleFunctions,
  callFunctions,
  joinFunctions,
  pinFunctions,
  viewFunctions,
  endedFunctions,
  eraseFunctions,
  deletionFunctions,
  retentionFunctions,
  importFunctions,
  mediaFunctions,
  formerFunctions,
].join("\n");

export const schemaVersion = migrations.length;
