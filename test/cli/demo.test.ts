import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { finished, startSluice } from './sluice.ts';

test('the demo accounts for every record, and prints only its progress on stderr', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-no-demo-'));
  try {
    const { status, stdout, stderr } = await finished(startSluice(directory, ['demo']));
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(
      /\nEvery record is accounted for: 817 read = 593 written \+ 206 filtered \+ 18 rejected\. /,
    );
    for (const line of stderr.split('\n'))
      expect(line).toMatch(/^($|Starting the local cloud|Uploading .* of |\d+ of \d+ done; )/);
    expect(readdirSync(directory)).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
