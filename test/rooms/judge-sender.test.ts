import assert from 'node:assert/strict';
import { UNRESTRICTED, type AccountState } from '../../src/matrix/account-state.ts';
import { judgeSender, type JudgedContext, type JudgedEvent } from '../../src/rooms/judge-sender.ts';
import { localUser } from '../support/pipeline.ts';

const alice = localUser('alice');
const bob = localUser('bob');

const event = (type: string, content: JudgedEvent['content'] = {}, stateKey?: string): JudgedEvent => ({
  sender: alice,
  type,
  stateKey,
  content,
});
const member = (membership: string, stateKey: string = alice): JudgedEvent =>
  event('m.room.member', { membership }, stateKey);
const redaction = event('m.room.redaction');
const message = event('m.room.message');

const verdictOn = (
  state: AccountState | undefined,
  judged: JudgedEvent,
  context: Partial<JudgedContext> = {},
): string => {
  const verdict = judgeSender(state, judged, {
    redactedSender: undefined,
    membership: 'join',
    ...context,
  });
  return verdict.kind === 'refused' ? verdict.error.errcode : verdict.kind;
};

const locked = { ...UNRESTRICTED, isLocked: true };
const suspended = { ...UNRESTRICTED, isSuspended: true };
const shadowBanned = { ...UNRESTRICTED, isShadowBanned: true };

describe('the judgement of a sender', () => {
  it('lets an account that nobody restricted send anything, and the server act for any account', () => {
    for (const judged of [message, redaction, member('ban', bob)]) {
      assert.equal(verdictOn(UNRESTRICTED, judged), 'sent');
      assert.equal(verdictOn(undefined, judged), 'sent');
    }
  });

  it('refuses everything to a locked account', () => {
    for (const judged of [message, redaction, member('leave')])
      assert.equal(verdictOn(locked, judged, { redactedSender: alice }), 'M_USER_LOCKED');
    assert.equal(verdictOn({ ...locked, isSuspended: true, isShadowBanned: true }, message), 'M_USER_LOCKED');
  });

  it('lets a suspended account leave and redact what it sent, and nothing else', () => {
    assert.equal(verdictOn(suspended, member('leave')), 'sent');
    assert.equal(verdictOn(suspended, redaction, { redactedSender: alice }), 'sent');
    const refused: [JudgedEvent, Partial<JudgedContext>?][] = [
      [message],
      [redaction, { redactedSender: bob }],
      [redaction, { redactedSender: undefined }],
      [member('leave', bob)],
      [member('join'), { membership: 'invite' }],
      [member('knock'), { membership: undefined }],
      [member('invite', bob)],
      [member('ban', bob)],
      [event('org.example.state', {}, alice)],
      [event('org.matrix.msc3401.call.member', {}, `_${alice}_DEVICE`)],
    ];
    for (const [judged, context] of refused)
      assert.equal(verdictOn(suspended, judged, context), 'M_USER_SUSPENDED', JSON.stringify(judged));
  });

  it('lets a shadow-banned account come and go, and pretends the rest', () => {
    assert.equal(verdictOn(shadowBanned, member('join'), { membership: undefined }), 'sent');
    assert.equal(verdictOn(shadowBanned, member('join'), { membership: 'invite' }), 'sent');
    assert.equal(verdictOn(shadowBanned, member('knock'), { membership: 'leave' }), 'sent');
    assert.equal(verdictOn(shadowBanned, member('leave')), 'sent');
    for (const judged of [message, redaction, member('join'), member('invite', bob), member('ban', bob)])
      assert.equal(verdictOn(shadowBanned, judged), 'pretended', JSON.stringify(judged));
    assert.equal(verdictOn({ ...shadowBanned, isSuspended: true }, message), 'M_USER_SUSPENDED');
  });
});
