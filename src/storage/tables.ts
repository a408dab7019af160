import type { AccountTables } from './accounts.ts';
import type { ClientTransactionTables } from './client-transactions.ts';
import type { EventTables } from './events.ts';
import type { FutureTables } from './futures.ts';
import type { MembershipTables } from './memberships.ts';
import type { RoomTables } from './rooms.ts';
import type { StateNodeTables } from './state-trie.ts';
import type { UserTables } from './users.ts';

export interface StreamTable {
  readonly one: boolean;
  readonly position: number;
}

/** Every table of the database, each described where its queries are. */
export interface Tables
  extends
    AccountTables,
    ClientTransactionTables,
    EventTables,
    FutureTables,
    MembershipTables,
    RoomTables,
    StateNodeTables,
    UserTables {
  stream: StreamTable;
}
