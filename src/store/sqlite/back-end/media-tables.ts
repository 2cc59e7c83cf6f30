// The tables of media.

export const mediaTables = "";
