import { createServer } from 'node:http';
import { closeAtOnce, listenOnLoopback } from '../support/loopback.ts';
import { Chance } from './chance.ts';
import { oddJson } from './odd-values.ts';

/** An application service, a push gateway and a website on 127.0.0.1 that mostly say what they should, and sometimes anything. */
export interface Outside extends AsyncDisposable {
  readonly url: string;
  readonly pusherUrl: string;
}

export async function startOutside(seed: string): Promise<Outside> {
  const chance = new Chance(`${seed} outside`);
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => {
      if (chance.oneIn(100)) request.socket.destroy();
      else if (chance.oneIn(20)) response.writeHead(chance.pick([400, 404, 500, 302])).end(oddJson(chance));
      else {
        const path = request.url ?? '';
        const type = path.startsWith('/page/') ? chance.pick(PAGE_TYPES) : 'application/json';
        response.writeHead(200, { 'Content-Type': type }).end(answerTo(chance, path));
      }
    });
  });
  const port = await listenOnLoopback(server);
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    pusherUrl: `${url}/_matrix/push/v1/notify`,
    [Symbol.asyncDispose]: () => closeAtOnce(server),
  };
}

function answerTo(chance: Chance, path: string): string {
  if (path.startsWith('/page/')) return chance.pick(PAGES);
  if (path.includes('/notify')) return chance.oneIn(10) ? oddJson(chance) : '{"rejected":[]}';
  if (!path.includes('/thirdparty/')) return '{}';
  if (chance.oneIn(4)) return oddJson(chance);
  if (path.includes('/protocol/'))
    return '{"user_fields":["nick"],"location_fields":["channel"],"icon":"mxc://a/b","field_types":{},"instances":[{"network_id":"net","desc":"a net","fields":{}}]}';
  return '[{"alias":"#irc_x:localhost","userid":"@irc_x:localhost","protocol":"irc","fields":{}}]';
}

const PAGE_TYPES = ['text/html', 'text/html; charset=utf-8', 'text/html;charset=nonsense', 'image/png', ''];

/** What previews are made of, some of it hardly HTML. */
const PAGES: readonly string[] = [
  '<html><head><title>A page</title><meta property="og:title" content="A &amp; B"></head><body>words</body></html>',
  '<meta property="og:image" content="/page/image"><meta property="og:image:width" content="-1">',
  '<title>\u0000\ud800</title><meta property="og:\u0000" content="\u0000">',
  '<p>'.repeat(5000),
  '<meta property="og:title" content="',
  `<title>${'x'.repeat(50_000)}</title>`,
  '',
];

/** The registration of that service. */
export function registrationFile(url: string, asToken: string): string {
  return JSON.stringify({
    id: 'irc',
    url,
    as_token: asToken,
    hs_token: 'the homeserver',
    sender_localpart: 'irc_bot',
    rate_limited: false,
    protocols: ['irc'],
    receive_ephemeral: true,
    namespaces: {
      users: [{ regex: '@irc_.*', exclusive: true }],
      aliases: [{ regex: '#irc_.*', exclusive: true }],
      rooms: [{ regex: '.*', exclusive: false }],
    },
  });
}
