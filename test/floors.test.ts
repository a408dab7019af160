import assert from 'node:assert/strict';
import { parseSource, readSourceFiles, type SourceFile, type SourceImport } from './support/source-files.ts';

/** From the ground up: a file imports from its own folder and from floors below. */
const FLOORS: readonly (readonly string[])[] = [
  ['util'],
  ['matrix'],
  ['config'],
  ['storage', 'http'],
  ['rooms', 'accounts', 'devices', 'ephemeral'],
  ['futures', 'sync', 'federation', 'push', 'appservices', 'media', 'directory', 'search', 'server-notices'],
  ['client-api', 'federation-api', 'admin-api'],
  ['server'],
  ['main'],
];

/** Who may name a package. */
const PACKAGES: readonly { readonly name: string; readonly folders: readonly string[] }[] = [
  { name: 'kysely', folders: ['storage'] },
  { name: 'pg', folders: ['storage'] },
  { name: 'koa', folders: ['http', 'server'] },
  { name: '@koa/router', folders: ['http', 'server'] },
  { name: 'prom-client', folders: ['server'] },
];

/** Who may name a global: the folder of each, and why it is only there. */
const GLOBALS: readonly { readonly name: RegExp; readonly folder: string; readonly why: string }[] = [
  { name: /\bprocess\.(?:env|exit|argv)\b/, folder: 'main', why: 'the process belongs to main.ts' },
  { name: /\bDate\.now\b|\bnew Date\(\)/, folder: 'util', why: 'time comes from a Clock' },
  { name: /\bMath\.random\b/, folder: 'util', why: 'chance comes from a Random' },
];

const MOST_LINES = 400;

const files = readSourceFiles('src');

describe('the floors of src/', () => {
  it('hold every folder', () => {
    const known = new Set(FLOORS.flat());
    assert.deepEqual(
      files.filter((file) => !known.has(file.folder)).map((file) => file.path),
      [],
    );
  });

  it('are imported downwards only', () => {
    assert.deepEqual(eachImport(upwards), []);
  });

  it('let no file name a package that belongs to another folder', () => {
    assert.deepEqual(eachImport(foreignPackage), []);
  });

  it('let no file name a global that belongs to another folder', () => {
    assert.deepEqual(files.flatMap(foreignGlobals), []);
  });

  it('have no file that needs itself by way of others when it runs', () => {
    assert.deepEqual(findCycles(files), []);
  });

  it(`have no file over ${MOST_LINES} lines`, () => {
    const long = files.filter((file) => file.lineCount > MOST_LINES);
    assert.deepEqual(
      long.map((file) => `${file.path} has ${file.lineCount} lines`),
      [],
    );
  });
});

describe('the tests', () => {
  // What mocha cannot require it imports, with a second copy of every module behind it: of the test database, too.
  it('can all be required', () => {
    const waiting = readSourceFiles('test').filter(({ path, codeLines }) => {
      return (
        path.endsWith('.test.ts') && codeLines.some((line) => /^await\b|import\.meta\.resolve/.test(line))
      );
    });
    assert.deepEqual(
      waiting.map((file) => file.path),
      [],
    );
  });
});

describe('the reader of source files', () => {
  it('sees imports of every form, and what is not code as none', () => {
    const { imports } = parseSource(
      'rooms/a.ts',
      [
        `import { x } from './b.ts';`,
        `import type { y } from '../util/y.ts';`,
        'export {',
        '  z,',
        `} from 'kysely';`,
        `// import { no } from 'comment';`,
        `/* import { no } from 'comment'; */ import 'tsx';`,
        `const lazy = import('node:fs');`,
        'const text = "// not a comment"; const slash = /\\/\\/[\'"]/;',
        `import { last } from './last.ts';`,
      ].join('\n'),
    );
    assert.deepEqual(imports, [
      { line: 1, target: 'rooms/b.ts', isOurs: true, isType: false },
      { line: 2, target: 'util/y.ts', isOurs: true, isType: true },
      { line: 5, target: 'kysely', isOurs: false, isType: false },
      { line: 7, target: 'tsx', isOurs: false, isType: false },
      { line: 8, target: 'node:fs', isOurs: false, isType: false },
      { line: 10, target: 'rooms/last.ts', isOurs: true, isType: false },
    ]);
  });

  it('finds a global in code, and in no comment or text', () => {
    assert.equal(countGlobals('const now = Date.now();'), 1);
    assert.equal(countGlobals('const at = `${new Date()}`;'), 1);
    assert.equal(countGlobals('const port = process.env["PORT"];'), 1);
    assert.equal(countGlobals('// Date.now() would be wrong here'), 0);
    assert.equal(countGlobals("const hint = 'process.env';"), 0);
    assert.equal(countGlobals('const at = new Date(atMs);'), 0);
  });

  it('finds a circle, and names it once', () => {
    const circle = [
      fileImporting('a/1.ts', './2.ts'),
      fileImporting('a/2.ts', './3.ts'),
      fileImporting('a/3.ts', './1.ts'),
    ];
    assert.deepEqual(findCycles(circle), ['a/1.ts → a/2.ts → a/3.ts → a/1.ts']);
    assert.deepEqual(findCycles([fileImporting('a/1.ts', './2.ts'), fileImporting('a/2.ts', 'kysely')]), []);
  });

  it('refuses an import that goes up or sideways, and takes one that goes down', () => {
    assert.deepEqual(verdictsOn('rooms/a.ts', '../futures/b.ts'), ['rooms is below futures']);
    assert.deepEqual(verdictsOn('rooms/a.ts', '../accounts/b.ts'), ['rooms is beside accounts']);
    assert.deepEqual(verdictsOn('futures/a.ts', '../rooms/b.ts'), [undefined]);
    assert.deepEqual(verdictsOn('rooms/a.ts', './b.ts'), [undefined]);
  });
});

function fileImporting(path: string, target: string): SourceFile {
  return parseSource(path, `import { x } from '${target}';`);
}

function verdictsOn(path: string, target: string): unknown[] {
  const file = fileImporting(path, target);
  return file.imports.map((imported) => upwards(file, imported));
}

function countGlobals(text: string): number {
  return foreignGlobals(parseSource('rooms/a.ts', text)).length;
}

type Complain = (file: SourceFile, imported: SourceImport) => string | undefined;

function eachImport(complain: Complain): string[] {
  return files.flatMap((file) =>
    file.imports.flatMap((imported) => {
      const complaint = complain(file, imported);
      return complaint === undefined ? [] : [`src/${file.path}:${imported.line}: ${complaint}`];
    }),
  );
}

function floorOf(folder: string): number {
  return FLOORS.findIndex((floor) => floor.includes(folder));
}

function upwards(file: SourceFile, { target, isOurs }: SourceImport): string | undefined {
  const folder = target === 'main.ts' ? 'main' : (target.split('/')[0] ?? target);
  if (!isOurs || folder === file.folder) return undefined;
  const [own, other] = [floorOf(file.folder), floorOf(folder)];
  if (other < own) return undefined;
  return `${file.folder} is ${other === own ? 'beside' : 'below'} ${folder}`;
}

function foreignPackage(file: SourceFile, { target, isOurs }: SourceImport): string | undefined {
  const owned = PACKAGES.find(({ name }) => !isOurs && (target === name || target.startsWith(`${name}/`)));
  if (owned === undefined || owned.folders.includes(file.folder)) return undefined;
  return `${owned.name} is for ${owned.folders.join(' and ')} only`;
}

function foreignGlobals(file: SourceFile): string[] {
  return file.codeLines.flatMap((line, index) =>
    GLOBALS.filter(({ name, folder }) => folder !== file.folder && name.test(line)).map(
      ({ name, why }) => `src/${file.path}:${index + 1}: ${name.exec(line)?.[0]}, but ${why}`,
    ),
  );
}

/** Circles of imports that are left when types are erased: each once, from its first file in order of paths. */
function findCycles(all: readonly SourceFile[]): string[] {
  const importsOf = new Map(
    all.map((file) => [
      file.path,
      file.imports.filter((one) => one.isOurs && !one.isType).map((one) => one.target),
    ]),
  );
  const finished = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) circles.push([...trail.slice(start), path].join(' → '));
    if (start !== -1 || finished.has(path)) return;
    for (const target of importsOf.get(path) ?? []) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const { path } of all) visit(path, []);
  return circles;
}
