// Codes of a registry's answers that its clients tell apart.

export const Code = {
  Ok: 0,
  NotModified: -304,
  NotFound: -404,
  Unauthorized: -401,
  /** Among others of a node that is starting. */
  ServerError: -500,
} as const;
