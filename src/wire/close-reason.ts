// Why a connection ends, and whether the client should come back (proto/README.md, section 7). On a WebSocket the code
// is the close code; on TCP the close frame's payload is the text `<code> <sentence>`.

/** A close code of that table, with a sentence for a person. */
export interface CloseReason {
  readonly code: number;
  readonly text: string;
}

export const CloseCode = {
  Normal: 1000,
  ProtocolFault: 1002,
  /** Never sent: the connection ended without a close frame (RFC 6455, 7.1.5). */
  Abnormal: 1006,
  TooLarge: 1009,
  Leaving: 1012,
  Overload: 1013,
  Kicked: 4001,
  Unauthorised: 4003,
  Limit: 4008,
} as const;

const reason = (code: number, text: string): CloseReason => ({ code, text });

/** Reasons that need no further detail. */
export const closeNormal = reason(CloseCode.Normal, "bye");
export const closeAbnormal = reason(CloseCode.Abnormal, "connection lost");
/** Never sent either: a bug ended the connection, and the last write may be incomplete. */
export const closeBug = reason(CloseCode.Abnormal, "ended by a bug");
export const closeFrameTooLarge = reason(CloseCode.TooLarge, "frame too large");
export const closeHeaderTooLarge = reason(CloseCode.TooLarge, "packet header too large");
export const closeLeaving = reason(CloseCode.Leaving, "server is leaving");
export const closeSlowConsumer = reason(CloseCode.Overload, "slow consumer");
export const closeKicked = reason(CloseCode.Kicked, "signed in elsewhere");
export const closeKickedOut = reason(CloseCode.Kicked, "ended by an operator");
export const closeUnauthorised = reason(CloseCode.Unauthorised, "unauthorised");
export const closeRevoked = reason(CloseCode.Unauthorised, "the token was revoked");
export const closeBanned = reason(CloseCode.Unauthorised, "the account is banned");
export const closeIdle = reason(CloseCode.Normal, "idle for too long");
export const closeLoginWait = reason(CloseCode.Limit, "no sign-in in time");
export const closeLimit = reason(CloseCode.Limit, "limit reached");

/** The server is leaving; its clients are to return spread over this many milliseconds. */
export function closeLeavingOver(spreadMs: number): CloseReason {
  return reason(CloseCode.Leaving, `${closeLeaving.text}; ${spreadMs}`);
}

export function closeProtocolFault(text: string): CloseReason {
  return reason(CloseCode.ProtocolFault, text);
}
