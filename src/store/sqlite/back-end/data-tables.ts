// The tables of the operations on data.

export const dataTables = "";
