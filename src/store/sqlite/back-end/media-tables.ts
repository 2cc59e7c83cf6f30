// The tables of files that messages name (store/media.ts). Both are small beside the log; a message that names none has
// no row here.

import { mediaState } from "../../media.ts";

export const mediaTables = `
  CREATE TABLE media (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    size INTEGER NOT NULL,
    -- See mediaState in store/media.ts.
    state INTEGER NOT NULL,
    -- An id of the sequence, taken when it was promised.
    version INTEGER NOT NULL
  );
  CREATE INDEX media_unnamed ON media (version) WHERE state < ${mediaState.named};
  CREATE INDEX media_unnamed_of ON media (account) WHERE state < ${mediaState.named};
  CREATE INDEX media_bytes_of ON media (account, size) WHERE state <> ${mediaState.gone};
  CREATE INDEX media_gone ON media (number) WHERE state = ${mediaState.gone};

  CREATE TABLE media_use (
    number INTEGER PRIMARY KEY,
    message INTEGER NOT NULL,
    media TEXT NOT NULL,
    -- From 0, in the order of the message.
    place INTEGER NOT NULL,
    UNIQUE (message, place)
  );
  CREATE INDEX media_use_of ON media_use (media);

  -- Whatever deletes the last use: a recall, the retention, an operator.
  CREATE TRIGGER media_unused AFTER DELETE ON media_use BEGIN
    UPDATE media SET state = ${mediaState.gone}
    WHERE id = OLD.media AND NOT EXISTS (SELECT 1 FROM media_use WHERE media = OLD.media);
  END;
`;
