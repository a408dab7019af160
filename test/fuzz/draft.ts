import type { TestUser } from '../support/server.ts';
import type { Chance } from './chance.ts';
import type { Scene, SceneRoom } from './scene.ts';

/** The id of everybody's dehydrated device. */
export const DEHYDRATED = 'DEHYDRATED';

/** What a request is made of before it is spoilt. */
export interface Draft {
  /** The endpoint that it is for. */
  readonly name: string;
  readonly scene: Scene;
  readonly chance: Chance;
  /** Whose token it carries. */
  readonly user: TestUser & { readonly localpart?: string; readonly password?: string };
  readonly room: SceneRoom;
  /** Path parameters, not escaped. */
  readonly params: Readonly<Record<string, string>>;
}

/** A user id that somebody has. */
export function someUser({ scene, chance }: Draft): string {
  return chance.pick([...scene.members, scene.stranger, ...scene.victims]).userId;
}

/** An event id of the room. */
export function someEvent({ room, chance }: Draft): string {
  return chance.pick(room.eventIds);
}
