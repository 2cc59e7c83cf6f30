// A device for each tab of a browser, so that two tabs of one account do not sign each other out. An account has as
// many devices as it has tabs at a time, not a new one, with a cursor on the server, for every page that is opened.

/** A device name that no other tab has while this page lives, or until `release`. */
export interface TabDevice {
  readonly device: string;
  release(): void;
}

export interface TabDeviceOptions {
  /** Device names begin with it: at most 32 printable ASCII characters. Default `tab`. */
  readonly prefix?: string;
}

/** As many tabs have numbers; further ones have random names. */
const numbersMax = 64;

/**
 * Claims the lowest free number: `tab-1`, `tab-2` and so on. A reloaded tab gets its former one, unless another tab
 * has taken it meanwhile. The Web Locks API decides: https://www.w3.org/TR/web-locks/. Without it, in pages from
 * insecure origins, each tab gets a random name that it keeps when it is reloaded. Pages that may use neither locks nor
 * storage, such as sandboxed frames, get a random name each time.
 */
export async function claimTabDevice({ prefix = "tab" }: TabDeviceOptions = {}): Promise<TabDevice> {
  const key = `roost ${prefix}`;
  const former = remembered(key);
  const { locks } = navigator as { readonly locks?: LockManager };
  if (locks === undefined) return remember(key, former ?? randomName(prefix));
  const numbered = Array.from({ length: numbersMax }, (_, at) => `${prefix}-${at + 1}`);
  for (const device of former === null ? numbered : [former, ...numbered]) {
    const release = await claim(locks, `roost ${device}`);
    if (release !== undefined) return remember(key, device, release);
  }
  const device = randomName(prefix);
  return remember(key, device, await claim(locks, `roost ${device}`));
}

/** Resolves with a function that gives the lock back; undefined if another page holds it, or this one may not. */
function claim(locks: LockManager, name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    locks
      .request(name, { ifAvailable: true }, (lock) => {
        if (lock === null) return resolve(undefined);
        return new Promise<void>((release) => resolve(() => release()));
      })
      .catch(() => resolve(undefined));
  });
}

function remember(key: string, device: string, release: () => void = () => undefined): TabDevice {
  try {
    sessionStorage.setItem(key, device);
  } catch {
    // The user has forbidden the site to store anything: a reload may get another device.
  }
  return { device, release };
}

function remembered(key: string): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

function randomName(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `${prefix}-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
