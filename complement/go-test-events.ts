import { z } from 'zod';

/**
 * One line of `go test -json` (https://pkg.go.dev/cmd/test2json#hdr-Output_Format): what happened to a package, or to one
 * of its tests. A subtest is named `Test/subtest`.
 */
export interface GoTestEvent {
  readonly action: string;
  /** The last part of the package's path: `csapi`, and `tests` for the one that holds the others. */
  readonly package: string;
  readonly test: string | undefined;
  readonly seconds: number | undefined;
  readonly output: string | undefined;
  /** The line as it was. */
  readonly line: string;
}

const eventLine = z.object({
  Action: z.string(),
  Package: z.string(),
  Test: z.string().optional(),
  Elapsed: z.number().optional(),
  Output: z.string().optional(),
});

/** Reads what `go test -json` printed. Lines that are none of its own, such as those of a compiler, are passed over. */
export function parseGoTestEvents(text: string): readonly GoTestEvent[] {
  return text.split('\n').flatMap((line) => {
    const parsed = eventLine.safeParse(parseJson(line));
    if (!parsed.success) return [];
    const { Action, Package, Test, Elapsed, Output } = parsed.data;
    const name = Package.split('/').at(-1) ?? Package;
    return [{ action: Action, package: name, test: Test, seconds: Elapsed, output: Output, line }];
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
