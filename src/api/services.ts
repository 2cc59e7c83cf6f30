// The methods that are served: a line for each file of services/.

import type { ApiParts } from "./api-parts.ts";
import type { Method } from "./method.ts";
import { accounts } from "./services/accounts.ts";
import { admin } from "./services/admin.ts";
import { conversations } from "./services/conversations.ts";
import { data } from "./services/data.ts";
import { groups } from "./services/groups.ts";
import { media } from "./services/media.ts";
import { messages } from "./services/messages.ts";
import { webhooks } from "./services/webhooks.ts";

const services = [messages, media, data, conversations, groups, accounts, admin, webhooks];

/** Methods of proto/api.proto that are not among these are answered with `unimplemented`. */
export function methodsOf(parts: ApiParts): readonly Method[] {
  return services.flatMap((service) => service(parts));
}
