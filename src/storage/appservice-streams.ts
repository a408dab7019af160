import type { Generated } from 'kysely';

export interface AppserviceStreamTable {
  readonly appservice_id: string;
  readonly position: number;
  readonly transaction_number: number;
  readonly pending: Generated<string | null>;
  readonly claimed_until_ts: number;
}

export interface AppserviceStreamTables {
  appservice_streams: AppserviceStreamTable;
}
