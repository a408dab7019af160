import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { measureHeartbeats } from './heartbeats.ts';
import { measureSends } from './sends.ts';

const USAGE = `Usage: npm run bench -- --base http://127.0.0.1:8008 [--rounds 5] [--seconds 3] [--json FILE]

Measures a homeserver in a closed loop. The server must have open registration and no rate limits; it is written to.
Figures are medians over rounds after a warm-up; compare figures of one run with each other.`;

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help || values.base === undefined) {
  console.log(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  const rounds = Number(values.rounds);
  const results = [
    ...(await measureSends(values.base, rounds, Number(values.seconds) * 1000)),
    ...(await measureHeartbeats(values.base, rounds)),
  ];
  for (const { name, unit, median, rounds: figures } of results) {
    console.log(
      `${name.padEnd(36)} ${median.toFixed(0).padStart(8)} ${unit}  [${figures.map((r) => r.toFixed(0)).join(' ')}]`,
    );
  }
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
}
