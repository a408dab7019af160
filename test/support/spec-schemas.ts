import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { parse } from 'yaml';

/**
 * The response schemas of the Matrix specification, read from its `data/` folder when MATRIX_SPEC_DATA names it. Test
 * data, not part of the server: the schemas say less than the prose, but they say it to the letter.
 */
export interface SpecSchemas {
  /**
   * What is wrong with an answer, or nothing. A refusal that the specification does not describe must have the form of all
   * refusals. Paths that it does not have, and answers that are no JSON by its word, fit always.
   */
  findFaults(method: string, path: string, answer: Answer): readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  /** Undefined for what is no JSON. */
  readonly json: unknown;
}

interface Operation {
  readonly method: string;
  readonly pattern: RegExp;
  /** How many characters of the template are no parameters: the more, the closer the match. */
  readonly literal: number;
  /** Where the schema of each documented status is: document and JSON pointer; undefined where it has no JSON. */
  readonly schemas: ReadonlyMap<string, string | undefined>;
}

type Node = Readonly<Record<string, unknown>>;
const METHODS = ['get', 'put', 'post', 'delete'];
/** What v3 was called once. */
const OLD_PREFIX = /^\/_matrix\/(client|media)\/r0\//;

/** undefined when MATRIX_SPEC_DATA is not set: nothing is checked then. */
export function loadSpecSchemas(directory = process.env['MATRIX_SPEC_DATA']): SpecSchemas | undefined {
  if (directory === undefined || directory === '') return undefined;
  const ajv = makeAjv(directory);
  const operations = listOperations(join(directory, 'api/client-server'));
  const errors = idOf(join(directory, 'api/client-server/definitions/errors/error.yaml'));
  const findFaults: SpecSchemas['findFaults'] = (method, path, { status, contentType, json }) => {
    const operation = findOperation(operations, method, path);
    if (operation === undefined) return [];
    if (status < 400 && !operation.schemas.has(String(status)))
      return [`the specification names no status ${status}`];
    const named = operation.schemas.get(String(status));
    // A token may be refused wherever stages are asked for.
    const pointers = [named ?? (status < 400 ? [] : errors), status === 401 ? errors : []].flat();
    if (pointers.length === 0) return [];
    if (contentType !== 'application/json') return [`its Content-Type is ${contentType}`];
    const faults = pointers.map((pointer) => findSchemaFaults(ajv, pointer, json));
    return faults.find((list) => list.length === 0) ?? faults[0] ?? [];
  };
  return { findFaults };
}

function findSchemaFaults(ajv: Ajv2020, pointer: string, json: unknown): readonly string[] {
  const validate = ajv.getSchema(encodeURI(pointer));
  if (validate === undefined) throw new Error(`there is no schema at ${pointer}`);
  if (validate(json) === true) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`);
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
        return {
          method: method.toUpperCase(),
          pattern: new RegExp(
            `^${template.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&').replaceAll(/\{[^}]+\}/g, '[^/]+')}$`,
          ),
          literal: template.replaceAll(/\{[^}]+\}/g, '').length,
          schemas: listSchemas(document, ['paths', path, method, 'responses'], idOf(file)),
        };
      }),
    );
  });
}

/** Where the schemas of an operation's responses are, by status. A response may stand elsewhere in the same document. */
function listSchemas(document: unknown, at: readonly string[], id: string): Map<string, string | undefined> {
  return new Map(
    Object.keys(nodeAt(document, ...at)).map((status) => {
      const reference = nodeAt(document, ...at, status)['$ref'];
      const where = typeof reference === 'string' ? reference.slice('#/'.length).split('/') : [...at, status];
      const schema = [...where, 'content', 'application/json', 'schema'];
      const isThere = Object.keys(nodeAt(document, ...schema)).length > 0;
      return [status, isThere ? `${id}#/${schema.map(escapePointer).join('/')}` : undefined];
    }),
  );
}

function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

function findOperation(
  operations: readonly Operation[],
  method: string,
  path: string,
): Operation | undefined {
  const bare = (path.split(/[?#]/)[0] ?? path).replace(OLD_PREFIX, '/_matrix/$1/v3/');
  return operations
    .filter((operation) => operation.method === method && operation.pattern.test(bare))
    .toSorted((a, b) => b.literal - a.literal)[0];
}
