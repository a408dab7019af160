import { once } from 'node:events';
import { startEmbeddedPostgres } from '../../src/storage/embedded-postgres.ts';
import { createLog } from '../../src/util/log.ts';

/*
 * A process that uses the embedded PostgreSQL of the data directory in its first argument: prints the socket directory once it
 * may, and lets go when its standard input ends.
 */
const [dataDir = ''] = process.argv.slice(2);
const postgres = await startEmbeddedPostgres({ dataDir, log: createLog({ level: 'silent' }), fsync: false });
process.stdout.write(`${postgres.address.host}\n`);
process.stdin.resume();
await once(process.stdin, 'end');
await postgres.stop();
