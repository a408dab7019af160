import type { Play } from '../play.ts';
import { hydrogenStory } from '../stories/hydrogen.ts';
import { hydrogenConfig } from './account.ts';
import { buildHydrogen } from './build.ts';

/** What people do with Hydrogen, which is put together in an empty directory. */
export async function playWithHydrogen(directory: string): Promise<Play> {
  await buildHydrogen(directory);
  return {
    clientDirectory: directory,
    config: hydrogenConfig,
    story: hydrogenStory,
    drafts: [/\/org\.matrix\.msc2697\.v2\/dehydrated_device$/],
  };
}
