import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { parse } from 'yaml';

/**
 * The response schemas of the Matrix specification, read from its `data/` folder when MATRIX_SPEC_DATA names it. Test
 * data, not part of the server: the schemas say less than the prose, but they say it to the letter.
 */
export interface SpecSchemas {
  /** What is wrong with a JSON answer, or nothing; an operation or status that the specification lacks has no schema. */
  findFaults(method: string, path: string, status: number, body: unknown): readonly string[];
}

interface Operation {
  readonly method: string;
  readonly pattern: RegExp;
  /** How many characters of the template are no parameters: the more, the closer the match. */
  readonly literal: number;
  /** Where the operation's schemas are: document and JSON pointer. */
  readonly pointer: string;
  readonly statuses: ReadonlySet<string>;
}

type Node = Readonly<Record<string, unknown>>;
const METHODS = ['get', 'put', 'post', 'delete'];

/** undefined when MATRIX_SPEC_DATA is not set: nothing is checked then. */
export function loadSpecSchemas(directory = process.env['MATRIX_SPEC_DATA']): SpecSchemas | undefined {
  if (directory === undefined || directory === '') return undefined;
  const ajv = makeAjv(directory);
  const operations = listOperations(join(directory, 'api/client-server'));
  const compiled = new Map<string, ValidateFunction | undefined>();
  const validatorOf = (operation: Operation, status: number): ValidateFunction | undefined => {
    const pointer = `${operation.pointer}/responses/${status}/content/application~1json/schema`;
    if (!compiled.has(pointer)) compiled.set(pointer, ajv.getSchema(encodeURI(pointer)));
    return compiled.get(pointer);
  };
  return {
    findFaults(method, path, status, body) {
      const operation = findOperation(operations, method, path);
      if (operation === undefined || !operation.statuses.has(String(status))) return [];
      const validate = validatorOf(operation, status);
      if (validate === undefined || validate(body)) return [];
      return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`);
    },
  };
}

function makeAjv(directory: string): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  // The package is CommonJS; its function is the default of its default.
  const addFormats = 'default' in addFormatsModule ? addFormatsModule.default : addFormatsModule;
  if (typeof addFormats === 'function') addFormats(ajv);
  for (const file of listYaml(directory)) {
    ajv.addSchema(withoutExamples(parse(readFileSync(file, 'utf8'), { uniqueKeys: false })), idOf(file));
  }
  return ajv;
}

function idOf(file: string): string {
  return pathToFileURL(file).href;
}

function listYaml(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml') && !name.includes('examples/'))
    .map((name) => join(directory, name));
}

/** Examples may hold anything, also what looks like a schema. */
function withoutExamples(value: unknown): Node {
  const strip = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(strip);
    if (!isNode(part)) return part;
    const kept = Object.fromEntries(
      Object.entries(part)
        .filter(([key, member]) => (key !== 'example' && key !== 'examples') || isSchemaOf(member))
        .map(([key, member]) => [key, strip(member)]),
    );
    // A schema that is a reference and no more is followed by ajv from the wrong file.
    const isBare = typeof kept['$ref'] === 'string' && Object.keys(kept).length === 1;
    return isBare ? { allOf: [kept] } : kept;
  };
  const stripped = strip(value);
  return isNode(stripped) ? stripped : {};
}

/** A property may be called `example`; then it is described by a type. */
function isSchemaOf(member: unknown): boolean {
  return isNode(member) && 'type' in member && 'description' in member;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function nodeAt(value: unknown, ...keys: readonly (string | number)[]): Node {
  let at: unknown = value;
  for (const key of keys) {
    at = Array.isArray(at) && typeof key === 'number' ? at[key] : isNode(at) ? at[key] : undefined;
  }
  return isNode(at) ? at : {};
}

function listOperations(directory: string): Operation[] {
  return listYaml(directory).flatMap((file) => {
    const document: unknown = parse(readFileSync(file, 'utf8'), { uniqueKeys: false });
    const base = nodeAt(document, 'servers', 0, 'variables', 'basePath')['default'];
    return Object.entries(nodeAt(document, 'paths')).flatMap(([path, item]) =>
      METHODS.filter((method) => isNode(item) && method in item).map((method) => {
        const template = `${typeof base === 'string' ? base : ''}${path.trim()}`;
        const escaped = path.replaceAll('~', '~0').replaceAll('/', '~1');
        return {
          method: method.toUpperCase(),
          pattern: new RegExp(
            `^${template.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&').replaceAll(/\{[^}]+\}/g, '[^/]+')}$`,
          ),
          literal: template.replaceAll(/\{[^}]+\}/g, '').length,
          pointer: `${idOf(file)}#/paths/${escaped}/${method}`,
          statuses: new Set(Object.keys(nodeAt(item, method, 'responses'))),
        };
      }),
    );
  });
}

function findOperation(
  operations: readonly Operation[],
  method: string,
  path: string,
): Operation | undefined {
  const bare = path.split('?')[0] ?? path;
  return operations
    .filter((operation) => operation.method === method && operation.pattern.test(bare))
    .toSorted((a, b) => b.literal - a.literal)[0];
}
