// The codes of the API's answers, as clients and nodes know them.

export const Code = {
  Ok: 0,
  NotModified: -304,
  BadRequest: -400,
  Unauthorized: -401,
  NotFound: -404,
  Conflict: -409,
  /** Also the answer of a node that is starting. */
  ServerError: -500,
  LimitExceeded: -509,
} as const;
export type Code = (typeof Code)[keyof typeof Code];
