import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/config.ts';
import { startServer } from '../../src/server/server.ts';
import { systemClock } from '../../src/util/clock.ts';
import { createLog } from '../../src/util/log.ts';
import { secureRandom } from '../../src/util/random.ts';
import { createTestDatabase } from '../support/database.ts';
import { registerUser, request, succeed, textAt } from '../support/server.ts';
import { message } from './future-world.ts';
import { C, objectAt, UNSTABLE } from './future-server.ts';

it('the log, however talkative, holds neither tokens nor delay ids of futures (77)', async () => {
  const loaded = loadConfig({ env: {}, readFile: () => '', listDirectory: () => undefined });
  assert.ok(loaded.kind === 'config');
  await using database = await createTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'morrow-log-'));
  const lines: string[] = [];
  const server = await startServer({
    config: { ...loaded.config, dataDir, databaseUrl: database.url, listen: { host: '127.0.0.1', port: 0 } },
    log: createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } }),
    clock: systemClock,
    random: secureRandom,
  });
  const where = { baseUrl: server.urls[0] ?? '' };
  const user = await registerUser(where, 'alice');
  const made = textAt(await succeed(where, 'POST', `${C}/createRoom`, { token: user, body: {} }), 'room_id');
  const future = await succeed(where, 'PUT', `${C}/rooms/${encodeURIComponent(made)}/send/future/t`, {
    token: user,
    body: { timeout: 60, send_on_timeout: message('late'), send_on_action: { a: message('a') } },
  });
  const token = textAt(future, 'future_token');
  const delayId = textAt(objectAt(future, 'm.send_on_timeout'), 'delay_id');
  await request(where, 'POST', `${C}/futures/refresh`, { body: { future_token: token } });
  await request(where, 'POST', `${UNSTABLE}/delayed_events/${delayId}/restart`);
  await request(where, 'GET', `${UNSTABLE}/delayed_events/${delayId}`, { token: user });
  await request(where, 'POST', `${C}/futures/action/a`, { body: { future_token: token } });
  await request(where, 'POST', `${UNSTABLE}/delayed_events/${delayId}/cancel`);
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });

  const log = lines.join('');
  assert.ok(log.includes('refreshFuture'));
  for (const secret of [token, token.slice(0, 22), token.slice(-20), delayId])
    assert.equal(log.includes(secret), false);
});
