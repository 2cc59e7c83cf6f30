// Webhooks on PostgreSQL.

import { deliverySuite } from "./delivery-suite.ts";
import { onPostgres } from "./hook-places.ts";
import { undeliveredSuite } from "./undelivered-suite.ts";

onPostgres((makePlace) => {
  deliverySuite("PostgreSQL", makePlace);
  undeliveredSuite("PostgreSQL", makePlace);
});
