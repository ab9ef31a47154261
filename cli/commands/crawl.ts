import type { Command } from 'commander';
import { crawlAndWait, startCrawl } from '../lake/catalog.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { Progress, printableJson } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

export function crawl(program: Command): void {
  program
    .command('crawl')
    .description('start the crawler, which adds new partitions to the catalog')
    .option('-w, --wait', 'wait until it has ended; exit 1 if it fails')
    .option('--timeout <seconds>', 'how long to wait at most', Number, 1800)
    .option('--json', 'as JSON')
    .action(async (options: { wait?: true; timeout: number; json?: true }) => {
      if (!(options.timeout > 0)) throw new UserError('--timeout must be a number of seconds above 0.');
      const target = await chosenTarget(program);
      const { crawler } = target.outputs.catalog;
      if (!options.wait) {
        const started = await startCrawl(target);
        if (options.json) console.log(printableJson({ crawler, started }));
        else
          console.log(
            `The crawler ${started ? 'has started' : 'is already running'}. To see its result: npx sluice catalog`,
          );
        return;
      }
      const progress = new Progress();
      const beganAt = performance.now();
      await crawlAndWait(target, options.timeout, (text) => progress.show(text)).finally(() =>
        progress.end(),
      );
      const tookMs = Math.round(performance.now() - beganAt);
      if (options.json) console.log(printableJson({ crawler, started: true, tookMs }));
      else console.log(`The crawl ended after ${(tookMs / 1000).toFixed(1)} s.`);
    });
}
