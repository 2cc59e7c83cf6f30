// What a message's row says of it besides its text.

/** Bits of message.state. */
export const messageState = { edited: 1, recalled: 2, hasMedia: 8 } as const;
