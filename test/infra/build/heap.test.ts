import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const flags = ['--max-semi-space-size=25', '--max-old-space-size=461', '--expose-gc', '--trace-gc-verbose'];

/** How much a function's heap of some 20 MB may grow before all of it is collected once more, as V8 tells. */
function roomWith(imported: string): number {
  const program = `
    ${imported}
    globalThis.live = Array.from({ length: 400_000 }, (_, i) => [i]);
    gc();
    gc();
  `;
  const output = execFileSync(process.execPath, [...flags, '--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  const limits = [...output.matchAll(/\[HeapController\] Limit: old size: (\d+) KB, new limit: (\d+) KB/g)];
  const [, size, limit] = limits.at(-1) ?? [];
  expect(Number(size)).toBeGreaterThan(15_000);
  return Number(limit) - Number(size);
}

it('the heap of a function may grow by 20 MB more than V8 allows before all of it is collected', () => {
  const heap = join(import.meta.dirname, '../../../handlers/heap.ts');
  const more = roomWith(`await import(${JSON.stringify(heap)});`) - roomWith('');
  expect(more).toBeGreaterThan(20_000);
});
