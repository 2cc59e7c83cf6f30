// The opcodes of TCP frames, which are RFC 6455's (proto/README.md, section 1).

export const OpCode = {
  /** Never used here: no message is fragmented. */
  Continuation: 0,
  /** Never used here: packets are binary. */
  Text: 1,
  Binary: 2,
  Close: 8,
  Ping: 9,
  Pong: 10,
} as const;
export type OpCode = (typeof OpCode)[keyof typeof OpCode];
