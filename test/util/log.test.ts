import assert from 'node:assert/strict';
import { createLog, unredacted } from '../../src/util/log.ts';

/** What one record looks like in the log. */
function logged(record: object): string {
  let text = '';
  createLog({ level: 'info', destination: { write: (line) => void (text += line) } }).info(
    record,
    'it happened',
  );
  return text;
}

describe('the log', () => {
  it('writes one JSON line per record, with its time and the word for its level', () => {
    const line = logged({ roomId: '!a:b' });
    assert.match(
      line,
      /^\{"level":"info","time":"\d{4}-\d\d-\d\dT[\d:.]+Z","roomId":"!a:b","msg":"it happened"\}\n$/,
    );
  });

  it('leaves out records below its level', () => {
    let text = '';
    createLog({ level: 'warn', destination: { write: (line) => void (text += line) } }).info('quiet');
    assert.equal(text, '');
  });

  it('looks for no secrets where it is told that there are none', () => {
    let text = '';
    const log = createLog({ level: 'info', destination: { write: (line) => void (text += line) } });
    unredacted(log).info({ token: 'no secret' }, 'it happened');
    assert.match(text, /"token":"no secret","msg":"it happened"\}\n$/);
  });

  for (const [where, record] of [
    ['a record', { access_token: 'hush', password: 'hush' }],
    ['an object in a record', { body: { password: 'hush', token: 'hush' } }],
    ['the headers of a request', { req: { headers: { authorization: 'Bearer hush' } } }],
  ] as const) {
    it(`never shows a secret in ${where}`, () => {
      const line = logged(record);
      assert.ok(!line.includes('hush'), line);
      assert.ok(line.includes('[redacted]'), line);
    });
  }

  describe('tells of an error', () => {
    it('its kind, its message, where it happened, and why', () => {
      const error = new TypeError('it broke', {
        cause: Object.assign(new Error('a wire'), { code: 'ECUT' }),
      });
      const line = logged({ err: error });
      assert.match(
        line,
        /"err":\{"type":"TypeError","message":"it broke","stack":"TypeError: it broke\\n +at /,
      );
      assert.match(line, /"cause":\{"type":"Error","message":"a wire",.*"code":"ECUT"\}/);
    });

    it('no values that the database or a parser quotes', () => {
      const database = Object.assign(new Error('null value in column "a" violates a constraint'), {
        code: '23502',
        column: 'a',
        detail: 'Failing row contains (hush).',
        where: 'hush',
        parameters: ['hush'],
      });
      const wrongForm = Object.assign(new Error('invalid input syntax for type bigint: "hush"'), {
        code: '22P02',
      });
      const unparsed = Object.assign(new SyntaxError('"hush" is not valid JSON'), { extra: 'hush' });
      for (const err of [database, wrongForm, unparsed, new Error('outer', { cause: database })]) {
        const line = logged({ err });
        assert.ok(!line.includes('hush'), line);
      }
      assert.match(logged({ err: database }), /"code":"23502","column":"a"/);
      assert.match(logged({ err: wrongForm }), /"code":"22P02"/);
    });

    it('nothing that goes in circles for ever', () => {
      const error = new Error('round');
      error.cause = error;
      assert.ok(logged({ err: error }).length < 20_000);
    });
  });
});
