import type { Endpoint } from '../../src/http/endpoint.ts';
import { listParamNames } from '../../src/http/path-params.ts';
import type { Chance } from './chance.ts';
import type { Draft } from './draft.ts';
import { breakText, mutateJson } from './mutate.ts';
import { oddText } from './odd-values.ts';
import { plausibleBody } from './plausible-bodies.ts';
import { oddQueryEntry, plausibleParams, plausibleQuery } from './plausible-paths.ts';
import { TINY_PNG, type Scene, type SceneRoom } from './scene.ts';

/** A row as far as a request for it is concerned. */
export type Target = Pick<
  Endpoint<never>,
  'name' | 'method' | 'path' | 'alsoAt' | 'auth' | 'readsBody' | 'takesBytes'
>;

/** One request as it goes over the wire, and what its answer is held to. */
export interface FuzzRequest {
  /** The endpoint that it is for; what becomes of a spoilt path is anybody's guess. */
  readonly name: string;
  readonly method: string;
  readonly bytes: Buffer;
  /** Complete, and HTTP as it should be: it must be answered, and the connection go on. */
  readonly isSound: boolean;
  /** A long poll, or one that announces more than comes: no answer is an answer. */
  readonly mayWait: boolean;
}

/** What is wrong with a request, if anything. */
type Spoil = 'path' | 'query' | 'body' | 'token' | 'headers' | 'wire';
const SPOILS: readonly Spoil[] = ['path', 'query', 'body', 'body', 'body', 'token', 'headers', 'wire'];

/** Makes the request that these choices lead to. */
export function makeFuzzRequest(chance: Chance, scene: Scene, targets: readonly Target[]): FuzzRequest {
  const target = chance.pick(targets);
  const spoils = chooseSpoils(chance);
  const user = chooseUser(chance, scene, target);
  const room = chooseRoom(chance, scene, target.name);
  const start = { name: target.name, scene, chance, user, room };
  const template = chance.pick([target.path, ...target.alsoAt]);
  const names = listParamNames(template);
  const draft: Draft = { ...start, params: plausibleParams(names, start) };
  const query = plausibleQuery(target.name, draft);
  if (spoils.has('query'))
    for (let left = 1 + chance.below(3); left > 0; left--) query.push(oddQueryEntry(chance, query));
  const headers = [['Host', 'localhost'] as [string, string]];
  authorise(chance, { user, target, spoils, scene }, headers, query);
  if (spoils.has('headers')) headers.push(...oddHeaders(chance));
  const path = writePath(chance, template, draft.params, spoils.has('path')) + writeQuery(chance, query);
  const method = spoils.has('path') && chance.oneIn(6) ? chance.pick(ODD_METHODS) : target.method;
  const body = makeBody(draft, target, spoils.has('body'));
  const mayWait = POLLS.test(target.name) && !AT_ONCE.test(path);
  const wire = { method, path, headers, body };
  const plain = { name: target.name, method, mayWait };
  if (spoils.has('wire')) return { ...plain, ...spoilWire(chance, wire) };
  return { ...plain, bytes: writeSound(chance, wire), isSound: true };
}

/** The last of equal keys counts. */
const AT_ONCE = /[?&]timeout(?:_ms)?=0(?:&|$)(?!.*timeout(?:_ms)?=)/;
/** What waits unless its query says that it must not. */
const POLLS = /^(?:sync|peekEvents|getContent.*)$/;

function chooseSpoils(chance: Chance): ReadonlySet<Spoil> {
  if (chance.oneIn(3)) return new Set();
  const spoils = new Set([chance.pick(SPOILS)]);
  while (chance.oneIn(4)) spoils.add(chance.pick(SPOILS));
  return spoils;
}

/** What takes a session or an account away, or shuts somebody out, is tried on those who are there for it. */
const HARMFUL =
  /^(logout|logout_all|deactivateAccount|changePassword|deleteDevices?|leaveRoom|forgetRoom|deleteDehydratedDevice)$/;

function chooseUser(chance: Chance, scene: Scene, target: Target): Draft['user'] {
  if (target.auth === 'admin') return scene.admin;
  if (HARMFUL.test(target.name) || /deactiv/.test(target.path)) return chance.pick(scene.victims);
  if (chance.oneIn(target.name === 'knockRoom' ? 1 : 10))
    return chance.pick([scene.stranger, scene.guest, scene.admin, ...scene.victims]);
  const [alice] = scene.members;
  return alice !== undefined && !chance.oneIn(5) ? alice : chance.pick(scene.members);
}

function chooseRoom(chance: Chance, scene: Scene, name: string): SceneRoom {
  const [, open, knocking, , left] = scene.rooms;
  if (name === 'knockRoom' && knocking !== undefined && !chance.oneIn(4)) return knocking;
  if (name === 'forgetRoom' && left !== undefined && !chance.oneIn(4)) return left;
  if (name === 'unban' && open !== undefined && !chance.oneIn(4)) return open;
  return chance.pick(scene.rooms);
}

interface Authorised {
  readonly user: Draft['user'];
  readonly target: Target;
  readonly spoils: ReadonlySet<Spoil>;
  readonly scene: Scene;
}

function authorise(
  chance: Chance,
  { user, target, spoils, scene }: Authorised,
  headers: [string, string][],
  query: [string, string][],
): void {
  if (spoils.has('token')) {
    const odd = [
      '',
      'Bearer ',
      'Bearer nonsense',
      `Basic ${user.accessToken}`,
      `Bearer ${user.accessToken}x`,
      `Bearer  ${user.accessToken} `,
      `bearer ${user.accessToken}`,
      `Bearer ${'x'.repeat(3000)}`,
      `Bearer ${scene.asToken}`,
      'Bearer \xff\xfe',
      `Bearer ${scene.refreshTokens[0] ?? ''}`,
    ];
    headers.push(['Authorization', chance.pick(odd)]);
    return;
  }
  const byService = /appservice|thirdparty/i.test(target.path) ? chance.oneIn(2) : chance.oneIn(40);
  if (target.auth === 'none') return;
  const token = byService ? scene.asToken : user.accessToken;
  if (byService && chance.oneIn(3)) query.push(['user_id', chance.pick(['@irc_a:localhost', user.userId])]);
  if (target.auth === 'none-or-appservice' && !byService) return;
  if (chance.oneIn(12)) query.push(['access_token', token]);
  else headers.push(['Authorization', `Bearer ${token}`]);
}

const ODD_METHODS = ['HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND', 'DELETE', 'PUT', 'POST', 'GET'];

/** Puts the parameters into a template, escaped; `isOdd` spoils one of them, or the path itself. */
function writePath(
  chance: Chance,
  template: string,
  params: Readonly<Record<string, string>>,
  isOdd: boolean,
): string {
  const names = Object.keys(params);
  const odd = isOdd && names.length > 0 && !chance.oneIn(4) ? chance.pick(names) : undefined;
  const path = template.replace(/\{(\w+)\}/g, (_whole, name: string) =>
    name === odd ? oddSegment(chance, params[name] ?? '') : encodeURIComponent(params[name] ?? ''),
  );
  return isOdd && odd === undefined ? oddPath(chance, path) : path;
}

function oddSegment(chance: Chance, plausible: string): string {
  const text = chance.oneIn(3) ? plausible + oddText(chance) : oddText(chance);
  if (chance.oneIn(8))
    return chance.pick(['%', '%2', '%zz', '%ff', '%c0%80', '%ed%a0%80', '%25', '%2e%2e', '..;']);
  return escapeAny(text);
}

/** As `encodeURIComponent`, for lone surrogates as well: as the bytes that some encoders make of them. */
function escapeAny(text: string): string {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) {
      const [middle, last] = [0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)];
      return `%ED%${middle.toString(16)}%${last.toString(16)}`;
    }
    return encodeURIComponent(character);
  }).join('');
}

function oddPath(chance: Chance, path: string): string {
  const at = chance.below(path.length);
  const ways: readonly (() => string)[] = [
    () => `${path}/`,
    () => `${path}/x`,
    () => `/${path}`,
    () => `http://elsewhere.invalid${path}`,
    () => '*',
    () => `/${path.slice(0, at)}/../${path.slice(at)}`,
    () => path.slice(0, at),
    () => path.toUpperCase(),
    () => `/${path.slice(1).replaceAll('/', '%2F')}`,
    () => `/${path.slice(1, at)}%00${path.slice(Math.max(1, at))}`,
    () => `${path};a=b`,
    () => `${path}#fragment`,
    () => `${path}/${'x'.repeat(20_000)}`,
  ];
  return chance.pick(ways)() || '/';
}

function writeQuery(chance: Chance, query: readonly (readonly [string, string])[]): string {
  if (query.length === 0) return '';
  const parts = query.map(([name, value]) =>
    chance.oneIn(50)
      ? chance.pick([name, `${name}=%zz`, `${name}=%ff`, '=', '&&', `${name}[]=1`])
      : `${escapeAny(name)}=${escapeAny(value)}`,
  );
  return `?${parts.join('&')}`;
}

function oddHeaders(chance: Chance): [string, string][] {
  const all: readonly (readonly [string, string])[] = [
    ['Content-Type', 'text/xml; charset=utf-16'],
    ['Content-Type', 'multipart/form-data; boundary=x'],
    ['Content-Type', '\xff'],
    ['Content-Encoding', 'gzip'],
    ['Content-Encoding', 'br, gzip'],
    ['Content-Encoding', ''],
    ['Accept', '*/*;q=nonsense'],
    ['Accept-Encoding', 'gzip;q=-1'],
    ['If-None-Match', '*'],
    ['If-Modified-Since', 'yesterday'],
    ['Range', 'bytes=5-1,-9999999999999999999'],
    ['Origin', 'null'],
    ['Cookie', 'a='.repeat(500)],
    ['User-Agent', ''],
    ['User-Agent', 'x'.repeat(5000)],
    ['User-Agent', 'caf\xe9 \x80'],
    ['X-Forwarded-For', "'; drop table users"],
    ['X-HTTP-Method-Override', 'DELETE'],
    ['Connection', 'Upgrade, keep-alive'],
    ['Upgrade', 'websocket'],
    ['Date', 'never'],
    ['Authorization', 'X-Matrix origin=a,key="b",sig="c"'],
    ['Expect', 'a miracle'],
  ];
  return Array.from({ length: 1 + chance.below(3) }, () => {
    const [name, value] = chance.pick(all);
    return [name, value];
  });
}

function makeBody(draft: Draft, target: Target, isOdd: boolean): Buffer | undefined {
  const { chance } = draft;
  if (target.takesBytes)
    return isOdd
      ? breakText(chance, TINY_PNG)
      : chance.pick([TINY_PNG, Buffer.from('text'), Buffer.alloc(0)]);
  if (!target.readsBody) return isOdd ? Buffer.from('{"not":"asked for"}') : undefined;
  const value = plausibleBody(target.name, draft);
  if (!isOdd) return Buffer.from(JSON.stringify(value));
  if (chance.oneIn(200)) return hugeBody(chance);
  return mutateJson(chance, value);
}

function hugeBody(chance: Chance): Buffer {
  const size = chance.pick([65_000, 66_000, 1024 * 1024 - 10, 1024 * 1024 + 10, 3 * 1024 * 1024]);
  const unit = chance.pick(['x', '\\u0000', '[', '{"a":']);
  return Buffer.from(`{"body":"${unit.repeat(Math.ceil(size / unit.length))}"}`);
}

interface Wire {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | undefined;
}

/** A request as HTTP wants it, with its body announced or in chunks. */
function writeSound(chance: Chance, wire: Wire): Buffer {
  const { body } = wire;
  if (body === undefined) return writeHead(wire, []);
  if (!chance.oneIn(20))
    return Buffer.concat([writeHead(wire, [['Content-Length', String(body.length)]]), body]);
  const half = Math.ceil(body.length / 2);
  const chunks = [body.subarray(0, half), body.subarray(half)].filter((part) => part.length > 0);
  return Buffer.concat([
    writeHead(wire, [['Transfer-Encoding', 'chunked']]),
    ...chunks.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]),
    Buffer.from('0\r\n\r\n'),
  ]);
}

function writeHead({ method, path, headers }: Wire, more: readonly (readonly [string, string])[]): Buffer {
  const lines = [...headers, ...more].map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
}

/** What no HTTP library would send. */
function spoilWire(chance: Chance, wire: Wire): Pick<FuzzRequest, 'bytes' | 'isSound' | 'mayWait'> {
  const body = wire.body ?? Buffer.from('{}');
  const length = ['Content-Length', String(body.length)] as const;
  const head = (...more: (readonly [string, string])[]): Buffer => writeHead(wire, more);
  const broken = (...parts: Buffer[]) => ({ bytes: Buffer.concat(parts), isSound: false, mayWait: true });
  const ways: readonly (() => Pick<FuzzRequest, 'bytes' | 'isSound' | 'mayWait'>)[] = [
    () => broken(head(['Content-Length', '99999999999']), body),
    () => broken(head(['Content-Length', '999999999999999999999999']), body),
    () => broken(head(['Content-Length', '-1']), body),
    () => broken(head(['Content-Length', String(body.length + 10)]), body),
    () => broken(head(['Content-Length', String(Math.max(0, body.length - 1))]), body),
    () => broken(head(length, length), body),
    () => broken(head(length, ['Transfer-Encoding', 'chunked']), body),
    () => broken(head(['Transfer-Encoding', 'gzip, chunked']), body),
    () => broken(head(['Transfer-Encoding', 'chunked']), Buffer.from('zz\r\n'), body),
    () => broken(head(['Transfer-Encoding', 'chunked']), Buffer.from('ffffffffffffffffff\r\n'), body),
    () => broken(breakText(chance, head(length)), body),
    () => broken(writeHead({ ...wire, path: `${wire.path}\xff\xc0` }, [length]), body),
    () => broken(writeHead({ ...wire, path: `${wire.path}?q=${'x'.repeat(40_000)}` }, [length]), body),
    () =>
      broken(writeHead({ ...wire, method: chance.pick(['get', 'BREW', 'A'.repeat(300)]) }, [length]), body),
    () => broken(writeHead({ ...wire, headers: [] }, [length]), body),
    () => broken(head(...manyHeaders(chance), length), body),
    () => broken(head(['Expect', '100-continue'], length), body),
    () => broken(Buffer.from(`${wire.method} ${wire.path} HTTP/1.0\r\n\r\n`, 'latin1')),
    () => broken(Buffer.from(`${wire.method} ${wire.path} HTTP/9.9\r\nHost: x\r\n\r\n`, 'latin1')),
    () => broken(Buffer.from(`${wire.method} ${wire.path}\n\n`, 'latin1')),
    () => broken(Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1')),
    () => broken(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')),
  ];
  return chance.pick(ways)();
}

function manyHeaders(chance: Chance): (readonly [string, string])[] {
  const [count, size] = chance.pick([
    [500, 10],
    [3000, 1],
    [10, 5000],
  ] as const);
  return Array.from({ length: count }, (_, nth) => [`X-H${nth}`, 'v'.repeat(size)] as const);
}
