// How far a frame scrolls, in pixels.

/** Less than what is in the document, so that each message is in it in some frame. */
export const fastPerFrame = 1_200;
/** As one turns a wheel: 3,000 pixels a second. */
export const readerPerFrame = 50;
