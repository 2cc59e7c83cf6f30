// Webhooks on SQLite.

import { deliverySuite } from "./delivery-suite.ts";
import { onSqlite } from "./hook-places.ts";
import { undeliveredSuite } from "./undelivered-suite.ts";

onSqlite((makePlace) => {
  deliverySuite("SQLite", makePlace);
  undeliveredSuite("SQLite", makePlace);
});
