// The tables of webhooks: endpoints with their positions in the log, batches that wait or were given up, and who
// delivers.

export const hookTables = `
-- id, version: from the sequence of messages. events: joined by commas. told, undelivered: the positions of its lanes.
CREATE TABLE roost.hook (
  id bigint PRIMARY KEY,
  version bigint NOT NULL,
  told bigint NOT NULL,
  undelivered bigint NOT NULL,
  lost bigint NOT NULL DEFAULT 0,
  fail_open boolean NOT NULL,
  app text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  url text COLLATE "C" NOT NULL,
  secret text COLLATE "C" NOT NULL,
  events text COLLATE "C" NOT NULL,
  UNIQUE (app, name)
) WITH (fillfactor = 50);

-- refs: joined by commas. number: in the order in which they were put.
CREATE TABLE roost.hook_batch (
  hook bigint NOT NULL,
  number bigint GENERATED ALWAYS AS IDENTITY,
  up_to bigint NOT NULL,
  due_ms bigint NOT NULL,
  attempts integer NOT NULL,
  webhook_id text COLLATE "C" NOT NULL,
  lane text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  refs text COLLATE "C" NOT NULL,
  conversation text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (hook, webhook_id)
);
CREATE INDEX hook_batch_state ON roost.hook_batch (hook, state, number);

CREATE TABLE roost.hook_lease (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  beat bigint NOT NULL,
  holder text COLLATE "C" NOT NULL
);
INSERT INTO roost.hook_lease (beat, holder) VALUES (0, '');
`;
