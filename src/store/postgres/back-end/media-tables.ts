// The tables of files that messages name (store/media.ts). Both are small beside the log; a message that names none has
// no row here.

import { mediaState } from "../../media.ts";

export const mediaTables = `
-- version: an id of the sequence, taken when it was promised. uses: how many messages name it; counted, because a purge
-- deletes uses beside the writers' lock. state: see mediaState in store/media.ts.
CREATE TABLE roost.media (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account bigint NOT NULL,
  size bigint NOT NULL,
  version bigint NOT NULL,
  uses bigint NOT NULL DEFAULT 0,
  state smallint NOT NULL,
  id text COLLATE "C" NOT NULL UNIQUE,
  name text NOT NULL,
  type text NOT NULL
);
CREATE INDEX media_unnamed ON roost.media (version) WHERE state < ${mediaState.named};
CREATE INDEX media_unnamed_of ON roost.media (account) WHERE state < ${mediaState.named};
CREATE INDEX media_bytes_of ON roost.media (account, size) WHERE state <> ${mediaState.gone};
CREATE INDEX media_gone ON roost.media (number) WHERE state = ${mediaState.gone};

-- place: from 0, in the order of the message.
CREATE TABLE roost.media_use (
  message bigint NOT NULL,
  place smallint NOT NULL,
  media text COLLATE "C" NOT NULL,
  PRIMARY KEY (message, place)
);
CREATE INDEX media_use_of ON roost.media_use (media);
`;
