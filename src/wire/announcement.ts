// The body of chat.announce, by which a chat node has a gateway show something to all clients of an app:
//
//   {"app":"…","sender":"…","kind":"…","body":"…"}
//
// JSON, because this is rare.

import { fieldsOf, ifWellFormed, jsonOf, stringOf } from "../base/json-fields.ts";

/** All but the app are those of the push chat.signal that clients get. */
export interface Announcement {
  readonly app: string;
  readonly sender: string;
  readonly kind: string;
  readonly body: string;
}

export function encodeAnnouncement({ app, sender, kind, body }: Announcement): Uint8Array {
  return Buffer.from(JSON.stringify({ app, sender, kind, body }));
}

/** Returns undefined for a malformed one. */
export function decodeAnnouncement(bytes: Buffer): Announcement | undefined {
  return ifWellFormed(() => {
    const fields = fieldsOf(jsonOf(bytes.toString(), "announcement"), "announcement");
    const [app = "", sender = "", kind = "", body = ""] = ["app", "sender", "kind", "body"].map((key) =>
      stringOf(fields, key),
    );
    return { app, sender, kind, body };
  });
}
