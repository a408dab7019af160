/** A value of the configuration, or undefined when the text does not say one. */
export type ParseText<T> = (text: string) => T | undefined;

/** Where a server listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose a free one. */
  readonly port: number;
}

/** `host:port` or `[IPv6]:port`; the brackets are not part of the host. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}

/** True when only this machine can reach a server that listens on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** `on` or `off`; `true` and `false` mean the same. */
export function parseSwitch(text: string): boolean | undefined {
  if (text === 'on' || text === 'true') return true;
  return text === 'off' || text === 'false' ? false : undefined;
}

/** Digits only, from `least` to 2^53 - 1. */
export function wholeNumberFrom(least: number): ParseText<number> {
  return (text) => {
    const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return Number.isSafeInteger(number) && number >= least ? number : undefined;
  };
}

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): ParseText<T> {
  return (text) => words.find((word) => word === text);
}

/** A `postgres://` URL. */
export function parseDatabaseUrl(text: string): string | undefined {
  return /^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text) ? text : undefined;
}

/** An `http://` or `https://` URL. */
export function parseHttpUrl(text: string): string | undefined {
  return /^https?:\/\//.test(text) && URL.canParse(text) ? text : undefined;
}

/** Texts between commas, without the spaces around them and without empty ones; none may hold a NUL. */
export function parseList(text: string): readonly string[] | undefined {
  if (text.includes('\0')) return undefined;
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Any text without a NUL, which no path or secret can hold. */
export function parseText(text: string): string | undefined {
  return text.includes('\0') ? undefined : text;
}
