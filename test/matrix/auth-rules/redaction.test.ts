import { BOB, type EventInWords, type RoomInWords, says } from './room-in-words.ts';
import { allows, refuses, testRules } from './rule-table.ts';

const joinedBob = (levels: RoomInWords['levels'] = {}): RoomInWords => ({
  members: { [BOB]: 'join' },
  levels,
});
const redaction = (redacts: string | undefined, eventId = '$redaction:home'): EventInWords => ({
  ...says(BOB, 'm.room.redaction'),
  eventId,
  ...(redacts === undefined ? {} : { redacts }),
});

testRules('m.room.redaction', [
  allows('a server redacts the events whose ids it chose', '1-2', joinedBob(), redaction('$theirs:home')),
  refuses(
    'an event of another server asks for the redact level',
    '1-2',
    joinedBob(),
    redaction('$theirs:away'),
    "sender's power level 0 is below the 50 required to redact",
  ),
  allows(
    'the redact level redacts anything',
    '1-2',
    joinedBob({ users: { [BOB]: 50 } }),
    redaction('$theirs:away'),
  ),
  refuses(
    'just below the redact level does not',
    '1-2',
    joinedBob({ users: { [BOB]: 49 } }),
    redaction('$theirs:away'),
    'level 49 is below the 50',
  ),
  allows('a redact level of its own counts', '1-2', joinedBob({ redact: 0 }), redaction('$theirs:away')),
  refuses(
    'the domain of the redaction is that of its id',
    '1-2',
    joinedBob(),
    redaction('$theirs:home', '$redaction:away'),
    'is below the 50',
  ),
  refuses(
    'a redaction of nothing is of no server',
    '1-2',
    joinedBob(),
    redaction(undefined),
    'nothing is not an event of its own server',
  ),
  refuses(
    'ids without a domain are of no server',
    '1-2',
    joinedBob(),
    redaction('$hash', '$another'),
    'is not an event of its own server',
  ),
  refuses(
    'the level of the event type goes first',
    '1-2',
    joinedBob({ events: { 'm.room.redaction': 10 } }),
    redaction('$theirs:home'),
    'below the 10 required for m.room.redaction',
  ),
  allows('since v3 a redaction is an event like others', '3-12', joinedBob(), redaction('$theirs:away')),
  refuses(
    'since v3 it requires the level of its type',
    '3,12',
    joinedBob({ events: { 'm.room.redaction': 10 } }),
    redaction('$theirs'),
    'below the 10',
  ),
  refuses('a stranger redacts nothing', '1,3,12', {}, redaction('$theirs:home'), 'is not joined'),
]);
