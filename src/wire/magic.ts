// The magic numbers of the two protocols (proto/README.md, section 2), as big-endian 32-bit numbers.

/** `c3 11 a3 65`: a header, then a body. */
export const logicMagic = 0xc311a365;
/** `c3 15 a7 65`: heartbeats. */
export const basicMagic = 0xc315a765;
/** Magic, header length and body length of a logic packet. */
export const logicOverheadBytes = 12;
/** Magic, code and length of a basic packet. */
export const basicOverheadBytes = 8;
