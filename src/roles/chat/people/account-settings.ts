// account.settings: who may write to an account, and who may add it to groups.

import type { Handler } from "../../../service/router.ts";
import { AccountSettingsReqSchema, AccountSettingsSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { tellOwnState } from "../own-state.ts";
import { consentIn, settingsMessage } from "./people-messages.ts";

/** Two numbers and a version. */
const settingsBytes = 32;

/** What is absent stays as it is; a request that sets nothing reads. Answers with the settings of now. */
export function accountSettings(parts: ChatParts): Handler {
  const { store, rates, reads } = parts;
  return async (context) => {
    const { write, add } = context.body(AccountSettingsReqSchema);
    const { app, account } = context;
    const people = store.people;
    const read = async (): Promise<number> =>
      context.respond(AccountSettingsSchema, settingsMessage(await people.consent(app, account)));
    if (write === undefined && add === undefined) {
      await reads.run(context, settingsBytes, read);
      return;
    }
    const change = {
      ...(write === undefined ? {} : { write: consentIn("write", write) }),
      ...(add === undefined ? {} : { add: consentIn("add", add) }),
    };
    rates.changePeople(context);
    const outcome = await people.setConsent({ app, account, ...change });
    try {
      await read();
    } finally {
      if ("version" in outcome) tellOwnState(parts, context, outcome.version);
    }
  };
}
