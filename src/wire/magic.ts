// The four bytes that tell the two protocols apart (proto/README.md, section 2), as big-endian 32-bit numbers.

/** `c3 11 a3 65`: a header, then a body. */
export const logicMagic = 0xc311a365;
/** `c3 15 a7 65`: heartbeats. */
export const basicMagic = 0xc315a765;
/** Magic, header length and body length: what a logic packet has besides header and body. */
export const logicOverheadBytes = 12;
/** Magic, code and length: what a basic packet has besides its body. */
export const basicOverheadBytes = 8;
