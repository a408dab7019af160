import assert from 'node:assert/strict';
import { pickEventFields, splitPath } from '../../src/matrix/event-fields.ts';

describe('event_fields', () => {
  const event = {
    type: 'm.room.message',
    sender: '@a:x',
    content: { body: 'hello', 'm.relates_to': { rel_type: 'm.thread' }, 'back\\slash': 1 },
  };

  it('keep the named properties, nested as they were', () => {
    assert.deepEqual(pickEventFields(event, ['type', 'content.body']), {
      type: 'm.room.message',
      content: { body: 'hello' },
    });
  });

  it('name a dot and a backslash by a backslash before', () => {
    assert.deepEqual(pickEventFields(event, ['content.m\\.relates_to.rel_type', 'content.back\\\\slash']), {
      content: { 'm.relates_to': { rel_type: 'm.thread' }, 'back\\slash': 1 },
    });
    assert.deepEqual(splitPath('a\\.b.c\\\\.d\\e'), ['a.b', 'c\\', 'd\\e']);
  });

  it('keep all of an object that is named as well as its parts, in either order', () => {
    for (const paths of [
      ['content', 'content.body'],
      ['content.body', 'content'],
    ]) {
      assert.deepEqual(pickEventFields(event, paths), { content: event.content });
    }
  });

  it('pass over what is not there', () => {
    assert.deepEqual(pickEventFields(event, ['content.missing', 'sender.deeper', '']), {});
    assert.deepEqual(pickEventFields(event, []), {});
  });
});
