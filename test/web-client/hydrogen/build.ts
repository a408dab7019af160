import { copyFile, cp, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Hydrogen</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="theme-element-light.css" />
  </head>
  <body class="hydrogen">
    <script type="module" src="page.js"></script>
  </body>
</html>
`;

/** Puts Hydrogen together in an empty directory, from what its package and that of olm hold. */
export async function buildHydrogen(directory: string): Promise<void> {
  const { resolve } = createRequire(import.meta.url);
  const library = dirname(resolve('hydrogen-view-sdk'));
  const olm = dirname(resolve('@matrix-org/olm'));
  await cp(join(library, '../asset-build/assets'), directory, { recursive: true });
  await copyFile(join(library, 'sw.js'), join(directory, 'sw.js'));
  for (const name of ['olm.js', 'olm.wasm', 'olm_legacy.js']) {
    await copyFile(join(olm, name), join(directory, name));
  }
  await writeFile(join(directory, 'index.html'), PAGE);
  await build({
    entryPoints: [fileURLToPath(new URL('page.mjs', import.meta.url))],
    outfile: join(directory, 'page.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    // What olm would use in Node.js.
    external: ['fs', 'path', 'crypto'],
    logLevel: 'error',
  });
}
