import { errorText } from '../../../domain/errors.ts';
import type { LocalPipeline } from '../local-cloud.ts';
import type { Target } from '../target.ts';
import { freshRegistry } from './fresh-registry.ts';
import type { Sources } from './sources.ts';

/**
 * Has the pipeline follow changes of the sources, until the signal. What is refused is told once the sources
 * rest, and the old code goes on.
 *
 * @param say gets a line or more for people
 */
export async function reloadOnChange(
  pipeline: LocalPipeline,
  target: Target,
  sources: Sources,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<void> {
  while (await sources.next()) {
    const at = Date.now();
    try {
      if (!(await pipeline.reload(at))) continue;
      Object.assign(target, { registry: await freshRegistry(), outputs: pipeline.outputs });
      say(`Reloaded in ${Date.now() - at} ms: the new code serves.`);
    } catch (error) {
      if (sources.isChanged || signal.aborted) continue;
      pipeline.refuse(at, errorText(error));
      say(`${errorText(error)}\nThis change is not served: the old code goes on.`);
    }
  }
}
