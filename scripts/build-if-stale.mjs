// Compiles src/ to dist/ when anything it is made from is newer than what is there; otherwise does nothing, quickly.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');
const built = join(root, 'dist', 'main.js');

/** Directories count too: theirs is the time when a file was removed. */
function newestMs(path) {
  const own = statSync(path);
  if (!own.isDirectory()) return own.mtimeMs;
  return Math.max(own.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

function isStale() {
  if (!existsSync(built)) return true;
  const inputs = ['src', 'tsconfig.json', 'tsconfig.build.json', 'package.json'].map((name) =>
    join(root, name),
  );
  return Math.max(...inputs.map(newestMs)) > statSync(built).mtimeMs;
}

function findCompiler() {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  } catch {
    return undefined;
  }
}

/** Returns the exit code. */
function build() {
  const compiler = findCompiler();
  if (compiler === undefined) {
    console.error(
      'dist/ is out of date and the compiler is not installed. Run npm ci, with development dependencies.',
    );
    return 1;
  }
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  // The compiler writes files in spite of errors; without this the next start would run them.
  if (status !== 0) rmSync(built, { force: true });
  return status ?? 1;
}

// An installed package has no sources, and is never stale.
if (existsSync(source) && isStale()) process.exitCode = build();
