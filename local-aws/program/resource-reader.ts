import * as z from 'zod';
import type { Resource } from './program.ts';

/** Reads resources by type and collects their problems. */
export class ResourceReader {
  readonly #resources: readonly Resource[];
  readonly #known: Set<string>;
  readonly #problems = new Set<string>();

  /** @param known types that need not be read */
  constructor(resources: readonly Resource[], known: Iterable<string>) {
    this.#resources = resources;
    this.#known = new Set(known);
  }

  all<Shape extends z.ZodObject>(type: string, shape: Shape): z.output<Shape>[] {
    this.#known.add(type);
    return this.#resources
      .filter((resource) => resource.type === type)
      .flatMap(({ urn, inputs, outputs }) => {
        // AWS returns more outputs than are read here; of inputs, every property counts.
        const answered = Object.entries(outputs).filter(([name]) => name in shape.shape);
        const parsed = shape.safeParse({ ...Object.fromEntries(answered), ...inputs }, { reportInput: true });
        if (parsed.success) return [parsed.data];
        for (const problem of parsed.error.issues.flatMap(problemsOf)) this.complain(urn, problem);
        return [];
      });
  }

  json<Shape extends z.ZodType>(
    text: string | undefined,
    shape: Shape,
    of: string,
  ): z.output<Shape> | undefined {
    if (text === undefined) return undefined;
    try {
      return shape.parse(JSON.parse(text));
    } catch (error) {
      this.complain(of, `${text}: ${error instanceof z.ZodError ? z.prettifyError(error) : String(error)}`);
      return undefined;
    }
  }

  complain(of: string, what: string): void {
    this.#problems.add(`${of}: ${what}`);
  }

  /** @throws if there are problems, or resources of types that were not read */
  finish(): void {
    for (const { urn, type, component } of this.#resources)
      if (!component && !this.#known.has(type))
        this.complain(urn, `the local cloud does not support the type ${type}`);
    if (this.#problems.size > 0)
      throw new Error(`The local cloud can't be built from this program.\n${[...this.#problems].join('\n')}`);
  }
}

function problemsOf(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(
      (key) => `${[...issue.path, key].join('.')}: the local cloud does not support this property`,
    );
  const isMissing = issue.code === 'invalid_type' && issue.input === undefined;
  return [
    `${path}: ${isMissing ? 'the local cloud needs this property; add it to the program' : issue.message}`,
  ];
}
