import assert from 'node:assert/strict';
import fc from 'fast-check';
import { KEPT_WORDS, packJson, unpackJson } from '../../src/storage/packed-json.ts';
import { seededRandom } from '../../src/util/random.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const random = seededRandom('packed json');

function base64(bytes: number): string {
  return random.bytes(bytes).toString('base64').replace(/=+$/, '');
}

function id(): string {
  return random.bytes(32).toString('base64url');
}

/** A message as a room of version 12 has it. */
function message(body: string, serverName = 'localhost'): string {
  return JSON.stringify({
    auth_events: [`$${id()}`, `$${id()}`],
    content: { body, msgtype: 'm.text' },
    depth: 1006,
    hashes: { sha256: base64(32) },
    origin_server_ts: 1_796_016_265_047,
    prev_events: [`$${id()}`],
    room_id: `!${id()}`,
    sender: `@alice:${serverName}`,
    signatures: { [serverName]: { 'ed25519:a_key': base64(64) } },
    type: 'm.room.message',
  });
}

const KINDS: Readonly<Record<string, string>> = {
  'a message': message('good morning'),
  'a message in several scripts': message('Grüße, 世界 \u{1F600} \\u0000'),
  'a message that is base64': message(base64(1_000)),
  'an encrypted message': `{"content":{"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"${base64(301)}","session_id":"${base64(32)}"},"type":"m.room.encrypted"}`,
  'a member': `{"content":{"avatar_url":"mxc://a/b","displayname":"Alice","membership":"join"},"signatures":{"a":{"ed25519:1":"${base64(64)}"}},"state_key":"@alice:a","type":"m.room.member"}`,
  'a reaction': `{"content":{"m.relates_to":{"event_id":"$${id()}","key":"+","rel_type":"m.annotation"}}}`,
  'an event of the first rooms': '{"auth_events":[["$1:a",{"sha256":"x"}]],"depth":1,"prev_events":[]}',
  'an empty object': '{}',
  'base64 that ends in other bits than zeros': `{"a":"${'A'.repeat(42)}B","b":"${'A'.repeat(85)}B"}`,
  'base64 of a length that there is not': `{"a":"${'A'.repeat(45)}"}`,
  'both alphabets at once': `{"a":"${'A'.repeat(41)}-+","b":"${'a_'.repeat(43)}"}`,
  'more base64 than a length can say': `{"a":"${base64(70_000)}"}`,
  'base64 with padding': `{"a":"${Buffer.alloc(40).toString('base64')}"}`,
  numbers: '{"a":1796016265047,"b":17960162650470,"c":-1796016265047,"d":"0796016265047","e":9999999999999}',
};

function readCases(): readonly string[] {
  const piece = fc.oneof(
    ...Object.values(KINDS).map((text) => fc.constant(text)),
    fc.stringMatching(/^[\w+/$":{},[\]-]{0,120}$/),
    fc.stringMatching(/^\d{10,30}$/),
    fc.json(),
  );
  return fc.sample(
    fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join('')),
    { numRuns: 2_000, seed: 1 },
  );
}

async function unpackInDatabase({ database }: TestDatabase, packed: readonly Buffer[]): Promise<string[]> {
  const { rows } = await database.pool.query<{ text: string }>(
    'select event_json(packed) as text from unnest($1::bytea[]) with ordinality as p (packed, n) order by n',
    [packed],
  );
  return rows.map((row) => row.text);
}

describe('packed JSON', () => {
  for (const [kind, text] of Object.entries(KINDS)) {
    it(`of ${kind} gives the same text and is not longer`, () => {
      const packed = packJson(text);
      assert.equal(unpackJson(packed), text);
      assert.ok(packed.length <= Buffer.byteLength(text));
    });
  }

  it('of anything gives the same text, and in the database too', async () => {
    await using test = await createTestDatabase();
    const texts = [...Object.values(KINDS), ...readCases()];
    const packed = texts.map(packJson);
    assert.deepEqual(packed.map(unpackJson), texts);
    assert.deepEqual(await unpackInDatabase(test, packed), texts);
  });

  it('of a message is little more than its hashes, its signature and its words', () => {
    const words = 'good morning';
    assert.ok(packJson(message(words)).length < 5 * 32 + 64 + words.length + 75);
  });

  it('keeps what the database looks for in it as it is', () => {
    for (const words of KEPT_WORDS)
      for (const after of ['},"depth":1', ',"msgtype":"m.text"},"depth":1', ',"sender":"@a"}', ',"$":1}'])
        for (const before of ['{"content":{', '{"auth_events":["$x"],"content":{', '{"m.relates_to":{'])
          assert.ok(packJson(before + words + after).includes(words));
  });

  it('that was cut off is refused', () => {
    const packed = packJson(message('good morning'));
    // In the first hash, and in the signature before the last phrase.
    for (const size of [20, packed.length - 2])
      assert.throws(() => unpackJson(packed.subarray(0, size)), /too early/);
    assert.throws(() => unpackJson(Buffer.from([0])), /stands for nothing/);
  });

  it('of what was stored as text is that text', () => {
    const text = message('written before');
    assert.equal(unpackJson(Buffer.from(text)), text);
  });

  it('has bytes that stand for what they do in the database, whose migration never changes', async () => {
    await using test = await createTestDatabase();
    const phrases = Array.from({ length: 26 }, (_, index) => Buffer.from([index + 6]));
    const unpacked = await unpackInDatabase(test, phrases);
    assert.equal(new Set(unpacked).size, phrases.length);
    assert.deepEqual(phrases.map(unpackJson), unpacked);
  });
});
