// The tables of webhooks.

export const hookTables = "";
