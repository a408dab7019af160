import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A file as the tests of the layout see it. */
export interface SourceFile {
  /** Under the folder that was read, with slashes: `rooms/decide.ts`. */
  readonly path: string;
  /** The first part of the path; `main` for the file on top. */
  readonly folder: string;
  readonly lineCount: number;
  /** Lines without comments and quoted texts, for a search for names; index 0 is line 1. */
  readonly codeLines: readonly string[];
  readonly imports: readonly SourceImport[];
}

export interface SourceImport {
  readonly line: number;
  /** A path as in {@link SourceFile.path} for a file of ours, else the package or built-in module as written. */
  readonly target: string;
  readonly isOurs: boolean;
  /** Erased when it is compiled: `import type …`. */
  readonly isType: boolean;
}

/** All files of `src` or `test`, sorted by path. */
export function readSourceFiles(root: 'src' | 'test'): readonly SourceFile[] {
  const folder = join(ROOT, root);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.split(sep).join('/'))
    .sort()
    .map((path) => parseSource(path, readFileSync(join(folder, path), 'utf8')));
}

/** One file from its text. */
export function parseSource(path: string, text: string): SourceFile {
  const uncommented = blank(text, COMMENT);
  return {
    path,
    folder: path === 'main.ts' ? 'main' : (path.split('/')[0] ?? path),
    lineCount: text.replace(/\n$/, '').split('\n').length,
    codeLines: blank(text, COMMENT_OR_TEXT).split('\n'),
    imports: [...uncommented.matchAll(IMPORT)].map((match) => ({
      line: uncommented.slice(0, match.index + match[0].length).split('\n').length,
      isType: match[1] !== undefined,
      ...targetOf(path, match[2] ?? ''),
    })),
  };
}

/** `import … from '…'`, `export … from '…'`, `import '…'`, `import('…')`; group 1 says that it is of types only. */
const IMPORT =
  /\b(?:(?:import|export)(\s+type\b)?\s*(?:[\w$*{][^'";()]*?)?\bfrom\s*|import\s*\(?\s*)'([^']+)'/g;

/** Alternatives are tried in order at each place, so that a quote in a comment and a slash in a text mean nothing. */
const TEXT = String.raw`'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"`;
const TEMPLATE = '`(?:\\\\[\\s\\S]|[^`\\\\])*`';
const REGEX = String.raw`(?<=[=(:,!&|?{};[]\s*|return\s+)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/`;
const COMMENT_TEXT = String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/`;
const COMMENT = new RegExp(`(${COMMENT_TEXT})|${TEXT}|${TEMPLATE}|${REGEX}`, 'g');
const COMMENT_OR_TEXT = new RegExp(`(${COMMENT_TEXT}|${TEXT})|${TEMPLATE}|${REGEX}`, 'g');

/** Replaces what the pattern's group matches by spaces, so that lines stay where they are. */
function blank(text: string, pattern: RegExp): string {
  return text.replace(pattern, (whole: string, dropped: string | undefined) =>
    dropped === undefined ? whole : whole.replace(/[^\n]/g, ' '),
  );
}

function targetOf(path: string, written: string): { readonly target: string; readonly isOurs: boolean } {
  if (!written.startsWith('.')) return { target: written, isOurs: false };
  return { target: join(dirname(path), written).split(sep).join('/'), isOurs: true };
}
