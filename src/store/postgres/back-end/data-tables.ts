// The tables of the operations on data: exports, imports, and the deletion of accounts.

export const dataTables = `
-- What an app has besides its accounts and groups. An app without a row has nothing of this. watermark_id: nothing up
-- to this id is read any more; it is erased up to purged_id. keep_days: how long messages are kept; 0: without end.
-- import_state: none, importing, complete, or live: somebody else has used the app meanwhile. checked_id: nobody else
-- has, as far as messages up to this id tell.
CREATE TABLE roost.app_data (
  watermark_id bigint NOT NULL,
  purged_id bigint NOT NULL,
  keep_days bigint NOT NULL,
  checked_id bigint NOT NULL,
  app text COLLATE "C" PRIMARY KEY,
  import_state text COLLATE "C" NOT NULL
);
-- Looks at the clocks ask which apps have a retention; writers ask with each batch whether any app has a watermark.
CREATE INDEX app_data_watermark ON roost.app_data (watermark_id) WHERE watermark_id > 0;
CREATE INDEX app_data_kept ON roost.app_data (app) WHERE keep_days > 0;
CREATE INDEX app_data_due ON roost.app_data (app) WHERE purged_id < watermark_id;

-- page_records: the records of the last page, which may be sent again. last_id: the former id of the last message.
CREATE TABLE roost.import (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  stored bigint NOT NULL,
  page_records bigint NOT NULL,
  last_id bigint NOT NULL,
  app text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  UNIQUE (app, name)
);

-- Which ids messages had, and have now.
CREATE TABLE roost.import_id (
  import bigint NOT NULL,
  former bigint NOT NULL,
  id bigint NOT NULL,
  PRIMARY KEY (import, former)
);

-- Accounts that an import says to have sent messages to groups while they were no members: no window leads to those.
CREATE TABLE roost.import_speaker (
  account bigint NOT NULL,
  chat_group bigint NOT NULL,
  PRIMARY KEY (account, chat_group)
);

-- The deletion of an account: its number, the name that it had ('' at the end), and how far it is. step: see
-- deletion-functions.ts; done at the end. position, place: what the step has dealt with.
CREATE TABLE roost.operation (
  id bigint PRIMARY KEY,
  account bigint NOT NULL,
  position bigint NOT NULL,
  place bigint NOT NULL,
  rows bigint NOT NULL,
  started_s bigint NOT NULL,
  ended_s bigint NOT NULL,
  app text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  step text COLLATE "C" NOT NULL
);
CREATE INDEX operation_running ON roost.operation (id) WHERE step <> 'done';

-- Accounts that have erased messages, and the newest of those: only their talks may repeat one (erase-functions.ts).
CREATE TABLE roost.erased_sender (
  account bigint PRIMARY KEY,
  newest_id bigint NOT NULL
);

-- For exports: members in the order of joining and of leaving, of all groups.
CREATE INDEX member_from ON roost.member (from_id, number);
CREATE INDEX member_until ON roost.member (until_id, number) WHERE until_id IS NOT NULL;
`;
