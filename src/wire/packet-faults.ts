// Why a packet is malformed: the reasons that scanner and decoder share.

import { closeProtocolFault } from "./close-reason.ts";

export const faultShort = closeProtocolFault("packet shorter than its fixed part");
export const faultMagic = closeProtocolFault("wrong magic");
export const faultLength = closeProtocolFault("packet lengths do not add up");
export const faultField = closeProtocolFault("malformed packet header");
