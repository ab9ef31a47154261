import { development, read, withEverything } from './stacks.ts';

/** What the real program registers for the stack `dev`. */
export const program = await read(development);

/** What it registers for a stack that has all there is, and is to be kept. */
export const everything = await read(withEverything);

/** The program's resources as copies that a test may break. */
export const resources = () => structuredClone(program.resources);

/** Sets the value at a path such as `rules.0.id` of an object; undefined removes it. */
export function set(object: Record<string, unknown>, path: string, value: unknown): void {
  const steps = path.split('.');
  const last = steps.pop() ?? '';
  let at = object;
  for (const step of steps) {
    const next = at[step];
    if (typeof next !== 'object' || next === null) throw new Error(`There is nothing at ${step} of ${path}.`);
    at = next as Record<string, unknown>;
  }
  if (value === undefined) delete at[last];
  else at[last] = value;
}
